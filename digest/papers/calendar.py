"""arXiv's announcement days: which day a paper becomes readable, and which listing should be out by now.

arXiv freezes what it received on every weekday at 14:00 US Eastern time. A freeze from Monday to
Thursday is announced at 20:00 the same day, Friday's on Sunday at 20:00. The *listing date* is the
weekday that then begins: Monday's freeze is listed on Tuesday, Friday's on Monday.

On a holiday the mailing is deferred: what that day's freeze held is announced with the next one. So a
deferral on day H takes away the listing of the weekday after H: 2026-01-19, a Monday, leaves no listing
on Tuesday the 20th; 2026-07-03, a Friday, leaves none on Monday the 6th.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.papers.identifiers import id_month

EASTERN = ZoneInfo("America/New_York")
FREEZE = time(14)
OUT = time(20)

DEFERRALS = frozenset(
    date.fromisoformat(day)
    for day in (
        "2026-01-01", "2026-01-19", "2026-06-19", "2026-07-03", "2026-09-07",
        "2026-11-26", "2026-12-25", "2026-12-29", "2026-12-31",
    )
)  # fmt: skip
"""The days whose mailing arXiv said it would defer; others come as `holidays`, written the same way."""

_DAY = timedelta(days=1)


def announces_on(day: date, holidays: Collection[date] = ()) -> bool:
    """Whether there is a listing dated `day`. `holidays` are deferrals beside the known ones."""
    return is_weekday(day) and not _is_deferred(_weekday_before(day), holidays)


def announced_on(submitted_at: datetime, holidays: Collection[date] = ()) -> date:
    """Return the listing date of a paper received at an instant, if nothing holds it up.

    Received at 14:00:00 Eastern is too late for that day's freeze.
    """
    local = submitted_at.astimezone(EASTERN)
    freeze = local.date() if local.time() < FREEZE else local.date() + _DAY
    while not is_weekday(freeze) or _is_deferred(freeze, holidays):
        freeze += _DAY
    return _weekday_after(freeze)


def last_expected(now: datetime, holidays: Collection[date] = ()) -> date:
    """Return the latest listing date that should be out at `now`."""
    local = now.astimezone(EASTERN)
    day = local.date() + _DAY if local.time() >= OUT else local.date()
    while not announces_on(day, holidays):
        day -= _DAY
    return day


def out_at(day: date) -> datetime:
    """Return the instant, in UTC, from which the listing dated `day` is out."""
    return datetime.combine(day - _DAY, OUT, EASTERN).astimezone(UTC)


def estimated_listing(paper_id: str, submitted_at: datetime, holidays: Collection[date] = ()) -> date:
    """Return the likely listing date of a paper from its submission and its id.

    The id tells the month of the announcement, so a paper that moderation held into another month is
    not dated before it.
    """
    day = announced_on(submitted_at, holidays)
    month = id_month(paper_id)
    if month is None:
        return day
    # Announced on the evening before: the first evening of a month makes the listing of its second day.
    earliest = date(*month, 2)
    return day if day >= earliest else _listing_from(earliest, holidays)


def _listing_from(day: date, holidays: Collection[date]) -> date:
    while not announces_on(day, holidays):
        day += _DAY
    return day


def is_weekday(day: date) -> bool:
    """Whether `day` is one of Monday to Friday."""
    return day.weekday() < 5


def _is_deferred(freeze: date, holidays: Collection[date]) -> bool:
    return freeze in DEFERRALS or freeze in holidays


def _weekday_before(day: date) -> date:
    return day - (3 * _DAY if day.weekday() == 0 else _DAY)


def _weekday_after(day: date) -> date:
    return day + (3 * _DAY if day.weekday() == 4 else _DAY)
