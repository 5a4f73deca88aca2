"""Queries about fetches: one row for each reading of each feed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from digest.domain.paper import FetchStatus, LastFetch
from digest.store.models import fetches


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """How one reading of a feed ended."""

    status: FetchStatus
    seen: int = 0
    added: int = 0
    changed: int = 0
    rejected: int = 0
    newest_on: date | None = None
    error: str = ""


def begin_fetch(connection: Connection, source: str, now: datetime) -> int:
    """Note that a feed is being read; return the row number."""
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
    """Note how reading a feed ended."""
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
    """Return how the newest finished reading of each feed before `now` went."""
    return [
        LastFetch(row.source, row.finished_at, row.status == FetchStatus.FAILED)
        for row in last_rows(connection, now)
    ]


def last_rows(connection: Connection, now: datetime) -> list[Row[Any]]:
    """Return the row of the newest finished reading of each feed before `now`, by name."""
    newest = (
        select(func.max(fetches.c.id))
        .where(fetches.c.finished_at <= now)
        .group_by(fetches.c.source)
        .scalar_subquery()
    )
    return list(
        connection.execute(select(fetches).where(fetches.c.id.in_(newest)).order_by(fetches.c.source))
    )


def delete_fetches(connection: Connection, before: datetime) -> int:
    """Forget the readings that began before an instant; return how many."""
    return connection.execute(delete(fetches).where(fetches.c.started_at < before)).rowcount
