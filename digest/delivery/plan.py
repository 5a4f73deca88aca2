"""Planning: one delivery row for each reader who is due, written before anything is sent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from digest.delivery.schedule import due_at, latest_edition, local_date, next_due_at, sends_on
from digest.readers.subscriber import Rhythm
from digest.store import deliveries as ledger
from digest.store import readers as store
from digest.store.database import Database
from digest.store.deliveries import NewDelivery

PAGE = 5000


@dataclass(frozen=True, slots=True)
class Slot:
    """A reader's edition that is due, when it was, and when the next one is."""

    edition_on: date
    due_at: datetime
    next_due_at: datetime | None


def slot_at(now: datetime, rhythm: Rhythm, *, is_first: bool) -> Slot | None:
    """Return the edition that is due at `now`; None when there is none.

    A reader who was never planned gets their first digest at once, dated on their own calendar, and the
    next on another day. Whoever missed editions gets the newest only: it looks back over the others.
    """
    if is_first:
        today = local_date(now, rhythm)
        return Slot(today, now, next_due_at(now, rhythm, after=today))
    edition_on = latest_edition(now, rhythm)
    due = due_at(edition_on, rhythm) if edition_on else None
    return Slot(edition_on, due, next_due_at(now, rhythm)) if edition_on and due else None


def slot_on(edition_on: date, now: datetime, rhythm: Rhythm) -> Slot | None:
    """Return that day's edition as due now, whatever the hour; None when the reader gets none that day."""
    if not sends_on(edition_on, rhythm.frequency):
        return None
    return Slot(edition_on, now, next_due_at(now, rhythm, after=edition_on))


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
    """Walk over pages of readers, a transaction each. Readers who share a clock share the arithmetic."""
    slots: dict[tuple[str, int, str, bool], Slot | None] = {}
    planned, after = 0, 0
    with database.begin() as connection:
        store.resume_rested(connection, now.date())
    while True:
        with database.begin() as connection:
            readers = store.page_due(connection, after, PAGE, due_by, only)
            new: list[NewDelivery] = []
            moved: list[tuple[int, datetime | None]] = []
            for row in readers:
                key = (row.timezone, row.hour, row.frequency, row.next_due_at is None)
                if key not in slots:
                    slots[key] = slot_of(Rhythm(*key[:3]), key[3])
                if slot := slots[key]:
                    new.append(NewDelivery(row.id, slot.edition_on, slot.due_at))
                    moved.append((row.id, slot.next_due_at))
            planned += ledger.plan(connection, "digest", new)
            store.set_next_due(connection, moved)
        if len(readers) < PAGE:
            return planned
        after = readers[-1].id
