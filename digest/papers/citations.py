"""Which stored papers have their citations counted: each once a week, for some weeks after its announcement."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from digest.papers.sources.citations import PaperToCount
from digest.store import fetches as fetch_store
from digest.store import papers as paper_store
from digest.store.database import Database
from digest.store.same_works import ids_of_rows

COUNTED_WEEKS = 8
"""How many weeks after its announcement a paper is counted."""
SOURCE = "citations"
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


def announcements_due(today: date, last_on: date | None) -> list[date]:
    """Return the days whose papers are counted today: those that are some weeks old today, or were since the last time.

    Days that were missed are made up for a week back. The first time, only today's are counted: all papers of two months
    are too many requests at once, and a week later each has been counted.
    """
    first = today if last_on is None else max(last_on + _DAY, today - 6 * _DAY)
    days = [first + number * _DAY for number in range((today - first).days + 1)]
    return [day - weeks * _WEEK for weeks in range(1, COUNTED_WEEKS + 1) for day in days]


def papers_to_count(database: Database, now: datetime) -> Iterator[PaperToCount]:
    """Yield the papers to count, the newest first; none if all of today's were counted before."""
    with database.read() as connection:
        last = fetch_store.last_complete(connection, SOURCE, now)
    for day in announcements_due(now.date(), last and last.date()):
        with database.read() as connection:
            stored = paper_store.announced_between(connection, day - _DAY, day)
            others = ids_of_rows(connection, [one.row_id for one in stored])
        for one in stored:
            yield PaperToCount(one.paper, (one.paper.id, *others.get(one.row_id, ())))
