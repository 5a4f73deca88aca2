"""Which subscribers are planned, for which edition, and the next due time."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.plan import due_edition_at, due_edition_on, plan_due, plan_edition
from digest.domain.schedule import local_date, next_due_at
from digest.domain.subscriber import Frequency, Schedule, Status, Subscriber
from digest.store import subscribers as subscriber_store
from digest.store.database import Database
from digest.subscribers.preferences import Change, change
from digest.subscribers.profiles import ProfileBuilder
from tests.domain.test_schedule import instants, schedules
from tests.factories import (
    DAY,
    MONDAY,
    SATURDAY,
    SUNDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    add_subscriber,
    add_subscribers,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    one_delivery,
    subscriber_now,
)


@given(schedules, instants)
def test_a_first_digest_is_due_at_once_and_the_next_on_another_day(schedule: Schedule, now: datetime) -> None:
    due_edition = due_edition_at(now, schedule, is_first=True)
    assert due_edition is not None
    assert (due_edition.edition_on, due_edition.due_at) == (local_date(now, schedule), now)
    assert due_edition.next_due_at is not None
    assert due_edition.next_due_at > now
    assert local_date(due_edition.next_due_at, schedule) > due_edition.edition_on


@given(schedules, instants)
def test_a_due_edition_is_never_in_the_future(schedule: Schedule, now: datetime) -> None:
    due_edition = due_edition_at(now, schedule, is_first=False)
    assert due_edition is not None
    assert due_edition.edition_on <= local_date(now, schedule)
    assert due_edition.due_at <= now
    assert due_edition.next_due_at == next_due_at(now, schedule)


def test_a_given_edition_is_planned_for_those_who_have_one_that_day() -> None:
    assert due_edition_on(SATURDAY, at(SATURDAY), Schedule(frequency=Frequency.WEEKDAYS)) is None
    assert due_edition_on(TUESDAY, at(TUESDAY), Schedule(frequency=Frequency.WEEKLY)) is None
    due_edition = due_edition_on(MONDAY, at(MONDAY, 3), Schedule(hour=7, frequency=Frequency.WEEKLY))
    assert due_edition is not None
    assert (due_edition.due_at, due_edition.next_due_at) == (at(MONDAY, 3), at(MONDAY + 7 * DAY, 7))


def test_only_one_subscriber_can_be_planned(database: Database) -> None:
    one, other = add_subscribers(database, 2)
    assert plan_due(database, at(TUESDAY), only=one.id) == 1
    assert plan_edition(database, WEDNESDAY, at(TUESDAY), only=one.id) == 1
    assert deliveries_of(database, other) == []


def test_each_subscriber_is_due_in_their_own_time_zone(database: Database) -> None:
    zones = {"Pacific/Auckland": 18, "Asia/Kolkata": 1, "Europe/Berlin": 6, "America/New_York": 12}
    subscribers = {
        zone: add_subscriber(
            database, f"{hour}@example.org", timezone=zone, hour=7, next_due_at=at(MONDAY, hour + 1)
        )
        for zone, hour in zones.items()
    }
    order: list[str] = []
    # Auckland's Tuesday begins on Monday evening, UTC.
    for hour in range(17, 17 + 24):
        now = at(MONDAY, 0) + hour * (DAY / 24)
        plan_due(database, now + DAY / 48)
        done = [
            zone
            for zone, subscriber in subscribers.items()
            if any(row.edition_on == TUESDAY for row in deliveries_of(database, subscriber))
        ]
        order += [zone for zone in done if zone not in order]
    assert order == list(zones)


def test_planning_every_hour_of_a_month_plans_each_day_once(database: Database) -> None:
    subscribers = [
        add_subscriber(database, f"r{index}@example.org", timezone=zone, hour=hour, frequency=frequency)
        for index, (zone, hour, frequency) in enumerate(
            [
                ("UTC", 0, "daily"),
                ("Europe/Berlin", 2, "daily"),
                ("Pacific/Kiritimati", 23, "daily"),
                ("America/New_York", 7, "weekdays"),
                ("Asia/Kathmandu", 12, "weekly"),
            ]
        )
    ]
    start = at(SUNDAY + 14 * DAY, 0)
    for step in range(14 * 8):
        plan_due(database, start + step * (DAY / 8))
    for subscriber in subscribers:
        got = [row.edition_on for row in deliveries_of(database, subscriber)]
        assert len(got) == len(set(got))
        wanted = {"daily": 13, "weekdays": 10, "weekly": 2}[subscriber.schedule.frequency]
        assert wanted <= len(got) <= wanted + 2
        if subscriber.schedule.frequency == "daily":
            assert [day + DAY for day in got[:-1]] == got[1:]


# Changes of the schedule.


END = at(MONDAY + 14 * DAY, 0)


def plan_two_weeks(url: str, subscriber: Change, changes: dict[datetime, Change]) -> list[date]:
    """Plan every due time of two weeks, changing the subscriber meanwhile; return the editions.

    There are no papers, so every planned edition is recorded as skipped.
    """
    database = Database(url)
    post, builder = delivery_context(database), ProfileBuilder()
    address = add_subscriber(database, next_due_at=at(MONDAY, 7)).address
    change(database, builder, address, subscriber, at(MONDAY, 0))
    instants = dict(changes)
    while True:
        due = subscriber_now(database, address).next_due_at or END
        now = min([due, *instants])
        if now >= END:
            break
        if wanted := instants.pop(now, None):
            change(database, builder, address, wanted, now)
        else:
            deliver_due(post, now)
    rows = deliveries_of(database, subscriber_now(database, address))
    database.close()
    return [row.edition_on for row in rows if (row.status, row.reason) == ("skipped", "nothing new")]


@pytest.mark.parametrize("changed", [at(WEDNESDAY, 3), at(WEDNESDAY, 10), at(WEDNESDAY, 20)])
@pytest.mark.parametrize("hour", [0, 7, 18, 23])
def test_changing_the_hour_neither_skips_nor_repeats_a_day(
    sqlite_url: str, changed: datetime, hour: int
) -> None:
    assert plan_two_weeks(sqlite_url, Change(), {changed: Change(hour=hour)}) == [
        MONDAY + n * DAY for n in range(14)
    ]


@pytest.mark.parametrize(
    "zone", ["Pacific/Kiritimati", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Pago_Pago"]
)
def test_changing_the_time_zone_neither_skips_nor_repeats_a_day(sqlite_url: str, zone: str) -> None:
    got = plan_two_weeks(sqlite_url, Change(), {at(WEDNESDAY, 10): Change(timezone=zone)})
    assert got == [MONDAY + n * DAY for n in range(len(got))]
    assert len(got) >= 13


@pytest.mark.parametrize(
    ("before", "after", "days"),
    [
        ("daily", "weekly", [0, 1, 2, 7]),
        ("daily", "weekdays", [0, 1, 2, 3, 4, 7, 8, 9, 10, 11]),
        ("daily", "off", [0, 1, 2]),
        ("weekdays", "daily", list(range(14))),
        ("weekly", "daily", [0, *range(3, 14)]),
        ("weekly", "weekdays", [0, 3, 4, 7, 8, 9, 10, 11]),
    ],
)
def test_a_changed_frequency_begins_with_its_next_day(
    sqlite_url: str, before: Frequency, after: Frequency, days: list[int]
) -> None:
    got = plan_two_weeks(sqlite_url, Change(frequency=before), {at(WEDNESDAY, 10): Change(frequency=after)})
    assert got == [MONDAY + n * DAY for n in days]


def test_reverting_a_change_changes_nothing(sqlite_url: str) -> None:
    changes = {
        at(WEDNESDAY, 10): Change(frequency=Frequency.WEEKLY, hour=3),
        at(WEDNESDAY, 11): Change(frequency=Frequency.DAILY, hour=7),
    }
    assert plan_two_weeks(sqlite_url, Change(), changes) == [MONDAY + n * DAY for n in range(14)]


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from(["hour", "timezone"])), max_size=4))
def test_no_change_of_schedule_delays_the_next_digest(
    changes: list[tuple[int, str]],
) -> None:
    subscriber = Subscriber(
        1, "k", "a@example.org", Status.ACTIVE, Schedule(), 10, at(MONDAY), next_due_at=at(THURSDAY, 7)
    )
    for value, name in changes:
        wanted = (
            Change(hour=value % 24) if name == "hour" else Change(timezone=f"Etc/GMT{value % 24 - 12:+d}")
        )
        before = subscriber.next_due_at
        subscriber = wanted.applied(subscriber, at(WEDNESDAY, 10))
        assert subscriber.next_due_at is not None
        assert before is not None
        assert at(WEDNESDAY, 10) < subscriber.next_due_at <= before


def test_planning_updates_the_next_due_time(database: Database) -> None:
    subscriber = add_subscriber(database, timezone="Asia/Tokyo", hour=9)
    plan_due(database, at(TUESDAY, 8))
    assert one_delivery(database, subscriber).edition_on == TUESDAY
    assert subscriber_now(database, subscriber.address).next_due_at == at(WEDNESDAY, 0)
    with database.read() as connection:
        assert subscriber_store.first_due(connection) == at(WEDNESDAY, 0)
