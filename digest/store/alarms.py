"""Queries about alarms, and about the turns of the processes that check them."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from digest.store.alarm_models import alarms, turns
from digest.store.papers import upsert


@dataclass(frozen=True, slots=True)
class Alarm:
    """A condition that was bad at least once lately, and what the operator was told about it."""

    name: str
    is_bad: bool
    since_at: datetime
    """Since when it is bad, or good again."""
    finding: str
    advice: str
    told_bad: bool = False
    """Whether the last message said that it is bad."""
    told_at: datetime | None = None
    """When the last message was sent; None: none yet."""
    messages: int = 0


def find_alarms(connection: Connection) -> dict[str, Alarm]:
    """Return all stored alarms by name."""
    rows = connection.execute(select(alarms).order_by(alarms.c.name)).mappings()
    return {row["name"]: Alarm(**row) for row in rows}


def save_alarms(connection: Connection, changed: Collection[Alarm]) -> None:
    """Store or replace alarms."""
    for alarm in changed:
        values = asdict(alarm)
        statement = upsert(connection)(alarms).values(values)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def delete_alarms(connection: Connection, names: Collection[str]) -> None:
    """Delete alarms by name."""
    connection.execute(delete(alarms).where(alarms.c.name.in_(names)))


def take_turn(connection: Connection, name: str, now: datetime, every: timedelta) -> bool:
    """Begin a job that one process may begin in each interval; False if it was begun less than `every` ago.

    A turn in the future, which a clock that was ahead has left, does not count.
    """
    first = upsert(connection)(turns).values(name=name, began_at=now).on_conflict_do_nothing()
    if connection.execute(first.returning(turns.c.name)).first() is not None:
        return True
    is_due = (turns.c.began_at <= now - every) | (turns.c.began_at > now + every)
    again = update(turns).where(turns.c.name == name, is_due).values(began_at=now)
    return connection.execute(again).rowcount == 1
