"""Feedback on papers that are not stored yet: they are fetched by id, and the feedback applies when they arrive."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from digest.papers.ingest import ingest
from digest.papers.sources.common import Found
from digest.store import library_papers as library_store
from digest.store import pending_feedback as store
from digest.store.database import Connection, Database
from digest.subscribers.profiles import ProfileBuilder

ASKED_FOR = timedelta(days=7)
"""How long after the feedback a paper is requested from arXiv, whose index can lag the announcement by days."""
ASKED_AGAIN = timedelta(days=1)
"""The interval between requests for the same paper."""
BATCH = 100
"""Papers in one request."""
MOST_AT_ONCE = 1000
"""Papers in one call: ten requests, half a minute at arXiv's pace."""
_PAGE = 500


class PapersById(Protocol):
    """A source that fetches papers by id."""

    def papers(self, ids: Sequence[str]) -> Found:
        """Yield those of these papers that exist. Raises TryLater or StopRun after them."""


@dataclass(frozen=True, slots=True)
class FetchedById:
    """The result of fetching by id."""

    asked: int = 0
    added: int = 0
    error: str = ""
    """Why papers could not be fetched, in one sentence; "" if they were. They are requested again later."""


def fetch_pending(
    database: Database,
    source: PapersById,
    builder: ProfileBuilder,
    now: datetime,
    only: Collection[str] | None = None,
) -> FetchedById:
    """Fetch the papers of pending feedback, BATCH per request, and apply the feedback on those that arrive.

    `only` restricts it to these canonical ids. A paper that arXiv does not have is requested once a day for a week.
    """
    apply_arrived(database, builder, now)
    with database.read() as connection:
        ids = _ids_to_fetch(connection, now, only)
    asked = added = 0
    error = ""
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        intake = ingest(database, source.papers(batch), now)
        added += intake.added
        if intake.error is not None:
            error = str(intake.error)
            break
        asked += len(batch)
        with database.begin() as connection:
            store.mark_requested(connection, batch, now)
    if added:
        apply_arrived(database, builder, now)
    return FetchedById(asked, added, error)


def _ids_to_fetch(connection: Connection, now: datetime, only: Collection[str] | None) -> list[str]:
    ids = store.ids_to_request(connection, now - ASKED_FOR, now - ASKED_AGAIN, MOST_AT_ONCE)
    return ids if only is None else [one for one in ids if one in only]


def apply_arrived(database: Database, builder: ProfileBuilder, now: datetime) -> int:
    """Apply pending feedback on papers that are now stored, and like those of libraries; return how many.

    The profiles are rebuilt.
    """
    learned = 0
    while True:
        with database.read() as connection:
            if not (store.arrived(connection, 1) or library_store.arrived(connection, now, 1)):
                return learned
            # Reading the reference corpus is slow; done here, it does not block writers.
            builder.reference(connection)
        with database.begin() as connection:
            arrivals = store.arrived(connection, _PAGE)
            if arrivals:
                store.settle(connection, arrivals)
            # After the feedback, which counts more: it was given on the paper itself.
            kept = library_store.arrived(connection, now, _PAGE)
            if kept:
                library_store.settle(connection, kept)
            changed = {(one.subscriber_id, one.paper_row_id) for one in arrivals}
            changed |= {(one.subscriber_id, one.paper_row_id) for one in kept}
            builder.rebuild(connection, {subscriber_id for subscriber_id, _ in changed}, now)
        learned += len(changed)
