"""Queries about subscribers, what they ask for, and what they told us."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select, update

from digest.domain.address import address_key
from digest.domain.subscriber import (
    INTEREST_KINDS,
    Frequency,
    InterestKind,
    Interests,
    Schedule,
    Status,
    Subscriber,
)
from digest.store.models import deliveries, interests, subscribers
from digest.store.planning import strayed

_FIELD: dict[InterestKind, str] = {
    InterestKind.TOPIC: "topics",
    InterestKind.MUST: InterestKind.MUST,
    InterestKind.MUTE: InterestKind.MUTE,
    InterestKind.FOLLOW: InterestKind.FOLLOW,
    InterestKind.CATEGORY: "categories",
}


def _subscriber(row: Row[Any], asked: Interests) -> Subscriber:
    return Subscriber(
        id=row.id,
        key=row.key,
        address=row.address,
        status=Status(row.status),
        schedule=Schedule(row.timezone, row.hour, Frequency(row.frequency)),
        max_papers=row.max_papers,
        created_at=row.created_at,
        interests=asked,
        next_due_at=row.next_due_at,
        paused_until=row.paused_until,
        confirmed_at=row.confirmed_at,
    )


def _read(connection: Connection, query: Select[Any]) -> list[Subscriber]:
    rows = connection.execute(query).all()
    asked = read_interests(connection, [row.id for row in rows])
    return [_subscriber(row, asked.get(row.id, Interests())) for row in rows]


def read_interests(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, Interests]:
    """Return what each of these subscribers asks for, in the order they said it; who asks for nothing is left out."""
    query = (
        select(interests.c.subscriber_id, interests.c.kind, interests.c.words)
        .where(interests.c.subscriber_id.in_(subscriber_ids))
        .order_by(interests.c.id)
    )
    words: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in connection.execute(query):
        words[row.subscriber_id][_FIELD[row.kind]].append(row.words)
    return {
        subscriber_id: Interests(**{name: tuple(said) for name, said in by_field.items()})
        for subscriber_id, by_field in words.items()
    }


def find_by_address_key(connection: Connection, key: str) -> Subscriber | None:
    """Return the subscriber with this normalised address."""
    found = _read(connection, select(subscribers).where(subscribers.c.address_key == key))
    return found[0] if found else None


def find_by_key(connection: Connection, key: str) -> Subscriber | None:
    """Return the subscriber whom links call by this key."""
    found = _read(connection, select(subscribers).where(subscribers.c.key == key))
    return found[0] if found else None


def find_by_ids(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, Subscriber]:
    """Return these subscribers by row number."""
    query = select(subscribers).where(subscribers.c.id.in_(subscriber_ids))
    return {subscriber.id: subscriber for subscriber in _read(connection, query)}


def page(
    connection: Connection, after: int = 0, limit: int = 1000, status: Status | None = None
) -> list[Subscriber]:
    """Return subscribers by rising row number, starting after one: a page of a walk over all."""
    query = select(subscribers).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(limit)
    if status is not None:
        query = query.where(subscribers.c.status == status)
    return _read(connection, query)


def page_due(
    connection: Connection, after: int, limit: int, due_by: datetime | None = None, only: int | None = None
) -> list[Row[Any]]:
    """Return active subscribers to be planned: a page of (id, timezone, hour, frequency, next_due_at).

    `due_by` leaves out those whose next digest is due later; those never planned (`next_due_at` null) stay,
    and so do those whose schedule strayed.
    Ordered by id, starting after one, so a walk over pages meets each subscriber once though planning
    moves their `next_due_at`. `only` keeps to one subscriber.
    """
    query = (
        select(
            subscribers.c.id,
            subscribers.c.timezone,
            subscribers.c.hour,
            subscribers.c.frequency,
            subscribers.c.next_due_at,
        )
        .where(
            subscribers.c.id > after,
            subscribers.c.status == "active",
            subscribers.c.frequency != "off",
        )
        .order_by(subscribers.c.id)
        .limit(limit)
    )
    if due_by is not None:
        next_due_at = subscribers.c.next_due_at
        query = query.where(or_(next_due_at.is_(None), next_due_at <= due_by, strayed(due_by)))
    if only is not None:
        query = query.where(subscribers.c.id == only)
    return list(connection.execute(query))


def set_next_due(connection: Connection, due: Iterable[tuple[int, datetime | None]]) -> None:
    """Move the next due instant of subscribers."""
    rows = [{"row_number": subscriber_id, "due": instant} for subscriber_id, instant in due]
    if rows:
        statement = update(subscribers).where(subscribers.c.id == bindparam("row_number"))
        connection.execute(statement.values(next_due_at=bindparam("due")), rows)


def resume_paused(connection: Connection, today: date) -> int:
    """Make subscribers active whose pause is over; return how many."""
    over = (subscribers.c.status == "paused") & (subscribers.c.paused_until <= today)
    return connection.execute(
        update(subscribers).where(over).values(status="active", paused_until=None)
    ).rowcount


def activate(connection: Connection, subscriber_id: int, now: datetime) -> None:
    """Make a subscriber active who has just confirmed."""
    statement = update(subscribers).where(subscribers.c.id == subscriber_id)
    connection.execute(statement.values(status="active", confirmed_at=now))


def taken_address_keys(connection: Connection, keys: Collection[str]) -> set[str]:
    """Return those of these normalised addresses that belong to a subscriber."""
    query = select(subscribers.c.address_key).where(subscribers.c.address_key.in_(keys))
    return set(connection.execute(query).scalars())


def set_status(connection: Connection, subscriber_id: int, status: Status) -> None:
    """Change a subscriber's status."""
    connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(status=status))


def first_due(connection: Connection) -> datetime | None:
    """Return when the next subscriber is due; None when nobody is planned ahead."""
    query = select(func.min(subscribers.c.next_due_at)).where(subscribers.c.status == "active")
    due: datetime | None = connection.execute(query).scalar_one()
    return due


def count_by_status(connection: Connection) -> dict[str, int]:
    """Return how many subscribers there are of each status; a status nobody has is left out."""
    query = select(subscribers.c.status, func.count()).group_by(subscribers.c.status)
    return dict(connection.execute(query).all())


def insert_subscribers(connection: Connection, new: Collection[Subscriber]) -> list[int]:
    """Store new subscribers with their interests (`id` is ignored); return their ids in order.

    Raises the database's error when an address is taken.
    """
    if not new:
        return []
    rows = [
        {
            **_columns(one),
            "address_key": address_key(one.address),
            "created_at": one.created_at,
            "key": one.key,
        }
        for one in new
    ]
    statement = subscribers.insert().returning(subscribers.c.id, sort_by_parameter_order=True)
    subscriber_ids = list(connection.execute(statement, rows).scalars())
    _insert_interests(connection, zip(subscriber_ids, (one.interests for one in new), strict=True))
    return subscriber_ids


def update_subscriber(connection: Connection, changed: Subscriber) -> None:
    """Overwrite a subscriber's row and interests."""
    connection.execute(update(subscribers).where(subscribers.c.id == changed.id).values(**_columns(changed)))
    connection.execute(delete(interests).where(interests.c.subscriber_id == changed.id))
    _insert_interests(connection, [(changed.id, changed.interests)])


def _columns(one: Subscriber) -> dict[str, Any]:
    return {
        "address": one.address,
        "status": one.status,
        "timezone": one.schedule.timezone,
        "hour": one.schedule.hour,
        "frequency": one.schedule.frequency,
        "max_papers": one.max_papers,
        "next_due_at": one.next_due_at,
        "paused_until": one.paused_until,
        "confirmed_at": one.confirmed_at,
    }


def _insert_interests(connection: Connection, asked: Iterable[tuple[int, Interests]]) -> None:
    rows = [
        {"subscriber_id": subscriber_id, "kind": kind, "words": words}
        for subscriber_id, interests_of in asked
        for kind in INTEREST_KINDS
        for words in getattr(interests_of, _FIELD[kind])
    ]
    if rows:
        connection.execute(interests.insert(), rows)


def delete_subscriber(connection: Connection, subscriber_id: int) -> None:
    """Remove a subscriber and everything that hangs on them."""
    connection.execute(delete(subscribers).where(subscribers.c.id == subscriber_id))


def delete_unconfirmed(connection: Connection, before: datetime) -> int:
    """Delete whoever never confirmed and was last asked to before an instant; return how many.

    Subscribers who had confirmed once, and asked for mail again after they left, go back to unsubscribed.
    """
    asked_since = select(deliveries.c.subscriber_id).where(
        deliveries.c.kind == "confirm", deliveries.c.edition_on >= before.date()
    )
    lapsed = (
        (subscribers.c.status == "pending")
        & (subscribers.c.created_at < before)
        & subscribers.c.id.not_in(asked_since)
    )
    once_confirmed = subscribers.c.confirmed_at.is_not(None)
    connection.execute(update(subscribers).where(lapsed & once_confirmed).values(status="unsubscribed"))
    return connection.execute(delete(subscribers).where(lapsed)).rowcount
