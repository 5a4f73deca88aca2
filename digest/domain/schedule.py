"""When a subscriber is due.

An *edition* is a date in the subscriber's time zone. It is due at the subscriber's hour on that date. When
clocks are put forward over that hour, it is due at the first moment after the gap; when the hour occurs
twice, at the first occurrence.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from digest.domain.subscriber import Frequency, Schedule

_MONDAY, _SATURDAY = 0, 5
# There is an edition within a week, or a day later if the zone skips a day.
_SEARCH_DAYS = 9
LONGEST_WAIT: Mapping[Frequency, timedelta] = {
    Frequency.DAILY: timedelta(days=2),
    Frequency.WEEKDAYS: timedelta(days=4),
    Frequency.WEEKLY: timedelta(days=8),
}
"""The longest time from an edition's day to the next edition. A later due time comes from a wrong clock.

It is measured from the start of one edition's day to the last hour of the next one's. In a zone that skips a
day at the date line, the wait can be a day longer; planning early is harmless, as an edition has one row.
"""


def sends_on(day: date, frequency: Frequency) -> bool:
    """Return whether this frequency has an edition on that day; the weekly one is on Mondays."""
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
    """Return the instant (UTC) at which the edition of that day is due.

    None on days without an edition for the frequency, and on a day that the zone skipped when it moved over
    the date line.
    """
    if not sends_on(day, schedule.frequency):
        return None
    instant = datetime.combine(day, time(schedule.hour), schedule.zone).astimezone(UTC)
    return instant if local_date(instant, schedule) == day else None


def local_date(instant: datetime, schedule: Schedule) -> date:
    """Return the date in the subscriber's time zone."""
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

    Editions up to the date `after` are left out: a subscriber whose first digest was sent before the usual
    hour of a day gets no second one that day. None for the frequency `off`.
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
