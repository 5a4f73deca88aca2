"""arXiv's announcement calendar: on which day a paper is announced, and which listing is the latest.

arXiv freezes what it received on every weekday at 14:00 US Eastern time. A freeze from Monday to
Thursday is announced at 20:00 the same day, Friday's on Sunday at 20:00. The *listing date* is the
weekday that then begins: Monday's freeze is listed on Tuesday, Friday's on Monday.

On a holiday the mailing is deferred: the papers of that day's freeze are announced with the next one. So after
a deferral on day H there is no listing on the weekday after H: none on Tuesday 2026-01-20
after Monday the 19th, none on Monday 2026-07-06 after Friday the 3rd.
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
"""The days whose mailing arXiv has announced to defer; `holidays` adds others."""

CALENDAR_SOURCES = frozenset({"huggingface", "arxiv", "arxiv-oai", "arxiv-api"})
"""The sources that have papers on each day of an announcement; journals and other archives keep no calendar."""
COUNTING_SOURCES = frozenset({"citations"})
"""The sources that count something of stored papers, and announce none."""

_DAY = timedelta(days=1)


def announces_on(day: date, holidays: Collection[date] = ()) -> bool:
    """Whether there is a listing dated `day`. `holidays` are additional deferrals."""
    return is_weekday(day) and not _is_deferred(_weekday_before(day), holidays)


def announced_on(submitted_at: datetime, holidays: Collection[date] = ()) -> date:
    """Return the listing date of a paper received at an instant, if moderation does not hold it.

    Received at 14:00:00 Eastern is too late for that day's freeze.
    """
    local = submitted_at.astimezone(EASTERN)
    freeze = local.date() if local.time() < FREEZE else local.date() + _DAY
    while not is_weekday(freeze) or _is_deferred(freeze, holidays):
        freeze += _DAY
    return _weekday_after(freeze)


def last_expected(now: datetime, holidays: Collection[date] = ()) -> date:
    """Return the date of the latest listing that is due at `now`."""
    local = now.astimezone(EASTERN)
    day = local.date() + _DAY if local.time() >= OUT else local.date()
    while not announces_on(day, holidays):
        day -= _DAY
    return day


def out_at(day: date) -> datetime:
    """Return the instant, in UTC, at which the listing dated `day` is announced."""
    return datetime.combine(day - _DAY, OUT, EASTERN).astimezone(UTC)


def estimated_listing(paper_id: str, submitted_at: datetime, holidays: Collection[date] = ()) -> date:
    """Return the likely listing date of a paper from its submission and its id.

    The id holds the month of the announcement; the result is never before that month.
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
