"""Due times: one edition for each day of the frequency, in any time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.domain.schedule import due_at, latest_edition, local_date, next_due_at, sends_on
from digest.domain.subscriber import Frequency, Schedule
from tests.factories import DAY, FRIDAY, MONDAY, SATURDAY, SUNDAY, TUESDAY, at

# `localtime` and the like depend on the machine.
ZONES = sorted(name for name in available_timezones() if "/" in name or name == "UTC")

zones = st.sampled_from(ZONES)
hours = st.integers(0, 23)
frequencies = st.sampled_from([one for one in Frequency if one != "off"])
schedules = st.builds(Schedule, zones, hours, frequencies)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
days = st.dates(date(2000, 1, 1), date(2035, 12, 31))

APIA = Schedule("Pacific/Apia", 7)


def exists(day: date, schedule: Schedule) -> bool:
    """Return whether the zone has this date: a zone that moves over the date line skips one."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=schedule.zone)
    return noon.astimezone(UTC).astimezone(schedule.zone).date() == day


@given(schedules, instants)
@example(APIA, datetime(2011, 12, 27, tzinfo=UTC))
@example(Schedule("Pacific/Kwajalein", 12), datetime(1993, 8, 19, tzinfo=UTC))
@example(Schedule("America/New_York", 2), datetime(2026, 3, 6, tzinfo=UTC))
@example(Schedule("Australia/Lord_Howe", 2, Frequency.WEEKDAYS), datetime(2026, 4, 1, tzinfo=UTC))
def test_iterating_due_instants_returns_each_edition_once(schedule: Schedule, start: datetime) -> None:
    met: list[date] = []
    now = start
    for _ in range(12):
        due = next_due_at(now, schedule)
        assert due is not None
        assert now < due <= now + timedelta(days=9)
        edition = latest_edition(due, schedule)
        assert edition is not None
        assert due_at(edition, schedule) == due
        # Just before, it was not due yet.
        assert latest_edition(due - timedelta(seconds=1), schedule) != edition
        met.append(edition)
        now = due
    # Between the first and the last: the days of this frequency only.
    span = (met[0] + ahead * DAY for ahead in range((met[-1] - met[0]).days + 1))
    assert met == [day for day in span if sends_on(day, schedule.frequency) and exists(day, schedule)]


@given(schedules, days)
@example(Schedule("Europe/Berlin", 2), date(2026, 3, 29))
@example(APIA, date(2011, 12, 30))
def test_an_edition_is_due_at_its_hour_or_the_first_moment_after_a_gap(schedule: Schedule, day: date) -> None:
    due = due_at(day, schedule)
    if due is None:
        assert not sends_on(day, schedule.frequency) or not exists(day, schedule)
        return
    local = due.astimezone(schedule.zone)
    assert local.date() == day
    if (local.hour, local.minute) != (schedule.hour, 0):
        # Only where clocks were put forward over the hour: it did not occur on that day.
        shown = {(due + timedelta(minutes=m)).astimezone(schedule.zone) for m in range(-24 * 60, 24 * 60, 15)}
        assert not [
            one for one in shown if one.date() == day and (one.hour, one.minute) == (schedule.hour, 0)
        ]
        assert local.hour >= schedule.hour


@given(schedules, instants)
def test_the_latest_edition_is_due_and_no_newer_one_is(schedule: Schedule, now: datetime) -> None:
    edition = latest_edition(now, schedule)
    assert edition is not None
    due = due_at(edition, schedule)
    assert due is not None
    assert due <= now
    following = next_due_at(now, schedule)
    assert following is not None
    assert following > now
    assert latest_edition(following - timedelta(microseconds=1), schedule) == edition


@given(schedules, instants)
def test_excluding_editions_excludes_no_other(schedule: Schedule, now: datetime) -> None:
    today = local_date(now, schedule)
    following = next_due_at(now, schedule, after=today)
    assert following is not None
    edition = latest_edition(following, schedule)
    assert edition is not None
    assert edition > today
    between = (today + ahead * DAY for ahead in range(1, (edition - today).days))
    assert not [day for day in between if sends_on(day, schedule.frequency) and exists(day, schedule)]


@given(zones, hours, instants)
def test_off_is_never_due(zone: str, hour: int, now: datetime) -> None:
    schedule = Schedule(zone, hour, Frequency.OFF)
    assert next_due_at(now, schedule) is None
    assert latest_edition(now, schedule) is None


def test_a_gap_is_due_at_the_first_moment_after_it() -> None:
    # 02:00 to 03:00 does not occur in Berlin on this day.
    assert due_at(date(2026, 3, 29), Schedule("Europe/Berlin", 2)) == at(date(2026, 3, 29), 1)
    assert due_at(date(2026, 3, 29), Schedule("Europe/Berlin", 3)) == at(date(2026, 3, 29), 1)
    assert due_at(date(2026, 3, 8), Schedule("America/New_York", 2)) == at(date(2026, 3, 8), 7)
    # Lord Howe moves by half an hour: 02:00 becomes 02:30.
    howe = due_at(date(2026, 10, 4), Schedule("Australia/Lord_Howe", 2))
    assert howe == at(date(2026, 10, 3), 15, 30)


def test_an_hour_that_occurs_twice_is_due_at_its_first_occurrence() -> None:
    assert due_at(date(2026, 10, 25), Schedule("Europe/Berlin", 2)) == at(date(2026, 10, 25), 0)
    assert due_at(date(2026, 11, 1), Schedule("America/New_York", 1)) == at(date(2026, 11, 1), 5)
    # 01:30 to 02:00 occurs twice on Lord Howe; 01:00 once.
    assert due_at(date(2026, 4, 5), Schedule("Australia/Lord_Howe", 1)) == at(date(2026, 4, 4), 14)


def test_an_hour_that_occurs_twice_gives_one_edition() -> None:
    schedule = Schedule("Europe/Berlin", 2)
    first = at(date(2026, 10, 25), 0)
    assert next_due_at(first, schedule) == at(date(2026, 10, 26), 1)
    assert next_due_at(first + timedelta(minutes=61), schedule) == at(date(2026, 10, 26), 1)


def test_a_day_that_a_zone_skipped_has_no_edition() -> None:
    assert due_at(date(2011, 12, 29), APIA) == datetime(2011, 12, 29, 17, tzinfo=UTC)
    assert due_at(date(2011, 12, 30), APIA) is None
    assert due_at(date(2011, 12, 31), APIA) == datetime(2011, 12, 30, 17, tzinfo=UTC)
    assert next_due_at(datetime(2011, 12, 29, 17, tzinfo=UTC), APIA) == datetime(2011, 12, 30, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("frequency", "wanted"),
    [
        ("daily", [MONDAY, TUESDAY, FRIDAY, SATURDAY, SUNDAY]),
        ("weekdays", [MONDAY, TUESDAY, FRIDAY]),
        ("weekly", [MONDAY]),
        ("off", []),
    ],
)
def test_each_frequency_has_its_days(frequency: Frequency, wanted: list[date]) -> None:
    assert [d for d in (MONDAY, TUESDAY, FRIDAY, SATURDAY, SUNDAY) if sends_on(d, frequency)] == wanted


def test_a_weekly_edition_is_on_monday() -> None:
    schedule = Schedule("UTC", 7, Frequency.WEEKLY)
    assert next_due_at(at(MONDAY, 6), schedule) == at(MONDAY, 7)
    assert next_due_at(at(MONDAY, 7), schedule) == at(MONDAY + 7 * DAY, 7)
    assert latest_edition(at(MONDAY, 6), schedule) == MONDAY - 7 * DAY
    assert latest_edition(at(SUNDAY, 23), schedule) == MONDAY
