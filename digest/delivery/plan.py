"""Planning: writes one delivery row for each subscriber who is due, before anything is sent."""

from collections.abc import Callable
from datetime import date, datetime

from digest.domain.schedule import latest_edition, local_date, next_due_at, sends_on
from digest.domain.subscriber import Schedule
from digest.errors import BadInput
from digest.metrics import PLAN_SECONDS, PLANNED_DIGESTS, seconds_of
from digest.store import subscribers as subscriber_store
from digest.store.database import Database
from digest.store.planning import (
    MOST_SCHEDULES,
    DueEdition,
    SharedSchedule,
    analyze_deliveries,
    find_due_subscribers,
    plan_span,
)
from digest.subscribers.arrivals import plan_catch_ups

SPAN = 20_000
"""Subscribers planned in one transaction: the cost of a transaction is negligible, and its locks are short."""
_MANY = 1000


def due_edition_at(now: datetime, schedule: Schedule, *, is_first: bool) -> DueEdition | None:
    """Return the edition that is due at `now`; None when there is none.

    A subscriber who was never planned gets the first digest at once, dated in their time zone, and the next one
    on another day. After missed editions only the newest is due, however late; its window covers the others.
    Otherwise a daily job that always runs an hour too early would never send anything.
    """
    if is_first:
        today = local_date(now, schedule)
        return DueEdition(today, now, next_due_at(now, schedule, after=today))
    edition_on = latest_edition(now, schedule)
    return DueEdition(edition_on, now, next_due_at(now, schedule)) if edition_on else None


def due_edition_on(edition_on: date, now: datetime, schedule: Schedule) -> DueEdition | None:
    """Return that day's edition as due now, whatever the hour; None when the subscriber gets none that day."""
    if not sends_on(edition_on, schedule.frequency):
        return None
    # Planning an edition of a later day must not skip the editions before it.
    after = min(edition_on, local_date(now, schedule))
    return DueEdition(edition_on, now, next_due_at(now, schedule, after=after))


def plan_due(database: Database, now: datetime, only: int | None = None) -> int:
    """Write a planned delivery for every active subscriber who is due at `now`; return how many are new.

    Concurrent or repeated planning writes no second row: subscriber, kind and edition are unique. `only` plans
    for one subscriber.
    """
    return _measured(
        database, now, now, only, lambda schedule, is_first: due_edition_at(now, schedule, is_first=is_first)
    )


def plan_edition(database: Database, edition_on: date, now: datetime, only: int | None = None) -> int:
    """Write a planned delivery for every active subscriber who gets an edition on that day; return how many are new."""
    return _measured(database, now, None, only, lambda schedule, _: due_edition_on(edition_on, now, schedule))


def _measured(
    database: Database,
    now: datetime,
    due_by: datetime | None,
    only: int | None,
    due_edition_of: Callable[[Schedule, bool], DueEdition | None],
) -> int:
    with seconds_of(PLAN_SECONDS):
        planned = _plan(database, now, due_by, only, due_edition_of)
    PLANNED_DIGESTS.inc(planned)
    return planned


def _plan(
    database: Database,
    now: datetime,
    due_by: datetime | None,
    only: int | None,
    due_edition_of: Callable[[Schedule, bool], DueEdition | None],
) -> int:
    """Compute the due edition once for each distinct schedule, then plan span by span."""
    with database.begin() as connection:
        if resumed := subscriber_store.resume_paused(connection, now.date()):
            returned = subscriber_store.find_by_ids(connection, resumed)
            plan_catch_ups(connection, list(returned.values()), now, at_once=False)
    with database.read() as connection:
        due = find_due_subscribers(connection, due_by, only)
    if due is None:
        return 0
    due_editions = [
        (schedule, due_edition)
        for schedule in due.schedules
        if (due_edition := _due_edition(schedule, due_edition_of))
    ]
    parts = [
        dict(due_editions[start : start + MOST_SCHEDULES])
        for start in range(0, len(due_editions), MOST_SCHEDULES)
    ]
    planned = 0
    for first in range(due.first, due.last + 1, SPAN):
        for part in parts:
            with database.begin() as connection:
                planned += plan_span(connection, part, (first, first + SPAN - 1), due_by, only)
    if planned >= _MANY:
        with database.begin() as connection:
            analyze_deliveries(connection)
    return planned


def _due_edition(
    schedule: SharedSchedule, due_edition_of: Callable[[Schedule, bool], DueEdition | None]
) -> DueEdition | None:
    try:
        return due_edition_of(
            Schedule(schedule.timezone, schedule.hour, schedule.frequency), schedule.is_first
        )
    except BadInput:
        # This machine's time zone data lacks the zone: only its subscribers wait.
        return None
