"""Queries about chat channels; each is a subscriber with a service, and a row with its address."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update

from digest.store.channel_models import channels
from digest.store.conditions import one_of
from digest.store.models import subscribers


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """A channel as stored. `repr` leaves its address out."""

    subscriber_id: int
    address: str
    refusal: str

    def __repr__(self) -> str:
        return f"StoredChannel({self.subscriber_id}, refusal={self.refusal!r})"


def save_channels(connection: Connection, new: Sequence[tuple[int, str, str]]) -> None:
    """Store channels as (subscriber_id, address, address_hash). Raises the database's error for one that is stored."""
    if new:
        names = ("subscriber_id", "address", "address_hash")
        rows = [{**dict(zip(names, one, strict=True)), "refusal": ""} for one in new]
        connection.execute(channels.insert(), rows)


def find_channels(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, StoredChannel]:
    """Return the channels among these subscribers, by subscriber id."""
    rows = connection.execute(
        select(channels.c.subscriber_id, channels.c.address, channels.c.refusal).where(
            one_of(channels.c.subscriber_id, subscriber_ids)
        )
    )
    return {row.subscriber_id: StoredChannel(*row) for row in rows}


def find_channel_address(connection: Connection, name: str) -> str | None:
    """Return the address of the channel with this name."""
    query = select(channels.c.address).join(subscribers, subscribers.c.id == channels.c.subscriber_id)
    return connection.execute(query.where(subscribers.c.address_key == name)).scalar_one_or_none()


def stored_hashes(connection: Connection, hashes: Collection[str]) -> set[str]:
    """Return those of these hashes of addresses that are stored."""
    query = select(channels.c.address_hash).where(one_of(channels.c.address_hash, hashes))
    return set(connection.execute(query).scalars())


def count_channels(connection: Connection, team: str) -> int:
    """Return the number of channels of a team."""
    query = select(func.count()).where(subscribers.c.team == team, subscribers.c.service.is_not(None))
    return connection.execute(query).scalar_one()


def note_refusal(connection: Connection, subscriber_id: int, refusal: str) -> None:
    """Store why the service refused a post, "" if it takes posts again, and stop or start the channel."""
    connection.execute(
        update(channels).where(channels.c.subscriber_id == subscriber_id).values(refusal=refusal)
    )
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id)
        .values(status="paused" if refusal else "active", paused_until=None)
    )


def delete_abandoned(connection: Connection) -> None:
    """Delete the channels of teams without a person, whom nobody could remove any more."""
    people = subscribers.alias("people")
    has_people = (
        select(people.c.id).where(people.c.team == subscribers.c.team, people.c.service.is_(None)).exists()
    )
    stored = select(channels.c.subscriber_id)
    connection.execute(delete(subscribers).where(subscribers.c.id.in_(stored), ~has_people))
