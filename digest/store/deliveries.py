"""Queries about deliveries: the ledger of all mails, from plan to the server's answer."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    func,
    literal_column,
    select,
    update,
)

from digest.domain.delivery import (
    TRANSACTIONAL_KINDS,
    Delivery,
    DeliveryStatus,
    Kind,
    Stream,
    stream_of,
)
from digest.store.conditions import one_of
from digest.store.models import deliveries, picks
from digest.store.overview import forget_totals
from digest.store.papers import upsert

RETRIABLE = (DeliveryStatus.FAILED, DeliveryStatus.SKIPPED)


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to be planned: one mail for one subscriber and edition."""

    subscriber_id: int
    edition_on: date
    due_at: datetime


def plan(connection: Connection, kind: Kind, new: Collection[NewDelivery]) -> int:
    """Write a planned row for each; an existing row of the subscriber, kind and edition stays. Return how many are new."""
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
    # PostgreSQL's driver does not count the rows of a multi-row insert, so the returned ids are counted.
    return len(connection.execute(statement.returning(deliveries.c.id), rows).all())


def claim(
    connection: Connection,
    now: datetime,
    lease: timedelta,
    limit: int,
    only: int | None = None,
    stream: Stream | None = None,
) -> list[Delivery]:
    """Claim open deliveries that are due, the longest waiting first; return them.

    No other worker can claim them before the lease ends; after that, a crash is assumed. `only` restricts the claim
    to one subscriber id, `stream` to one stream.
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
        .where(one_of(deliveries.c.id, [row.id for row in rows]))
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
    return sorted(claimed, key=lambda one: (stream_of(one.kind) == "digest", one.due_at, one.id))


def count_sent(connection: Connection, since: datetime) -> int:
    """Count the mails that a server accepted since an instant."""
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
    # As literals instead of parameters, so that PostgreSQL uses the partial indexes of open deliveries.
    post: ColumnElement[str] = literal_column(f"'{Kind.POST.value}'")
    if stream == Stream.CHAT:
        return deliveries.c.kind == post
    kinds: list[ColumnElement[str]] = [literal_column(f"'{kind.value}'") for kind in TRANSACTIONAL_KINDS]
    if stream == Stream.TRANSACTIONAL:
        return deliveries.c.kind.in_(kinds)
    return deliveries.c.kind.not_in([*kinds, post])


def held(connection: Connection, work: Collection[Delivery]) -> set[int]:
    """Return the ids of the deliveries that this worker still holds, locked until the commit.

    The others were claimed by another worker after the lease ended; they must not be changed.
    """
    query = (
        select(deliveries.c.id, deliveries.c.attempts)
        .where(one_of(deliveries.c.id, [one.id for one in work]), deliveries.c.status == "claimed")
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
    """Record that there was nothing to send, and why; these papers are not candidates of the next digest."""
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
    """Record that it is unknown whether a mail was sent; its papers count as received."""
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
    """Record that a mail will not be sent, and why; its papers are candidates of the subscriber's next digest."""
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
    # The primary key of picks starts with the subscriber: with this condition the index is used, without it a scan.
    owner = select(deliveries.c.subscriber_id).where(deliveries.c.id == delivery_id)
    return picks.c.subscriber_id == owner.scalar_subquery()


def _settle(connection: Connection, delivery_id: int, *, now: datetime, **values: Any) -> None:
    statement = update(deliveries).where(deliveries.c.id == delivery_id)
    connection.execute(statement.values(next_try_at=None, settled_at=now, **values))


def retry_later(
    connection: Connection, delivery_id: int, until: datetime, reason: str, answer: str = ""
) -> None:
    """Set a claimed delivery to planned, to be retried at `until`."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(status="planned", next_try_at=until, reason=reason, smtp_answer=answer or None)
    )


def release(connection: Connection, delivery_ids: Collection[int], now: datetime) -> None:
    """Give up the claim on deliveries that were not attempted: they are ready, and the attempt is not counted."""
    connection.execute(
        update(deliveries)
        .where(one_of(deliveries.c.id, delivery_ids), deliveries.c.status == "claimed")
        .values(status="planned", next_try_at=now, attempts=deliveries.c.attempts - 1)
    )


def hasten(connection: Connection, subscriber_id: int, kind: Kind, now: datetime) -> None:
    """Make a planned delivery that nobody has claimed yet due now."""
    waiting = (
        (deliveries.c.subscriber_id == subscriber_id)
        & (deliveries.c.kind == kind)
        & (deliveries.c.status == "planned")
        & (deliveries.c.attempts == 0)
        & (deliveries.c.next_try_at > now)
    )
    connection.execute(update(deliveries).where(waiting).values(due_at=now, next_try_at=now))


def retry(connection: Connection, delivery_ids: Collection[int], now: datetime) -> int:
    """Set failed or skipped deliveries to planned, due now; return how many."""
    return _retry(connection, one_of(deliveries.c.id, delivery_ids) & deliveries.c.status.in_(RETRIABLE), now)


def retry_edition(
    connection: Connection, edition_on: date, status: DeliveryStatus, reason: str, now: datetime
) -> int:
    """Do the same with all deliveries of an edition with this status whose reason, or server's answer, contains a text."""
    found = func.lower(deliveries.c.reason + " " + func.coalesce(deliveries.c.smtp_answer, ""))
    which = (deliveries.c.edition_on == edition_on) & (deliveries.c.status == status)
    return _retry(connection, which & found.contains(reason.lower(), autoescape=True), now)


def _retry(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    statement = update(deliveries).where(which)
    planned = {"status": "planned", "next_try_at": now, "due_at": now, "settled_at": None}
    changed = statement.values(**planned, attempts=0, reason="").returning(deliveries.c.edition_on)
    editions = connection.execute(changed).scalars().all()
    if editions:
        forget_totals(connection, min(editions))
    return len(editions)
