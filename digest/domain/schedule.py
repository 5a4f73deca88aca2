"""When a subscriber is due: pure arithmetic on their clock.

An *edition* is a date on the subscriber's own calendar. It is due when their clock shows their hour on
that date. Where clocks are put forward over that hour, it is due at the first moment after; where
they are put back and the hour comes twice, at its first coming.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from digest.domain.subscriber import Frequency, Schedule

_MONDAY, _SATURDAY = 0, 5
# The longest stretch without an edition is a week, and a day can be missing from a calendar.
_SEARCH_DAYS = 9
LONGEST_WAIT: Mapping[Frequency, timedelta] = {
    Frequency.DAILY: timedelta(days=2),
    Frequency.WEEKDAYS: timedelta(days=4),
    Frequency.WEEKLY: timedelta(days=8),
}
"""A next edition further away than this was computed by a clock that was ahead.

The longest wait begins in the first minute of an edition's day and ends in the last hour of the next one's.
Where a zone skips a whole day over the date line a wait can be a day longer; planning that early is harmless,
as an edition has one row in the ledger.
"""


def sends_on(day: date, frequency: Frequency) -> bool:
    """Tell whether this frequency has an edition on that day; the weekly one comes out on Mondays."""
    match frequency:
        case Frequency.DAILY:
            return True
        case Frequency.WEEKDAYS:
            return day.weekday() < _SATURDAY
        case Frequency.WEEKLY:
            return day.weekday() == _MONDAY
        case Frequency.OFF:
            return False


def due_at(day: date, schedule: Schedule) -> datetime | None:
    """Return the instant (UTC) at which the edition of that day is due; None when there is none.

    There is none on days that the frequency leaves out, and on the day a zone skipped altogether when
    it moved over the date line.
    """
    if not sends_on(day, schedule.frequency):
        return None
    instant = datetime.combine(day, time(schedule.hour), schedule.zone).astimezone(UTC)
    return instant if local_date(instant, schedule) == day else None


def local_date(instant: datetime, schedule: Schedule) -> date:
    """Return the date on the subscriber's calendar."""
    return instant.astimezone(schedule.zone).date()


def latest_edition(now: datetime, schedule: Schedule) -> date | None:
    """Return the newest edition that is due by `now`; None when there is none (frequency `off`)."""
    today = local_date(now, schedule)
    for back in range(_SEARCH_DAYS):
        day = today - timedelta(days=back)
        instant = due_at(day, schedule)
        if instant is not None and instant <= now:
            return day
    return None


def next_due_at(now: datetime, schedule: Schedule, after: date | None = None) -> datetime | None:
    """Return the first instant after `now` at which an edition is due.

    `after` leaves out editions up to that date: a subscriber whose first digest went out early in the
    morning of a day gets no second one at the usual hour. None for the frequency `off`.
    """
    today = local_date(now, schedule)
    for ahead in range(-1, _SEARCH_DAYS + 1):
        day = today + timedelta(days=ahead)
        if after is not None and day <= after:
            continue
        instant = due_at(day, schedule)
        if instant is not None and instant > now:
            return instant
    return None
