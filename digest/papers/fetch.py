"""Reading a feed: its papers into the database, and one row that says how it went."""

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest.domain.paper import FeedItem, FetchStatus
from digest.errors import StopRun, TryLater
from digest.papers.ingest import IngestResult, ingest
from digest.papers.sources.common import Rejected, Source
from digest.store import fetches as fetch_store
from digest.store.database import Database
from digest.store.fetches import FetchOutcome

_log = logging.getLogger(__name__)
_LONGEST_ERROR = 500
DAYS_BACK = timedelta(days=7)
"""How far back a feed is read if nobody says: votes come in for about a week."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """How reading one feed went."""

    source: str
    status: FetchStatus
    intake: IngestResult

    @property
    def error(self) -> str:
        """One line for a person; empty when all went well."""
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
    """Read one feed from a day on. Whatever is good in it is kept; a feed that fails is reported, not raised.

    Even an error that nobody foresaw costs this feed alone. `is_stopping` is asked before each item.
    """
    now = clock()
    with database.begin() as connection:
        fetch_id = fetch_store.begin_fetch(connection, source.name, now)
    intake = IngestResult()
    try:
        ingest(database, _until_stopping(source, since, now, is_stopping), now, result=intake)
    except Exception as fault:  # noqa: BLE001 - the other feeds go on
        _log.error("%s: %s: %s", source.name, _place_of(fault), fault)
        intake.error = StopRun(
            f"{source.name}: the feed could not be read because of a fault in this program "
            f"({_place_of(fault)}); please report it."
        )
    fetched = Fetched(source.name, fetch_status(intake), intake)
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
            raise TryLater(f"{source.name}: the reading was stopped; the next one takes up the rest.")
        yield item


def _place_of(fault: Exception) -> str:
    """Name the type of an error and the innermost place of it."""
    frames = traceback.extract_tb(fault.__traceback__)
    if not frames:
        return type(fault).__name__
    place = "/".join(frames[-1].filename.replace("\\", "/").split("/")[-2:])
    return f"{type(fault).__name__} at {place}:{frames[-1].lineno} in {frames[-1].name}"


def fetch_status(intake: IngestResult) -> FetchStatus:
    """Say in a word how a reading went: `failed` gave nothing, `partial` broke off or left items out."""
    if intake.error is not None:
        return FetchStatus.PARTIAL if intake.seen else FetchStatus.FAILED
    return FetchStatus.PARTIAL if intake.rejected else FetchStatus.COMPLETE
