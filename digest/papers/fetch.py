"""Fetching a feed: its papers are stored, and the run is recorded in `fetches`."""

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest.domain.paper import FeedItem, FetchStatus
from digest.errors import StopRun, TryLater
from digest.metrics import FETCH_SECONDS, FETCHED_ITEMS, FETCHES
from digest.papers.ingest import IngestResult, ingest
from digest.papers.sources.common import Rejected, Source
from digest.store import fetches as fetch_store
from digest.store.database import Database
from digest.store.fetches import FetchOutcome

_log = logging.getLogger(__name__)
_LONGEST_ERROR = 500
DAYS_BACK = timedelta(days=7)
"""How far back a feed is read by default: votes rise for about a week."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of fetching one feed."""

    source: str
    status: FetchStatus
    intake: IngestResult

    @property
    def error(self) -> str:
        """The error in one line; "" when there was none."""
        if self.intake.error is not None:
            return str(self.intake.error)
        if rejected := self.intake.rejected:
            first = rejected[0]
            items = "1 item" if len(rejected) == 1 else f"{len(rejected):,} items"
            return f"{items} left out, the first at {first.where}: {first.reason}"
        return ""


def fetch(
    database: Database,
    source: Source,
    since: date,
    clock: Callable[[], datetime],
    is_stopping: Callable[[], bool] = lambda: False,
) -> Fetched:
    """Fetch one feed from a day on. Good items are stored; a failure is reported in the result, not raised.

    An unexpected exception is reported likewise, so that the other feeds go on. `is_stopping` is called before
    each item.
    """
    now = clock()
    with database.begin() as connection:
        fetch_id = fetch_store.begin_fetch(connection, source.name, now)
    intake = IngestResult()
    try:
        with FETCH_SECONDS.labels(source.name).time():
            ingest(database, _until_stopping(source, since, now, is_stopping), now, result=intake)
    except Exception as fault:  # noqa: BLE001 - the other feeds go on
        _log.error("%s: %s: %s", source.name, _place_of(fault), fault)
        intake.error = StopRun(
            f"{source.name}: the feed could not be read because of a fault in this program "
            f"({_place_of(fault)}); please report it."
        )
    fetched = Fetched(source.name, fetch_status(intake), intake)
    _log.info("%s: %s papers, %s new (%s)", source.name, intake.seen, intake.added, fetched.status)
    FETCHES.labels(source.name, fetched.status).inc()
    FETCHED_ITEMS.labels(source.name, "stored").inc(intake.seen)
    FETCHED_ITEMS.labels(source.name, "rejected").inc(len(intake.rejected))
    with database.begin() as connection:
        fetch_store.end_fetch(
            connection,
            fetch_id,
            FetchOutcome(
                status=fetched.status,
                seen=intake.seen,
                added=intake.added,
                changed=intake.changed,
                rejected=len(intake.rejected),
                newest_on=intake.newest_on,
                error=fetched.error[:_LONGEST_ERROR],
            ),
            clock(),
        )
    return fetched


def _until_stopping(
    source: Source, since: date, now: datetime, is_stopping: Callable[[], bool]
) -> Iterator[FeedItem | Rejected]:
    for item in source.fetch(since, now):
        if is_stopping():
            raise TryLater(f"{source.name}: the fetch was stopped; the next one reads the rest.")
        yield item


def _place_of(fault: Exception) -> str:
    """Return the type of an error and its innermost stack frame."""
    frames = traceback.extract_tb(fault.__traceback__)
    if not frames:
        return type(fault).__name__
    file = "/".join(frames[-1].filename.replace("\\", "/").split("/")[-2:])
    return f"{type(fault).__name__} at {file}:{frames[-1].lineno} in {frames[-1].name}"


def fetch_status(intake: IngestResult) -> FetchStatus:
    """Return the status of a fetch: `failed` stored nothing, `partial` broke off or rejected items."""
    if intake.error is not None:
        return FetchStatus.PARTIAL if intake.seen else FetchStatus.FAILED
    return FetchStatus.PARTIAL if intake.rejected else FetchStatus.COMPLETE
