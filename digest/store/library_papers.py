"""Queries about the papers of subscribers' libraries that are not stored."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, delete, func, literal, select, tuple_

from digest.store.bounds import keep_newest
from digest.store.conditions import one_of
from digest.store.feedback import like_all
from digest.store.library_models import library_papers
from digest.store.models import papers
from digest.store.papers import upsert

MOST_PAPERS = 2000
"""Most library papers of one subscriber; the oldest are deleted first."""
ARRIVED_WITHIN = timedelta(days=7)
"""How long after a paper was first seen it is still looked for in libraries, if the job that does so was down."""

_stored = library_papers.c


@dataclass(frozen=True, slots=True)
class LibraryPaper:
    """A paper that a subscriber keeps and that is not stored."""

    key: str
    """The id derived from the title, or the DOI where only that is known."""
    title: str
    abstract: str = ""
    arxiv_id: str | None = None
    doi: str | None = None
    source: str = ""


def save_library(connection: Connection, kept: Iterable[tuple[int, LibraryPaper]], now: datetime) -> None:
    """Store (subscriber_id, paper); a paper that is there already gets the new texts."""
    kept = list(kept)
    rows = [
        {
            "subscriber_id": subscriber_id,
            "key": one.key,
            "title": one.title,
            "abstract": one.abstract,
            "arxiv_id": one.arxiv_id,
            "doi": one.doi,
            "source": one.source,
            "added_at": now,
        }
        for subscriber_id, one in kept
    ]
    if not rows:
        return
    statement = upsert(connection)(library_papers)
    replaced = ("title", "abstract", "arxiv_id", "doi", "source")
    statement = statement.on_conflict_do_update(
        index_elements=["subscriber_id", "key"],
        set_={name: statement.excluded[name] for name in replaced},
    )
    connection.execute(statement, rows)
    owners = {subscriber_id for subscriber_id, _ in kept}
    keep_newest(connection, library_papers, (_stored.added_at, _stored.key), owners, MOST_PAPERS)


def copy_library(connection: Connection, source_id: int, target_id: int) -> None:
    """Copy all library papers of a subscriber to another one; papers that exist are kept."""
    columns = [column for column in library_papers.c if column.name != "subscriber_id"]
    of_source = select(literal(target_id), *columns).where(_stored.subscriber_id == source_id)
    names = ["subscriber_id", *(column.name for column in columns)]
    copied = upsert(connection)(library_papers).from_select(names, of_source)
    connection.execute(copied.on_conflict_do_nothing())


def count_library(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, int]:
    """Return how many library papers each subscriber has; subscribers without any are left out."""
    counted = select(_stored.subscriber_id, func.count()).where(one_of(_stored.subscriber_id, subscriber_ids))
    return dict(connection.execute(counted.group_by(_stored.subscriber_id)).all())


def read_library(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, list[LibraryPaper]]:
    """Return the library papers by subscriber, the oldest first; subscribers without any are left out."""
    query = (
        select(library_papers)
        .where(one_of(_stored.subscriber_id, subscriber_ids))
        .order_by(_stored.added_at, _stored.key)
    )
    found: dict[int, list[LibraryPaper]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.subscriber_id].append(
            LibraryPaper(row.key, row.title, row.abstract, row.arxiv_id, row.doi, row.source)
        )
    return dict(found)


def texts_of(kept: Iterable[LibraryPaper]) -> list[tuple[str, str]]:
    """Return the (title, abstract) texts of library papers; those without a title have none."""
    return [(one.title, one.abstract) for one in kept if one.title]


def delete_library(connection: Connection, subscriber_id: int) -> int:
    """Delete all library papers of a subscriber; return how many there were."""
    gone = delete(library_papers).where(_stored.subscriber_id == subscriber_id)
    return connection.execute(gone).rowcount


@dataclass(frozen=True, slots=True)
class LibraryArrival:
    """A library paper that is stored by now."""

    subscriber_id: int
    key: str
    added_at: datetime
    paper_row_id: int


def arrived(connection: Connection, now: datetime, limit: int) -> list[LibraryArrival]:
    """Return library papers that are among the papers first seen in the last days, at most `limit`."""
    matches = (papers.c.title_id == _stored.key, papers.c.paper_id == _stored.arxiv_id,
               papers.c.paper_id == _stored.doi)  # fmt: skip
    found: dict[tuple[int, str], LibraryArrival] = {}
    for match in matches:
        # A query for each way, because no index serves two of them.
        for row in connection.execute(_arrivals(now).join(library_papers, match).limit(limit)):
            arrival = LibraryArrival(row.subscriber_id, row.key, row.added_at, row.paper_row_id)
            found.setdefault((row.subscriber_id, row.key), arrival)
    return list(found.values())[:limit]


def _arrivals(now: datetime) -> Select[tuple[int, str, datetime, int]]:
    # Row ids rise with time: searching back from the newest, an index finds the first older paper at once.
    older = papers.c.first_seen_at < now - ARRIVED_WITHIN
    last_older = select(papers.c.id).where(older).order_by(papers.c.id.desc()).limit(1).scalar_subquery()
    return (
        select(_stored.subscriber_id, _stored.key, _stored.added_at, papers.c.id.label("paper_row_id"))
        .select_from(papers)
        .where(papers.c.id > func.coalesce(last_older, 0))
        .order_by(papers.c.id)
    )


def settle(connection: Connection, arrivals: Collection[LibraryArrival]) -> None:
    """Turn library papers into liked papers; a verdict that exists is kept."""
    like_all(connection, [(one.subscriber_id, one.paper_row_id, one.added_at) for one in arrivals])
    keys = [(one.subscriber_id, one.key) for one in arrivals]
    connection.execute(delete(library_papers).where(tuple_(_stored.subscriber_id, _stored.key).in_(keys)))
