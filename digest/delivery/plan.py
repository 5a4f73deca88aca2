"""Planning: one delivery row for each reader who is due, written before anything is sent."""

from collections.abc import Callable
from datetime import date, datetime

from digest.delivery.schedule import latest_edition, local_date, next_due_at, sends_on
from digest.errors import BadInput
from digest.readers.subscriber import Rhythm
from digest.store import readers as store
from digest.store.database import Database
from digest.store.planning import MOST_CLOCKS, Clock, Slot, crowd, plan_span, tell_of_many

SPAN = 20_000
"""Readers planned in one transaction: enough that its cost vanishes, so few that others need not wait."""
_MANY = 1000


def slot_at(now: datetime, rhythm: Rhythm, *, is_first: bool) -> Slot | None:
    """Return the edition that is due at `now`; None when there is none.

    A reader who was never planned gets their first digest at once, dated on their own calendar, and the
    next on another day. Whoever missed editions gets the newest only, however late: it looks back over the
    others. A daily job that always runs an hour too early would else never send anything.
    """
    if is_first:
        today = local_date(now, rhythm)
        return Slot(today, now, next_due_at(now, rhythm, after=today))
    edition_on = latest_edition(now, rhythm)
    return Slot(edition_on, now, next_due_at(now, rhythm)) if edition_on else None


def slot_on(edition_on: date, now: datetime, rhythm: Rhythm) -> Slot | None:
    """Return that day's edition as due now, whatever the hour; None when the reader gets none that day."""
    if not sends_on(edition_on, rhythm.frequency):
        return None
    # An edition of a later day must not keep back those of the days before it.
    after = min(edition_on, local_date(now, rhythm))
    return Slot(edition_on, now, next_due_at(now, rhythm, after=after))


def plan_due(database: Database, now: datetime, only: int | None = None) -> int:
    """Write a planned delivery for every active reader who is due at `now`; return how many are new.

    Two planners at once, or one that is run again, write no second row: reader, kind and edition are
    unique. `only` keeps to one reader.
    """
    return _plan(database, now, now, only, lambda rhythm, is_first: slot_at(now, rhythm, is_first=is_first))


def plan_edition(database: Database, edition_on: date, now: datetime, only: int | None = None) -> int:
    """Write a planned delivery for every active reader who gets an edition on that day; return how many are new."""
    return _plan(database, now, None, only, lambda rhythm, _: slot_on(edition_on, now, rhythm))


def _plan(
    database: Database,
    now: datetime,
    due_by: datetime | None,
    only: int | None,
    slot_of: Callable[[Rhythm, bool], Slot | None],
) -> int:
    """Find the clocks of those who are due, do the arithmetic once for each, and plan span by span."""
    with database.begin() as connection:
        store.resume_rested(connection, now.date())
    with database.read() as connection:
        due = crowd(connection, due_by, only)
    if due is None:
        return 0
    slots = [(clock, slot) for clock in due.clocks if (slot := _slot(clock, slot_of))]
    parts = [dict(slots[start : start + MOST_CLOCKS]) for start in range(0, len(slots), MOST_CLOCKS)]
    planned = 0
    for first in range(due.first, due.last + 1, SPAN):
        for part in parts:
            with database.begin() as connection:
                planned += plan_span(connection, part, (first, first + SPAN - 1), due_by, only)
    if planned >= _MANY:
        with database.begin() as connection:
            tell_of_many(connection)
    return planned


def _slot(clock: Clock, slot_of: Callable[[Rhythm, bool], Slot | None]) -> Slot | None:
    try:
        return slot_of(Rhythm(clock.timezone, clock.hour, clock.frequency), clock.is_first)
    except BadInput:
        # A zone that this machine's data does not know yet: these readers wait, all others do not.
        return None
