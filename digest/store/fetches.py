"""Queries about fetches: one row for each fetch of a feed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, func, select, update

from digest.domain.paper import FetchStatus, LastFetch
from digest.store.models import fetches


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """The result of one fetch of a feed."""

    status: FetchStatus
    seen: int = 0
    added: int = 0
    changed: int = 0
    rejected: int = 0
    newest_on: date | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class StoredFetch:
    """A finished fetch of a feed."""

    source: str
    status: FetchStatus
    started_at: datetime
    finished_at: datetime
    seen: int
    added: int
    changed: int
    rejected: int
    newest_on: date | None
    error: str


def begin_fetch(connection: Connection, source: str, now: datetime) -> int:
    """Record the start of a fetch; return its id."""
    statement = fetches.insert().values(
        source=source,
        started_at=now,
        status=FetchStatus.RUNNING,
        seen=0,
        added=0,
        changed=0,
        rejected=0,
        error="",
    )
    fetch_id: int = connection.execute(statement.returning(fetches.c.id)).scalar_one()
    return fetch_id


def end_fetch(connection: Connection, fetch_id: int, outcome: FetchOutcome, now: datetime) -> None:
    """Record the result of a fetch."""
    connection.execute(
        update(fetches)
        .where(fetches.c.id == fetch_id)
        .values(
            finished_at=now,
            status=outcome.status,
            seen=outcome.seen,
            added=outcome.added,
            changed=outcome.changed,
            rejected=outcome.rejected,
            newest_on=outcome.newest_on,
            error=outcome.error,
        )
    )


def last_fetches(connection: Connection, now: datetime) -> Sequence[LastFetch]:
    """Return the result of the newest finished fetch of each feed before `now`."""
    return [
        LastFetch(one.source, one.finished_at, one.status == FetchStatus.FAILED)
        for one in newest_fetches(connection, now)
    ]


def newest_fetches(connection: Connection, now: datetime) -> list[StoredFetch]:
    """Return the newest finished fetch of each feed before `now`, by the name of the feed."""
    newest = (
        select(func.max(fetches.c.id))
        .where(fetches.c.finished_at <= now)
        .group_by(fetches.c.source)
        .scalar_subquery()
    )
    query = select(fetches).where(fetches.c.id.in_(newest)).order_by(fetches.c.source)
    return [
        StoredFetch(
            row.source,
            FetchStatus(row.status),
            row.started_at,
            row.finished_at,
            row.seen,
            row.added,
            row.changed,
            row.rejected,
            row.newest_on,
            row.error,
        )
        for row in connection.execute(query)
    ]


def last_complete(connection: Connection, source: str, now: datetime) -> datetime | None:
    """Return when the last complete fetch of a feed before `now` began."""
    query = select(func.max(fetches.c.started_at)).where(
        fetches.c.source == source,
        fetches.c.status == FetchStatus.COMPLETE,
        fetches.c.finished_at <= now,
    )
    found: datetime | None = connection.execute(query).scalar_one()
    return found


def delete_fetches(connection: Connection, before: datetime) -> int:
    """Delete the fetches that began before an instant; return how many."""
    return connection.execute(delete(fetches).where(fetches.c.started_at < before)).rowcount
