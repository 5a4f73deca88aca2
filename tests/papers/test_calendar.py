import gzip
import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.papers.calendar import (
    DEFERRALS,
    EASTERN,
    announced_on,
    announces_on,
    estimated_listing,
    last_expected,
    out_at,
)

DAY = timedelta(days=1)
_dates = st.dates(date(2007, 4, 1), date(2035, 12, 31))
_instants = st.datetimes(datetime(2007, 4, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
_holidays = st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=20)


def eastern(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


@pytest.mark.parametrize(
    ("received", "listed"),
    [
        # arXiv's own table, in a week without holidays (2026-03-02 is a Monday).
        ("2026-03-02T14:00", "2026-03-04"),
        ("2026-03-03T13:59:59", "2026-03-04"),
        ("2026-03-03T14:00", "2026-03-05"),
        ("2026-03-04T14:00", "2026-03-06"),
        ("2026-03-05T13:59", "2026-03-06"),
        ("2026-03-05T14:00", "2026-03-09"),
        ("2026-03-06T13:59", "2026-03-09"),
        ("2026-03-06T14:00", "2026-03-10"),
        ("2026-03-07T12:00", "2026-03-10"),
        ("2026-03-09T13:59", "2026-03-10"),
    ],
)
def test_papers_are_listed_by_arxivs_table(received: str, listed: str) -> None:
    assert announced_on(eastern(received)) == date.fromisoformat(listed)


@pytest.mark.parametrize(
    ("received", "listed"),
    [
        # Monday the 19th is deferred: no listing on Tuesday, all of it on Wednesday.
        ("2026-01-19T10:00", "2026-01-21"),
        ("2026-01-20T10:00", "2026-01-21"),
        # Friday, July 3rd: no listing on Monday the 6th.
        ("2026-07-03T10:00", "2026-07-07"),
        ("2026-07-06T10:00", "2026-07-07"),
        # Two days in a row at the turn of the year, with a weekend.
        ("2026-12-29T10:00", "2026-12-31"),
        ("2026-12-31T10:00", "2027-01-04"),
    ],
)
def test_a_deferred_mailing_joins_the_next(received: str, listed: str) -> None:
    assert announced_on(eastern(received)) == date.fromisoformat(listed)


def test_a_deferral_cancels_the_listing_of_the_next_weekday() -> None:
    gone = {day + (3 * DAY if day.weekday() == 4 else DAY) for day in DEFERRALS}
    assert not any(announces_on(day) for day in gone)
    weekdays = [date(2026, 1, 1) + n * DAY for n in range(365)]
    without = [day for day in weekdays if day.weekday() < 5 and not announces_on(day)]
    assert set(without) == {day for day in gone if day.year == 2026}


def test_deferrals_can_be_added() -> None:
    assert announces_on(date(2026, 3, 4))
    assert not announces_on(date(2026, 3, 4), {date(2026, 3, 3)})
    assert announced_on(eastern("2026-03-03T10:00"), {date(2026, 3, 3)}) == date(2026, 3, 5)


@given(_instants, _holidays)
def test_a_paper_is_listed_on_a_listing_day_after_it_was_received(
    received: datetime, holidays: frozenset[date]
) -> None:
    listed = announced_on(received, holidays)
    assert announces_on(listed, holidays)
    assert out_at(listed) - received >= timedelta(hours=6)


@given(_instants)
def test_without_holidays_a_paper_waits_at_most_over_a_weekend(received: datetime) -> None:
    if received.year != 2026:
        assert out_at(announced_on(received)) - received <= timedelta(hours=79)


@given(_instants, st.timedeltas(timedelta(0), timedelta(days=30)), _holidays)
def test_later_papers_are_never_listed_earlier(
    received: datetime, later: timedelta, holidays: frozenset[date]
) -> None:
    assert announced_on(received, holidays) <= announced_on(received + later, holidays)


@given(_instants, _holidays)
def test_the_latest_listing_is_announced_and_the_next_is_not(
    now: datetime, holidays: frozenset[date]
) -> None:
    latest = last_expected(now, holidays)
    assert announces_on(latest, holidays)
    assert out_at(latest) <= now
    later = latest + DAY
    while not announces_on(later, holidays):
        later += DAY
    assert out_at(later) > now


@given(_dates)
def test_weekends_have_no_listing(day: date) -> None:
    assert announces_on(day) <= (day.weekday() < 5)


@pytest.mark.parametrize(
    ("now", "latest"),
    [
        ("2026-03-04T00:59:59+00:00", "2026-03-03"),  # 19:59:59 EST on Tuesday
        ("2026-03-04T01:00:00+00:00", "2026-03-04"),
        ("2026-03-10T23:59:59+00:00", "2026-03-10"),  # 19:59:59 EDT, after the clocks changed
        ("2026-03-11T00:00:00+00:00", "2026-03-11"),
        ("2026-03-07T12:00:00+00:00", "2026-03-06"),  # Saturday
        ("2026-01-20T12:00:00+00:00", "2026-01-19"),
    ],
)
def test_listings_are_announced_at_20_00_in_new_york(now: str, latest: str) -> None:
    assert last_expected(datetime.fromisoformat(now)) == date.fromisoformat(latest)


@pytest.mark.parametrize(
    ("paper_id", "submitted", "listed"),
    [
        ("2603.00001", "2026-03-02T10:00", "2026-03-03"),
        # Held by moderation into the next month: not before that month's first listing.
        ("2604.00001", "2026-03-02T10:00", "2026-04-02"),
        ("2608.00001", "2026-07-01T10:00", "2026-08-03"),
        # The last evening of a month gives that month's ids to the listing of the next day.
        ("2603.99999", "2026-03-31T10:00", "2026-04-01"),
        ("title:0123456789abcdef", "2026-03-02T10:00", "2026-03-03"),
    ],
)
def test_the_month_of_an_id_delays_the_estimated_date(paper_id: str, submitted: str, listed: str) -> None:
    assert estimated_listing(paper_id, eastern(submitted)) == date.fromisoformat(listed)


def test_real_papers_match_the_calendar(shared: Path) -> None:
    """The announcement dates of real papers, in the part of 2026 that the data covers."""
    with gzip.open(shared / "data" / "papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        days = {date.fromisoformat(json.loads(line)["date"]) for line in lines}
    in_2026 = {day for day in days if day > date(2026, 1, 1)}
    assert len(in_2026) > 20
    assert all(announces_on(day) for day in in_2026)
    # The deferrals of 2025 in the same data: after Labor Day, a Monday, and after Friday, July 4th, there was no
    # listing on Tuesday and on Monday.
    known = {date(2025, 9, 1), date(2025, 7, 4), date(2025, 6, 19)}
    assert {date(2025, 9, 1), date(2025, 7, 4), date(2025, 6, 19)} <= days
    assert not {date(2025, 9, 2), date(2025, 7, 7), date(2025, 6, 20)} & days
    assert not any(
        announces_on(day, known) for day in (date(2025, 9, 2), date(2025, 7, 7), date(2025, 6, 20))
    )


def test_daylight_saving_time_does_not_move_the_local_freeze() -> None:
    for day in (date(2026, 3, 6), date(2026, 3, 9), date(2026, 10, 30), date(2026, 11, 2)):
        at_freeze = datetime.combine(day, time(14), EASTERN)
        assert announced_on(at_freeze.astimezone(UTC)) > announced_on(at_freeze - timedelta(seconds=1))
