"""Queries about subscribers, what they ask for, and what they told us."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select, update

from digest.readers.subscriber import INTEREST_KINDS, InterestKind, Interests, Rhythm, Status, Subscriber
from digest.store.models import consents, deliveries, feedback, interests, secrets, subscribers
from digest.store.papers import upsert
from digest.store.planning import strayed

_FIELD: dict[InterestKind, str] = {
    "topic": "topics",
    "must": "must",
    "mute": "mute",
    "follow": "follow",
    "category": "categories",
}


def _subscriber(row: Row[Any], asked: Interests) -> Subscriber:
    return Subscriber(
        id=row.id,
        key=row.key,
        address=row.address,
        status=row.status,
        rhythm=Rhythm(row.timezone, row.hour, row.frequency),
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
    """Return what each of these readers asks for, in the order they said it; who asks for nothing is left out."""
    query = (
        select(interests.c.subscriber_id, interests.c.kind, interests.c.words)
        .where(interests.c.subscriber_id.in_(subscriber_ids))
        .order_by(interests.c.id)
    )
    words: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in connection.execute(query):
        words[row.subscriber_id][_FIELD[row.kind]].append(row.words)
    return {
        number: Interests(**{name: tuple(said) for name, said in by_field.items()})
        for number, by_field in words.items()
    }


def find_by_address_key(connection: Connection, key: str) -> Subscriber | None:
    """Return the reader with this normalised address."""
    found = _read(connection, select(subscribers).where(subscribers.c.address_key == key))
    return found[0] if found else None


def find_by_key(connection: Connection, key: str) -> Subscriber | None:
    """Return the reader whom links call by this key."""
    found = _read(connection, select(subscribers).where(subscribers.c.key == key))
    return found[0] if found else None


def find_by_numbers(connection: Connection, numbers: Collection[int]) -> dict[int, Subscriber]:
    """Return these readers by row number."""
    query = select(subscribers).where(subscribers.c.id.in_(numbers))
    return {subscriber.id: subscriber for subscriber in _read(connection, query)}


def page(
    connection: Connection, after: int = 0, limit: int = 1000, status: Status | None = None
) -> list[Subscriber]:
    """Return readers by rising row number, starting after one: a page of a walk over all."""
    query = select(subscribers).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(limit)
    if status is not None:
        query = query.where(subscribers.c.status == status)
    return _read(connection, query)


def page_due(
    connection: Connection, after: int, limit: int, due_by: datetime | None = None, only: int | None = None
) -> list[Row[Any]]:
    """Return active readers to be planned: a page of (id, timezone, hour, frequency, next_due_at).

    `due_by` leaves out those whose next digest is due later; those never planned (`next_due_at` null) stay,
    and so do those whose schedule strayed.
    Ordered by id, starting after one, so a walk over pages meets each reader once though planning
    moves their `next_due_at`. `only` keeps to one reader.
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
    """Move the next due instant of readers."""
    rows = [{"row_number": number, "due": instant} for number, instant in due]
    if rows:
        statement = update(subscribers).where(subscribers.c.id == bindparam("row_number"))
        connection.execute(statement.values(next_due_at=bindparam("due")), rows)


def resume_rested(connection: Connection, today: date) -> int:
    """Make readers active whose pause is over; return how many."""
    over = (subscribers.c.status == "paused") & (subscribers.c.paused_until <= today)
    return connection.execute(
        update(subscribers).where(over).values(status="active", paused_until=None)
    ).rowcount


def activate(connection: Connection, number: int, now: datetime) -> None:
    """Make a reader active who has just confirmed."""
    statement = update(subscribers).where(subscribers.c.id == number)
    connection.execute(statement.values(status="active", confirmed_at=now))


def taken_address_keys(connection: Connection, keys: Collection[str]) -> set[str]:
    """Return those of these normalised addresses that belong to a reader."""
    query = select(subscribers.c.address_key).where(subscribers.c.address_key.in_(keys))
    return set(connection.execute(query).scalars())


def set_status(connection: Connection, number: int, status: Status) -> None:
    """Change a reader's status."""
    connection.execute(update(subscribers).where(subscribers.c.id == number).values(status=status))


def first_due(connection: Connection) -> datetime | None:
    """Return when the next reader is due; None when nobody is planned ahead."""
    query = select(func.min(subscribers.c.next_due_at)).where(subscribers.c.status == "active")
    due: datetime | None = connection.execute(query).scalar_one()
    return due


def count_by_status(connection: Connection) -> dict[str, int]:
    """Return how many readers there are of each status; a status nobody has is left out."""
    query = select(subscribers.c.status, func.count()).group_by(subscribers.c.status)
    return dict(connection.execute(query).all())


def insert_subscribers(
    connection: Connection, new: Collection[Subscriber], keys: dict[str, str]
) -> list[int]:
    """Store new readers with their interests (`id` is ignored); return their row numbers in order.

    `keys` maps addresses to their normalised form. Raises the database's error when one is taken.
    """
    if not new:
        return []
    rows = [
        {**_columns(one), "address_key": keys[one.address], "created_at": one.created_at, "key": one.key}
        for one in new
    ]
    statement = subscribers.insert().returning(subscribers.c.id, sort_by_parameter_order=True)
    numbers = list(connection.execute(statement, rows).scalars())
    _insert_interests(connection, zip(numbers, (one.interests for one in new), strict=True))
    return numbers


def update_subscriber(connection: Connection, changed: Subscriber) -> None:
    """Overwrite a reader's row and interests."""
    connection.execute(update(subscribers).where(subscribers.c.id == changed.id).values(**_columns(changed)))
    connection.execute(delete(interests).where(interests.c.subscriber_id == changed.id))
    _insert_interests(connection, [(changed.id, changed.interests)])


def _columns(one: Subscriber) -> dict[str, Any]:
    return {
        "address": one.address,
        "status": one.status,
        "timezone": one.rhythm.timezone,
        "hour": one.rhythm.hour,
        "frequency": one.rhythm.frequency,
        "max_papers": one.max_papers,
        "next_due_at": one.next_due_at,
        "paused_until": one.paused_until,
        "confirmed_at": one.confirmed_at,
    }


def _insert_interests(connection: Connection, asked: Iterable[tuple[int, Interests]]) -> None:
    rows = [
        {"subscriber_id": number, "kind": kind, "words": words}
        for number, wanted in asked
        for kind in INTEREST_KINDS
        for words in getattr(wanted, _FIELD[kind])
    ]
    if rows:
        connection.execute(interests.insert(), rows)


def delete_subscriber(connection: Connection, number: int) -> None:
    """Remove a reader and everything that hangs on them."""
    connection.execute(delete(subscribers).where(subscribers.c.id == number))


def drop_unconfirmed(connection: Connection, before: datetime) -> int:
    """Delete whoever never confirmed and was last asked to before an instant; return how many.

    Readers who had confirmed once, and asked for mail again after they left, go back to unsubscribed.
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


def save_feedback(
    connection: Connection, number: int, paper: int, verdict: str | None, now: datetime
) -> None:
    """Keep a reader's word on a paper, over an earlier one; None takes it back."""
    if verdict is None:
        gone = (feedback.c.subscriber_id == number) & (feedback.c.paper_id == paper)
        connection.execute(delete(feedback).where(gone))
        return
    statement = upsert(connection)(feedback).values(
        subscriber_id=number, paper_id=paper, verdict=verdict, given_at=now
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["subscriber_id", "paper_id"],
            set_={"verdict": statement.excluded.verdict, "given_at": statement.excluded.given_at},
        )
    )


def save_verdicts(connection: Connection, said: Iterable[tuple[int, int, str]], now: datetime) -> None:
    """Keep the first words of new readers: (subscriber, paper, verdict), none of which is stored yet."""
    rows = [
        {"subscriber_id": number, "paper_id": paper, "verdict": verdict, "given_at": now}
        for number, paper, verdict in said
    ]
    if rows:
        connection.execute(feedback.insert(), rows)


def read_feedback(
    connection: Connection, subscriber_ids: Collection[int]
) -> dict[int, list[tuple[int, str]]]:
    """Return (paper, verdict) by reader, the oldest word first; who said nothing is left out."""
    query = (
        select(feedback.c.subscriber_id, feedback.c.paper_id, feedback.c.verdict)
        .where(feedback.c.subscriber_id.in_(subscriber_ids))
        .order_by(feedback.c.given_at, feedback.c.paper_id)
    )
    said: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for row in connection.execute(query):
        said[row.subscriber_id].append((row.paper_id, row.verdict))
    return dict(said)


def record_consents(
    connection: Connection, numbers: Collection[int], what: str, how: str, now: datetime
) -> None:
    """Note what readers agreed to, when and by which way."""
    rows = [{"subscriber_id": number, "what": what, "how": how, "given_at": now} for number in numbers]
    if rows:
        connection.execute(consents.insert(), rows)


def read_consents(connection: Connection, number: int) -> list[Row[Any]]:
    """Return what a reader agreed to, oldest first: (given_at, what, how)."""
    query = select(consents.c.given_at, consents.c.what, consents.c.how).where(
        consents.c.subscriber_id == number
    )
    return list(connection.execute(query.order_by(consents.c.given_at)))


def secret(connection: Connection, name: str, fresh: str) -> str:
    """Return the kept secret of this name; the first call keeps `fresh`."""
    statement = upsert(connection)(secrets).values(name=name, value=fresh)
    connection.execute(statement.on_conflict_do_nothing())
    kept: str = connection.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar_one()
    return kept
