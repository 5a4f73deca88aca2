from datetime import date
from typing import Any

from sqlalchemy import select

from digest.domain.paper import FeedItem, Paper, Popularity
from digest.papers.ingest import IngestResult, ingest
from digest.papers.sources.common import make_paper as paper_from_feed
from digest.store import papers as paper_store
from digest.store.database import Database
from digest.store.models import papers
from digest.store.papers import StoredPaper
from tests.factories import (
    TUESDAY,
    at,
    make_paper,
)

TITLE = make_paper(1).title


def record(**changes: Any) -> Paper:
    """Return the paper as arXiv's own record."""
    return make_paper(1, **changes)


def listed(**changes: Any) -> Paper:
    """Return the paper as a listing page without ids shows it."""
    usual: dict[str, Any] = {"paper_id": "", "title": TITLE.upper(), "abstract": "From a listing."}
    return paper_from_feed(**{**usual, **changes})


def only(database: Database) -> StoredPaper:
    """Return the only stored paper."""
    with database.read() as connection:
        (number,) = connection.execute(select(papers.c.id)).scalars()
        return paper_store.find_by_row_ids(connection, [number])[number]


def take_one(
    database: Database, paper: Paper, now_on: date = TUESDAY, votes: Popularity | None = None
) -> IngestResult:
    return ingest(database, [FeedItem(paper, votes)], at(now_on))
