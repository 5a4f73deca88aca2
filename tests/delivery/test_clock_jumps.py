"""A clock that was ahead: later editions are planned in time."""

from datetime import datetime

import pytest
from hypothesis import given
from sqlalchemy import event, text

from digest.bench.database import multiply_subscribers
from digest.delivery.plan import due_edition_at, due_edition_on, plan_due, plan_edition
from digest.domain.schedule import LONGEST_WAIT, local_date, next_due_at
from digest.domain.subscriber import Frequency, Schedule, Status
from digest.jobs.daily import Job, dry_run
from digest.store import health
from digest.store.database import Connection, Database
from digest.store.models import subscribers
from digest.store.planning import find_due_subscribers
from tests.domain.test_schedule import instants, schedules
from tests.factories import (
    DAY,
    FRIDAY,
    MONDAY,
    SATURDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_papers,
    subscriber_now,
)

YEAR = 365 * DAY


@given(schedules, instants)
def test_no_schedule_waits_longer_than_allowed(schedule: Schedule, now: datetime) -> None:
    for is_first in (False, True):
        due_edition = due_edition_at(now, schedule, is_first=is_first)
        assert due_edition is not None
        assert due_edition.next_due_at is not None
        # Between 2000 and 2035 two zones skipped a day.
        allowed = LONGEST_WAIT[schedule.frequency] + (DAY if now.year == 2011 else 0 * DAY)
        assert due_edition.next_due_at - now <= allowed
    today = due_edition_on(local_date(now, schedule), now, schedule)
    assert today is None or today.next_due_at is not None


@pytest.mark.parametrize(("frequency", "days"), [("daily", 4), ("weekdays", 4), ("weekly", 1)])
@pytest.mark.parametrize("ahead", [10 * DAY, YEAR])
def test_after_a_run_with_the_clock_ahead_the_next_editions_are_planned(
    database: Database, frequency: Frequency, days: int, ahead: object
) -> None:
    post = delivery_context(database)
    subscriber = add_subscriber(database, frequency=frequency, next_due_at=at(MONDAY, 7))
    add_papers(database, *make_papers(40, announced_on=MONDAY - DAY), now=at(MONDAY, 1))
    deliver_due(post, at(MONDAY))
    deliver_due(post, at(MONDAY) + ahead)  # type: ignore[operator]
    for day in (TUESDAY, WEDNESDAY, THURSDAY, FRIDAY):
        add_papers(database, *make_papers(9, first=1000 * day.day, announced_on=day), now=at(day, 1))
        deliver_due(post, at(day))
    rows = [row for row in deliveries_of(database, subscriber) if MONDAY <= row.edition_on <= FRIDAY]
    assert [(row.edition_on, row.status) for row in rows] == [
        (MONDAY + n * DAY, "sent") for n in range(days + 1 if frequency != "weekly" else 1)
    ]
    due = subscriber_now(database, subscriber.address).next_due_at
    assert due == next_due_at(at(FRIDAY), subscriber.schedule)


def test_after_a_clock_jump_no_edition_is_sent_twice(database: Database) -> None:
    subscribers_there = add_subscribers(database, 3, next_due_at=at(TUESDAY, 7))
    assert plan_due(database, at(TUESDAY)) == 3
    assert plan_due(database, at(TUESDAY) + YEAR) == 3
    assert plan_due(database, at(TUESDAY, 9)) == 0
    for one in subscribers_there:
        assert subscriber_now(database, one.address).next_due_at == at(WEDNESDAY, 7)
    assert plan_due(database, at(WEDNESDAY)) == 3


def test_only_subscribers_who_get_mail_are_corrected(database: Database) -> None:
    far = at(TUESDAY) + YEAR
    paused = add_subscriber(database, "p@example.org", status=Status.PAUSED, next_due_at=far)
    other = add_subscriber(database, "o@example.org", next_due_at=far)
    one = add_subscriber(database, "i@example.org", next_due_at=far)
    plan_due(database, at(TUESDAY), only=one.id)
    assert subscriber_now(database, one.address).next_due_at == at(WEDNESDAY, 7)
    assert subscriber_now(database, other.address).next_due_at == far
    plan_due(database, at(TUESDAY))
    assert subscriber_now(database, other.address).next_due_at == at(WEDNESDAY, 7)
    assert subscriber_now(database, paused.address).next_due_at == far


def test_a_later_edition_planned_manually_does_not_delay_others(database: Database) -> None:
    subscriber = add_subscriber(database, next_due_at=at(TUESDAY, 7))
    plan_edition(database, TUESDAY + 30 * DAY, at(TUESDAY))
    post = delivery_context(database)
    deliver_due(post, at(WEDNESDAY))
    assert subscriber_now(database, subscriber.address).next_due_at == at(THURSDAY, 7)
    days = [row.edition_on for row in deliveries_of(database, subscriber)]
    assert WEDNESDAY in days


def test_a_dry_run_shows_which_schedules_would_be_corrected(database: Database) -> None:
    post = delivery_context(database)
    subscriber = add_subscriber(database, next_due_at=at(TUESDAY) + YEAR)
    found = dry_run(database, post.composer, Job(), at(TUESDAY))
    assert [one.subscriber.id for one in found] == [subscriber.id]


def test_the_doctor_counts_strayed_schedules(database: Database) -> None:
    add_subscriber(database, "a@example.org", next_due_at=at(TUESDAY) + YEAR)
    add_subscriber(database, "b@example.org", frequency="weekly", next_due_at=at(MONDAY + 7 * DAY, 7))
    add_subscriber(database, "c@example.org", status=Status.PAUSED, next_due_at=at(TUESDAY) + YEAR)
    with database.read() as connection:
        assert health.strayed_subscribers(connection, at(TUESDAY)) == 1


def plan_of(connection: Connection, due_by: datetime) -> str:
    """Return the database's query plan for subscribers who are due."""
    asked: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    find_due_subscribers(connection, due_by)
    event.remove(connection, "before_cursor_execute", note)
    statement, parameters = asked[-1]
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()  # type: ignore[arg-type]
    return "\n".join(str(row[-1]) for row in rows)


def test_the_query_for_strayed_schedules_uses_an_index(database: Database) -> None:
    add_subscribers(database, 3, next_due_at=at(MONDAY + 7 * DAY, 7))
    with database.begin() as connection:
        multiply_subscribers(connection, 3, 20_000)
        connection.execute(subscribers.update().values(frequency="weekly"))
        for turn in range(50):
            those = subscribers.update().where(subscribers.c.id % 50 == turn)
            connection.execute(those.values(next_due_at=at(WEDNESDAY, 7) + turn * DAY / 24))
    with database.begin() as connection:
        connection.execute(text("ANALYZE"))
    with database.read() as connection:
        plan = plan_of(connection, at(TUESDAY))
        assert "ix_subscribers_frequency_next_due_at" in plan
        assert "Seq Scan" not in plan
        assert "SCAN subscribers" not in plan
        assert find_due_subscribers(connection, at(TUESDAY)) is None


def test_a_whole_list_is_corrected_span_by_span(database: Database) -> None:
    add_subscribers(database, 2, next_due_at=at(SATURDAY) + YEAR)
    with database.begin() as connection:
        multiply_subscribers(connection, 2, 30_000)
        connection.execute(subscribers.update().values(next_due_at=at(SATURDAY) + YEAR))
    assert plan_due(database, at(SATURDAY)) == 30_000
    with database.read() as connection:
        assert health.strayed_subscribers(connection, at(SATURDAY)) == 0
    assert plan_due(database, at(SATURDAY, 9)) == 0
