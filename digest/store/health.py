"""Queries about the state of the database, the queue and the schedules."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.exc import DBAPIError

from digest.errors import StopRun
from digest.store.database import Database
from digest.store.models import deliveries, fetches, subscribers
from digest.store.planning import strayed
from digest.store.retention import last_deleted_sent_at
from digest.store.schema import MIGRATIONS
from digest.store.suppressions import last_erased_at


@dataclass(frozen=True, slots=True)
class Queue:
    """The deliveries that are not settled."""

    open: int
    overdue: int
    """Number of deliveries that are ready to be claimed."""
    overdue_since: datetime | None
    """Since when the oldest of these is ready."""
    to_retry: int
    """Number of deliveries that were attempted before and wait for a retry."""
    reason: str
    """The most frequent reason for a retry; may be empty."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Counts of deliveries settled recently, without the skipped ones."""

    sent: int
    failed: int
    reason: str
    """The most frequent reason for a failure; may be empty."""


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """Open a read-only transaction; every error of the database becomes StopRun."""
    try:
        with database.read() as connection:
            yield connection
    except DBAPIError as error:
        reason = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
        raise StopRun(
            f"The database cannot be read ({reason}); restore it from a backup, or check DIGEST_DATABASE_URL."
        ) from error


def file_of(database: Database) -> Path | None:
    """Return the file that holds a SQLite database, which may not exist yet; None for another database."""
    name = database.engine.url.database
    return Path(name) if database.is_sqlite and name and name != ":memory:" else None


def knows_revision(revision: str) -> bool:
    """Return whether this version of the product has a database revision; it lacks those of later versions."""
    history = ScriptDirectory(str(MIGRATIONS))
    return any(one.revision == revision for one in history.walk_revisions())


def clock_of(connection: Connection) -> datetime | None:
    """Return the instant on the database server's own clock; None for SQLite, which has none."""
    if connection.dialect.name != "postgresql":
        return None
    instant: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return instant.astimezone(UTC)


def queue(connection: Connection, now: datetime) -> Queue:
    """Count open deliveries."""
    waits = deliveries.c.next_try_at.is_not(None)
    is_overdue = deliveries.c.next_try_at <= now
    was_tried = waits & (deliveries.c.status == "planned") & (deliveries.c.attempts > 0)
    row = connection.execute(
        select(
            func.count(),
            func.count().filter(is_overdue),
            func.min(deliveries.c.next_try_at),
            func.count().filter(was_tried),
        ).where(waits)
    ).one()
    return Queue(
        open=row[0],
        overdue=row[1],
        overdue_since=row[2] if row[1] else None,
        to_retry=row[3],
        reason=_most_frequent_reason(connection, was_tried) if row[3] else "",
    )


def settled_since(connection: Connection, since: datetime) -> Settled:
    """Count the deliveries sent and failed since an instant."""
    is_recent = deliveries.c.settled_at >= since
    has_failed = is_recent & (deliveries.c.status == "failed")
    row = connection.execute(
        select(
            func.count().filter(deliveries.c.status == "sent"),
            func.count().filter(deliveries.c.status == "failed"),
        ).where(is_recent)
    ).one()
    return Settled(row[0], row[1], _most_frequent_reason(connection, has_failed) if row[1] else "")


def _most_frequent_reason(connection: Connection, which: ColumnElement[bool]) -> str:
    query = (
        select(deliveries.c.reason)
        .where(which, deliveries.c.reason != "")
        .group_by(deliveries.c.reason)
        .order_by(func.count().desc(), deliveries.c.reason)
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or ""


def unplanned_subscribers(connection: Connection, before: datetime) -> tuple[int, datetime | None]:
    """Count active subscribers whose digest was due before an instant and is not planned; return the earliest due time, too."""
    due = subscribers.c.next_due_at
    query = select(func.count(), func.min(due)).where(subscribers.c.status == "active", due < before)
    count, since = connection.execute(query).one()
    return count, since


def strayed_subscribers(connection: Connection, now: datetime) -> int:
    """Count active subscribers whose next edition is later than their schedule allows."""
    query = select(func.count()).where(subscribers.c.status == "active", strayed(now))
    return connection.execute(query).scalar_one()


def time_zones(connection: Connection) -> dict[str, int]:
    """Count active subscribers by time zone."""
    zone = subscribers.c.timezone
    query = select(zone, func.count()).where(subscribers.c.status == "active").group_by(zone)
    return dict(connection.execute(query).all())


def last_sent_at(connection: Connection) -> datetime | None:
    """Return when the last mail was recorded as sent; None if none was."""
    is_sent = deliveries.c.status == "sent"
    # The time of the newest delivery bounds the rows that are read; the last mail can be that of an older one.
    newest = select(deliveries.c.settled_at).where(is_sent).order_by(deliveries.c.id.desc()).limit(1)
    query = select(func.max(deliveries.c.settled_at)).where(
        is_sent, deliveries.c.settled_at >= newest.scalar_subquery()
    )
    last: datetime | None = connection.execute(query).scalar_one()
    return last or last_deleted_sent_at(connection)


def has_recorded_until(connection: Connection, instant: datetime) -> bool:
    """Return whether a mail is recorded as sent at an instant or later. The newest rows are read first."""
    query = (
        select(deliveries.c.id)
        .where(deliveries.c.status == "sent", deliveries.c.settled_at >= instant)
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )
    if connection.execute(query).first() is not None:
        return True
    gone = last_deleted_sent_at(connection), last_erased_at(connection)
    return any(one is not None and one >= instant for one in gone)


def known_mails(connection: Connection, keys: Collection[str]) -> dict[str, Collection[tuple[str, date]]]:
    """Return the (kind, edition) of all mails of these subscribers, by key; unknown keys are left out."""
    query = (
        select(subscribers.c.key, deliveries.c.kind, deliveries.c.edition_on)
        .outerjoin(deliveries, deliveries.c.subscriber_id == subscribers.c.id)
        .where(subscribers.c.key.in_(keys))
    )
    found: dict[str, set[tuple[str, date]]] = defaultdict(set)
    for key, kind, edition_on in connection.execute(query):
        found[key].add((kind, edition_on))
    return dict(found)


def last_good_fetches(connection: Connection, now: datetime) -> dict[str, datetime]:
    """Return when each feed was last fetched completely or partly, by name."""
    query = (
        select(fetches.c.source, func.max(fetches.c.finished_at))
        .where(fetches.c.finished_at <= now, fetches.c.status.in_(("complete", "partial")))
        .group_by(fetches.c.source)
    )
    return dict(connection.execute(query).all())
