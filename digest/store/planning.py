"""Writing planned deliveries by the thousand, without reading a subscriber into this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    Executable,
    SmallInteger,
    Text,
    and_,
    column,
    func,
    literal,
    or_,
    select,
    text,
    union_all,
    update,
    values,
)

from digest.domain.schedule import LONGEST_WAIT
from digest.domain.subscriber import Frequency
from digest.store.models import Instant, deliveries, subscribers
from digest.store.papers import upsert

MOST_CLOCKS = 2000
"""So many clocks fit into one statement of either database."""
# Any number that nothing else here locks.
_PLANNING = 7_234_001


@dataclass(frozen=True, slots=True)
class Clock:
    """What subscribers have in common who are due at the same instants."""

    timezone: str
    hour: int
    frequency: Frequency
    is_first: bool
    """Whether they were never planned before."""


@dataclass(frozen=True, slots=True)
class DueEdition:
    """An edition that is due, when it was, and when the next one is."""

    edition_on: date
    due_at: datetime
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueSubscribers:
    """The subscribers to be planned: their clocks, and the span of their row numbers."""

    clocks: Sequence[Clock]
    first: int
    last: int


def find_due_subscribers(
    connection: Connection, due_by: datetime | None, only: int | None = None
) -> DueSubscribers | None:
    """Return active subscribers to be planned at an instant; all for None. None for nobody.

    They are due, were never planned, or have strayed.
    """
    is_first = subscribers.c.next_due_at.is_(None)
    columns = (subscribers.c.timezone, subscribers.c.hour, subscribers.c.frequency, is_first)
    # One query for each index range: as one condition, a database may prefer to read the whole list.
    ranges = [literal(True)] if due_by is None else [_by_now(due_by), *_strayed_ranges(due_by)]
    queries = (
        select(*columns, func.min(subscribers.c.id), func.max(subscribers.c.id))
        .where(_gets_digests(only), span)
        .group_by(*columns)
        for span in ranges
    )
    rows = connection.execute(union_all(*queries)).all()
    if not rows:
        return None
    clocks = dict.fromkeys(Clock(row[0], row[1], row[2], bool(row[3])) for row in rows)
    return DueSubscribers(tuple(clocks), min(row[4] for row in rows), max(row[5] for row in rows))


def plan_span(
    connection: Connection,
    slots: Mapping[Clock, DueEdition],
    span: tuple[int, int],
    due_by: datetime | None,
    only: int | None = None,
) -> int:
    """Plan a digest for each due subscriber (row numbers from, to) of these clocks, at most MOST_CLOCKS of them.

    Their next due instant moves on in the same transaction. A delivery that exists stays as it is. Returns
    how many are new.
    """
    table = _table(slots)
    here = and_(
        subscribers.c.id.between(*span),
        is_due(due_by, only),
        subscribers.c.timezone == table.c.timezone,
        subscribers.c.hour == table.c.hour,
        subscribers.c.frequency == table.c.frequency,
        subscribers.c.next_due_at.is_(None) == table.c.is_first,
    )
    move = update(subscribers).where(here).values(next_due_at=table.c.next_due_at)
    fields = (subscribers.c.id, table.c.edition_on, table.c.due_at)
    if connection.dialect.name == "sqlite":
        # The transaction has the database alone, so both statements see the same subscribers.
        connection.execute(_insert(connection, select(*fields).where(here).cte("due")))
        planned: int = connection.execute(select(func.changes())).scalar_one()
        connection.execute(move)
        return planned
    # Planners take turns. In one statement, so that nobody becomes due between the two halves.
    connection.execute(select(func.pg_advisory_xact_lock(_PLANNING)))
    return connection.execute(_insert(connection, move.returning(*fields).cte("due"))).rowcount


def analyze_deliveries(connection: Connection) -> None:
    """Let PostgreSQL know at once that a crowd was planned; until it does, it sorts them all for every claim."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("ANALYZE deliveries"))


def strayed(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a subscriber's next edition is further away than their schedule allows.

    A clock that was ahead leaves such rows behind. To be due is their repair: planning finds the newest edition
    by the right clock, which may be in the ledger already, and moves the next one to where it belongs.
    """
    return or_(*_strayed_ranges(now))


def _strayed_ranges(now: datetime) -> Sequence[ColumnElement[bool]]:
    """Return the ranges of an index that hold strayed schedules, one for each frequency."""
    return [
        and_(subscribers.c.frequency == frequency, subscribers.c.next_due_at > now + longest)
        for frequency, longest in LONGEST_WAIT.items()
    ]


def _by_now(due_by: datetime) -> ColumnElement[bool]:
    return or_(subscribers.c.next_due_at.is_(None), subscribers.c.next_due_at <= due_by)


def _gets_digests(only: int | None) -> ColumnElement[bool]:
    gets = (subscribers.c.status == "active") & (subscribers.c.frequency != "off")
    return gets if only is None else gets & (subscribers.c.id == only)


def is_due(due_by: datetime | None, only: int | None) -> ColumnElement[bool]:
    """Return the condition that a subscriber gets digests and is to be planned at an instant; None: at any."""
    due = _gets_digests(only)
    return due if due_by is None else due & or_(_by_now(due_by), strayed(due_by))


def _table(slots: Mapping[Clock, DueEdition]) -> CTE:
    columns = (
        column("timezone", Text),
        column("hour", SmallInteger),
        column("frequency", Text),
        column("is_first", Boolean),
        column("edition_on", Date),
        column("due_at", Instant),
        column("next_due_at", Instant),
    )
    rows = [
        (
            clock.timezone,
            clock.hour,
            clock.frequency,
            clock.is_first,
            due_edition.edition_on,
            due_edition.due_at,
            due_edition.next_due_at,
        )
        for clock, due_edition in slots.items()
    ]
    return values(*columns, name="slots").data(rows).cte("slots")


def _insert(connection: Connection, due: CTE) -> Executable:
    subscriber_id, edition_on, due_at = due.c
    selected = select(
        subscriber_id,
        literal("digest"),
        edition_on,
        literal("planned"),
        literal(""),
        due_at,
        due_at,
        literal(0, SmallInteger),
    )
    columns = (
        "subscriber_id",
        "kind",
        "edition_on",
        "status",
        "reason",
        "due_at",
        "next_try_at",
        "attempts",
    )
    # SQLite reads ON after a bare SELECT as a join; a WHERE stands between. Ordered, so that equal databases
    # give equal numbers, wherever the rows of subscribers lie on the disk.
    ordered = selected.where(literal(True)).order_by(subscriber_id)
    statement = upsert(connection)(deliveries).from_select(list(columns), ordered)
    once: Executable = statement.on_conflict_do_nothing(
        index_elements=["subscriber_id", "kind", "edition_on"]
    )
    return once.execution_options(preserve_rowcount=True)
