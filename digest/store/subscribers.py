"""Queries about subscribers and their interests."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, select, update

from digest.domain.address import address_key
from digest.domain.subscriber import (
    INTEREST_KINDS,
    Frequency,
    InterestKind,
    Interests,
    Layout,
    Schedule,
    Status,
    Subscriber,
)
from digest.store.conditions import one_of
from digest.store.models import deliveries, interests, subscribers
from digest.store.planning import is_due

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
        layout=Layout(row.layout),
        language=row.language,
        team=row.team,
    )


def _read(connection: Connection, query: Select[Any]) -> list[Subscriber]:
    rows = connection.execute(query).all()
    asked = read_interests(connection, [row.id for row in rows])
    return [_subscriber(row, asked.get(row.id, Interests())) for row in rows]


def read_interests(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, Interests]:
    """Return the interests of these subscribers in the order of entry; subscribers without any are left out."""
    query = (
        select(interests.c.subscriber_id, interests.c.kind, interests.c.words)
        .where(one_of(interests.c.subscriber_id, subscriber_ids))
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
    """Return the subscriber with this random key, as in links."""
    found = _read(connection, select(subscribers).where(subscribers.c.key == key))
    return found[0] if found else None


def find_by_ids(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, Subscriber]:
    """Return these subscribers by id."""
    query = select(subscribers).where(one_of(subscribers.c.id, subscriber_ids))
    return {subscriber.id: subscriber for subscriber in _read(connection, query)}


def find_team(connection: Connection, team: str) -> list[Subscriber]:
    """Return the members of a team by id; none for an unknown team."""
    return _read(connection, select(subscribers).where(subscribers.c.team == team).order_by(subscribers.c.id))


def lock_team(connection: Connection, team: str) -> None:
    """Lock the rows of a team's members, by id; SQLite has one writer and no row locks."""
    query = select(subscribers.c.id).where(subscribers.c.team == team).order_by(subscribers.c.id)
    connection.execute(query.with_for_update())


def rename_team(connection: Connection, team: str, new: str) -> None:
    """Give a team another random name, so that links with the old one are invalid."""
    connection.execute(update(subscribers).where(subscribers.c.team == team).values(team=new))


def set_team(connection: Connection, subscriber_id: int, team: str | None) -> None:
    """Put a subscriber into a team, or into none."""
    connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(team=team))


def replace_interests(connection: Connection, asked: Collection[tuple[int, Interests]]) -> None:
    """Overwrite the interests of these subscribers (subscriber_id, interests)."""
    connection.execute(delete(interests).where(one_of(interests.c.subscriber_id, [one for one, _ in asked])))
    _insert_interests(connection, asked)


def page(connection: Connection, after: int = 0, limit: int = 1000) -> list[Subscriber]:
    """Return a page of subscribers with an id above `after`, by id."""
    query = select(subscribers).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(limit)
    return _read(connection, query)


def page_due(
    connection: Connection, after: int, limit: int, due_by: datetime | None = None, only: int | None = None
) -> list[int]:
    """Return the ids of active subscribers to be planned at an instant, None for all; a page by rising id.

    `only` limits the answer to one subscriber.
    """
    query = select(subscribers.c.id).where(subscribers.c.id > after, is_due(due_by, only))
    return list(connection.execute(query.order_by(subscribers.c.id).limit(limit)).scalars())


def resume_paused(connection: Connection, today: date) -> list[int]:
    """Set subscribers to active whose pause has ended; return their ids."""
    over = (subscribers.c.status == "paused") & (subscribers.c.paused_until <= today)
    resumed = update(subscribers).where(over).values(status="active", paused_until=None)
    return list(connection.execute(resumed.returning(subscribers.c.id)).scalars())


def set_next_due(connection: Connection, subscriber_id: int, due: datetime | None) -> None:
    """Change when a subscriber's next digest is due."""
    statement = update(subscribers).where(subscribers.c.id == subscriber_id)
    connection.execute(statement.values(next_due_at=due))


def activate(connection: Connection, subscriber_id: int, now: datetime) -> None:
    """Set a subscriber to active who has just confirmed."""
    statement = update(subscribers).where(subscribers.c.id == subscriber_id)
    connection.execute(statement.values(status="active", confirmed_at=now))


def taken_address_keys(connection: Connection, keys: Collection[str]) -> set[str]:
    """Return those of these normalised addresses that belong to a subscriber."""
    query = select(subscribers.c.address_key).where(one_of(subscribers.c.address_key, keys))
    return set(connection.execute(query).scalars())


def set_status(connection: Connection, subscriber_id: int, status: Status) -> None:
    """Change a subscriber's status."""
    connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(status=status))


def set_language(connection: Connection, subscriber_id: int, language: str) -> None:
    """Change a subscriber's language."""
    statement = update(subscribers).where(subscribers.c.id == subscriber_id)
    connection.execute(statement.values(language=language))


def first_due(connection: Connection) -> datetime | None:
    """Return the earliest due time of all active subscribers; None if there is none."""
    query = select(func.min(subscribers.c.next_due_at)).where(subscribers.c.status == "active")
    due: datetime | None = connection.execute(query).scalar_one()
    return due


def count_by_status(connection: Connection) -> dict[str, int]:
    """Return how many subscribers there are of each status; statuses without subscribers are left out."""
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
    replace_interests(connection, [(changed.id, changed.interests)])


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
        "layout": one.layout,
        "language": one.language,
        "team": one.team,
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
    """Delete a subscriber with all rows that refer to them."""
    connection.execute(delete(subscribers).where(subscribers.c.id == subscriber_id))


def delete_unconfirmed(connection: Connection, before: datetime) -> int:
    """Delete subscribers who never confirmed and were last asked before an instant; return how many.

    Pending subscribers who had confirmed before become unsubscribed again.
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
