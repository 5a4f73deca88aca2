"""Planning deliveries with a few statements, without reading the subscribers into this process."""

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
    case,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    union_all,
    update,
    values,
)

from digest.domain.delivery import Kind
from digest.domain.schedule import LONGEST_WAIT
from digest.domain.subscriber import Frequency
from digest.store.models import Instant, deliveries, subscribers
from digest.store.papers import upsert

MOST_SCHEDULES = 2000
"""Maximum number of schedules in one statement of either database."""
# The key of the lock: any number that no other lock uses.
_PLANNING = 7_234_001


@dataclass(frozen=True, slots=True)
class SharedSchedule:
    """The schedule that all subscribers share who are due at the same instants."""

    timezone: str
    hour: int
    frequency: Frequency
    is_first: bool
    """Whether no digest was planned for them yet."""


@dataclass(frozen=True, slots=True)
class DueEdition:
    """An edition that is due, its due time, and the due time of the next one."""

    edition_on: date
    due_at: datetime
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueSubscribers:
    """The subscribers to be planned: their schedules, and their lowest and highest id."""

    schedules: Sequence[SharedSchedule]
    first: int
    last: int


def find_due_subscribers(
    connection: Connection, due_by: datetime | None, only: int | None = None
) -> DueSubscribers | None:
    """Return the subscribers to be planned at an instant, or all active ones if `due_by` is None; None for none.

    They are due, were never planned, or have strayed (see `strayed`).
    """
    is_first = subscribers.c.next_due_at.is_(None)
    columns = (subscribers.c.timezone, subscribers.c.hour, subscribers.c.frequency, is_first)
    # One query per index range: with one combined condition, a database may choose to scan the table.
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
    schedules = dict.fromkeys(SharedSchedule(row[0], row[1], row[2], bool(row[3])) for row in rows)
    return DueSubscribers(tuple(schedules), min(row[4] for row in rows), max(row[5] for row in rows))


def plan_span(
    connection: Connection,
    due_editions: Mapping[SharedSchedule, DueEdition],
    span: tuple[int, int],
    due_by: datetime | None,
    only: int | None = None,
) -> int:
    """Plan a digest for each due subscriber of these schedules with an id in `span`, ends included.

    At most MOST_SCHEDULES at once. `next_due_at` is updated in the same transaction. An existing delivery is
    not changed. Returns how many are new.
    """
    table = _table(due_editions)
    is_planned_here = and_(
        subscribers.c.id.between(*span),
        is_due(due_by, only),
        subscribers.c.timezone == table.c.timezone,
        subscribers.c.hour == table.c.hour,
        subscribers.c.frequency == table.c.frequency,
        subscribers.c.next_due_at.is_(None) == table.c.is_first,
    )
    move = update(subscribers).where(is_planned_here).values(next_due_at=table.c.next_due_at)
    # Stored text, as a parameter would have no type in PostgreSQL's answer.
    kind = case(
        (subscribers.c.service.is_not(None), literal_column(f"'{Kind.POST}'", Text)), else_=table.c.kind
    )
    fields = (subscribers.c.id, table.c.edition_on, table.c.due_at, kind.label("kind"))
    if connection.dialect.name == "sqlite":
        # A writing transaction blocks all others, so both statements see the same subscribers.
        connection.execute(_insert(connection, select(*fields).where(is_planned_here).cte("due")))
        planned: int = connection.execute(select(func.changes())).scalar_one()
        connection.execute(move)
        return planned
    # One planner at a time. One statement, so that the update and the insert see the same subscribers.
    connection.execute(select(func.pg_advisory_xact_lock(_PLANNING)))
    return connection.execute(_insert(connection, move.returning(*fields).cte("due"))).rowcount


def analyze_deliveries(connection: Connection) -> None:
    """Update PostgreSQL's statistics after many rows were planned; with old ones, every claim sorts all of them."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("ANALYZE deliveries"))


def strayed(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a subscriber's next edition is later than their schedule allows.

    A clock that was ahead causes such rows. Planning treats them as due, which corrects them: it finds the newest
    edition, which may be in the ledger already, and sets the next due time.
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
    """Return the condition that a subscriber gets digests and is due (or has strayed) by an instant; None: at any time."""
    due = _gets_digests(only)
    return due if due_by is None else due & or_(_by_now(due_by), strayed(due_by))


def _table(due_editions: Mapping[SharedSchedule, DueEdition]) -> CTE:
    columns = (
        column("timezone", Text),
        column("hour", SmallInteger),
        column("frequency", Text),
        column("is_first", Boolean),
        column("edition_on", Date),
        column("due_at", Instant),
        column("next_due_at", Instant),
        column("kind", Text),
    )
    rows = [
        (
            schedule.timezone,
            schedule.hour,
            schedule.frequency,
            schedule.is_first,
            due_edition.edition_on,
            due_edition.due_at,
            due_edition.next_due_at,
            Kind.WEEKLY if schedule.frequency == Frequency.WEEKLY else Kind.DIGEST,
        )
        for schedule, due_edition in due_editions.items()
    ]
    return values(*columns, name="due_editions").data(rows).cte("due_editions")


def _insert(connection: Connection, due: CTE) -> Executable:
    subscriber_id, edition_on, due_at, kind = due.c
    selected = select(
        subscriber_id,
        kind,
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
    # The order makes the ids of deliveries
    # independent of where the rows of subscribers are on the disk.
    # Who changed between a weekly and another schedule has this edition already as the other kind.
    other = deliveries.alias("other")
    is_planned = (
        select(literal(1))
        .where(
            other.c.subscriber_id == subscriber_id,
            other.c.kind == case((kind == Kind.WEEKLY, Kind.DIGEST), else_=Kind.WEEKLY),
            other.c.edition_on == edition_on,
        )
        .exists()
    )
    ordered = selected.where(~is_planned).order_by(subscriber_id)
    statement = upsert(connection)(deliveries).from_select(list(columns), ordered)
    once: Executable = statement.on_conflict_do_nothing(
        index_elements=["subscriber_id", "kind", "edition_on"]
    )
    return once.execution_options(preserve_rowcount=True)
