"""Queries about deliveries: the ledger of every mail, from plan to answer."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    func,
    literal,
    select,
    update,
)

from digest.domain.delivery import Delivery, Kind, Stream
from digest.store.models import deliveries, picks
from digest.store.papers import upsert


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A promise to be kept: one mail for one subscriber and edition."""

    subscriber_id: int
    edition_on: date
    due_at: datetime


def plan(connection: Connection, kind: Kind, new: Collection[NewDelivery]) -> int:
    """Write a planned row for each; one that exists for subscriber, kind and edition stays. Return how many are new."""
    if not new:
        return 0
    statement = upsert(connection)(deliveries).on_conflict_do_nothing(
        index_elements=["subscriber_id", "kind", "edition_on"]
    )
    rows = [
        {
            "subscriber_id": one.subscriber_id,
            "kind": kind,
            "edition_on": one.edition_on,
            "status": "planned",
            "due_at": one.due_at,
            "next_try_at": one.due_at,
        }
        for one in new
    ]
    # PostgreSQL's driver does not count the rows of many inserts; the ids that come back can be counted.
    return len(connection.execute(statement.returning(deliveries.c.id), rows).all())


def claim(
    connection: Connection,
    now: datetime,
    lease: timedelta,
    limit: int,
    only: int | None = None,
    stream: Stream | None = None,
) -> list[Delivery]:
    """Take on open deliveries whose time has come, the longest waiting first.

    Whoever claims has them alone until the lease is over; then a crash is assumed, and they may be
    claimed again. `only` and `stream` keep to one subscriber and one stream.
    """
    ready = (
        select(
            deliveries.c.id,
            deliveries.c.subscriber_id,
            deliveries.c.kind,
            deliveries.c.edition_on,
            deliveries.c.due_at,
            deliveries.c.attempts,
            deliveries.c.status,
            deliveries.c.contents,
        )
        .where(deliveries.c.next_try_at <= now)
        .order_by(deliveries.c.next_try_at, deliveries.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if only is not None:
        ready = ready.where(deliveries.c.subscriber_id == only)
    if stream is not None:
        ready = ready.where(_in_stream(stream))
    rows = connection.execute(ready).all()
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_([row.id for row in rows]))
        .values(status="claimed", attempts=deliveries.c.attempts + 1, next_try_at=now + lease, reason="")
    )
    claimed = [
        Delivery(
            id=row.id,
            subscriber_id=row.subscriber_id,
            kind=Kind(row.kind),
            edition_on=row.edition_on,
            due_at=row.due_at,
            attempts=row.attempts + 1,
            contents=row.contents,
            in_flight=row.status == "claimed" and row.contents is not None,
        )
        for row in rows
    ]
    return sorted(claimed, key=lambda one: (one.kind == "digest", one.due_at, one.id))


def count_sent(connection: Connection, since: datetime) -> int:
    """Count the mails that a server took since an instant."""
    query = select(func.count()).where(deliveries.c.settled_at >= since, deliveries.c.status == "sent")
    return connection.execute(query).scalar_one()


def count_ready(connection: Connection, now: datetime, most: int, stream: Stream | None = None) -> int:
    """Count the deliveries that could be claimed, up to `most`."""
    ready = select(deliveries.c.id).where(deliveries.c.next_try_at <= now)
    if stream is not None:
        ready = ready.where(_in_stream(stream))
    query = select(func.count()).select_from(ready.limit(most).subquery())
    return connection.execute(query).scalar_one()


def _in_stream(stream: Stream) -> ColumnElement[bool]:
    # Written out, so that the small index of open transactional mails is found.
    digest = literal("digest", literal_execute=True)
    return deliveries.c.kind == digest if stream == "digest" else deliveries.c.kind != digest


def held(connection: Connection, work: Collection[Delivery]) -> set[int]:
    """Return those of these deliveries (row numbers) that are still this worker's, locked until it commits.

    Whoever sleeps through a lease finds that another worker has taken over, and must leave them alone.
    """
    query = (
        select(deliveries.c.id, deliveries.c.attempts)
        .where(deliveries.c.id.in_([one.id for one in work]), deliveries.c.status == "claimed")
        .order_by(deliveries.c.id)
        .with_for_update()
    )
    attempts = {one.id: one.attempts for one in work}
    return {row.id for row in connection.execute(query) if row.attempts == attempts[row.id]}


def record_skipped(
    connection: Connection,
    delivery_id: int,
    reason: str,
    papers_after: date,
    papers_through: date,
    now: datetime,
) -> None:
    """Note that there was nothing to send, and why; the papers looked at count as dealt with."""
    _settle(
        connection,
        delivery_id,
        status="skipped",
        reason=reason,
        papers_after=papers_after,
        papers_through=papers_through,
        now=now,
    )


def record_unknown(connection: Connection, delivery_id: int, reason: str, now: datetime) -> None:
    """Note that nobody knows whether a mail was sent; its papers count as received."""
    _settle(connection, delivery_id, status="failed", reason=reason, now=now)


def record_cancelled(
    connection: Connection,
    delivery_id: int,
    reason: str,
    now: datetime,
    *,
    failed: bool = False,
    answer: str = "",
) -> None:
    """Note that a mail will not be sent, and why; its papers are free for the subscriber's next one."""
    connection.execute(delete(picks).where(picks.c.delivery_id == delivery_id, _same_subscriber(delivery_id)))
    _settle(
        connection,
        delivery_id,
        status="failed" if failed else "skipped",
        reason=reason,
        smtp_answer=answer or None,
        papers_through=None,
        contents=None,
        now=now,
    )


def _same_subscriber(delivery_id: int) -> Any:
    # The key of picks starts with the subscriber; naming them turns a scan into a look-up.
    owner = select(deliveries.c.subscriber_id).where(deliveries.c.id == delivery_id)
    return picks.c.subscriber_id == owner.scalar_subquery()


def _settle(connection: Connection, delivery_id: int, *, now: datetime, **values: Any) -> None:
    statement = update(deliveries).where(deliveries.c.id == delivery_id)
    connection.execute(statement.values(next_try_at=None, settled_at=now, **values))


def retry_later(
    connection: Connection, delivery_id: int, until: datetime, reason: str, answer: str = ""
) -> None:
    """Give a claimed delivery back, to be taken up again at an instant."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(status="planned", next_try_at=until, reason=reason, smtp_answer=answer or None)
    )


def release(connection: Connection, delivery_ids: Collection[int], now: datetime) -> None:
    """Return claimed deliveries that were not tried, ready at once and not counted as an attempt."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(delivery_ids), deliveries.c.status == "claimed")
        .values(status="planned", next_try_at=now, attempts=deliveries.c.attempts - 1)
    )


def retry(connection: Connection, delivery_ids: Collection[int], now: datetime) -> int:
    """Open failed or skipped deliveries again, due now; return how many."""
    statement = (
        update(deliveries)
        .where(deliveries.c.id.in_(delivery_ids), deliveries.c.status.in_(("failed", "skipped")))
        .values(status="planned", next_try_at=now, due_at=now, attempts=0, reason="", settled_at=None)
    )
    return connection.execute(statement).rowcount
