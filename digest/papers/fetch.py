"""Reading a feed: its papers into the database, and one row that says how it went."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest.papers.ingest import Intake, take_in
from digest.papers.sources.common import Source
from digest.store import fetches as store
from digest.store.database import Database
from digest.store.fetches import FetchOutcome, FetchStatus

_LONGEST_ERROR = 500
DAYS_BACK = timedelta(days=7)
"""How far back a feed is read if nobody says: votes come in for about a week."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """How reading one feed went."""

    source: str
    status: FetchStatus
    intake: Intake

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


def fetch(database: Database, source: Source, since: date, clock: Callable[[], datetime]) -> Fetched:
    """Read one feed from a day on. Whatever is good in it is kept; a feed that fails is reported, not raised."""
    now = clock()
    with database.begin() as connection:
        number = store.begin_fetch(connection, source.name, now)
    intake = take_in(database, source.fetch(since, now), now)
    fetched = Fetched(source.name, fetch_status(intake), intake)
    with database.begin() as connection:
        store.end_fetch(
            connection,
            number,
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


def fetch_status(intake: Intake) -> FetchStatus:
    """Say in a word how a reading went: `failed` gave nothing, `partial` broke off or left items out."""
    if intake.error is not None:
        return "partial" if intake.seen else "failed"
    return "partial" if intake.rejected else "complete"
