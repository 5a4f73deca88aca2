"""Queries about suppressed addresses and their log.

Addresses are stored as keyed hashes, from which nobody can read the address.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, literal, select, update

from digest.domain.subscriber import Status, SuppressionEvent
from digest.store.conditions import one_of
from digest.store.models import consents, subscribers, suppression_log, suppressions
from digest.store.papers import upsert


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that must not be written to."""

    address_hash: str
    reason: str
    since_at: datetime
    former_status: Status | None
    """The status of the subscriber before; None when there was no subscriber or it is unknown."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    address_hash: str
    event: SuppressionEvent
    reason: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class AddressRow:
    """The address of a stored subscriber."""

    id: int
    address: str
    status: Status
    created_at: datetime


def suppress(
    connection: Connection, address_hash: str, reason: str, now: datetime, former_status: Status | None = None
) -> bool:
    """Suppress an address. An existing suppression keeps its reason; then the result is False."""
    statement = (
        upsert(connection)(suppressions)
        .values(address_hash=address_hash, reason=reason, since_at=now, former_status=former_status)
        .on_conflict_do_nothing()
        .returning(suppressions.c.address_hash)
    )
    is_new = connection.execute(statement).first() is not None
    if is_new:
        note(connection, Entry(address_hash, SuppressionEvent.SUPPRESSED, reason, now))
    return is_new


def suppress_subscriber(
    connection: Connection, subscriber_id: int, address_hash: str, reason: str, now: datetime
) -> bool:
    """Suppress a stored subscriber and their address, and store the former status. False if nothing changed."""
    mine = subscribers.c.id == subscriber_id
    former = connection.execute(select(subscribers.c.status).where(mine)).scalar_one()
    connection.execute(update(subscribers).where(mine).values(status="suppressed"))
    is_new = suppress(connection, address_hash, reason, now, None if former == "suppressed" else former)
    return is_new or former != "suppressed"


def release(connection: Connection, address_hash: str) -> Suppression | None:
    """Delete a suppression and return it; None if there was none."""
    gone = delete(suppressions).where(suppressions.c.address_hash == address_hash).returning(suppressions)
    row = connection.execute(gone).one_or_none()
    return Suppression(*row) if row else None


def suppressed(connection: Connection, address_hashes: Collection[str]) -> dict[str, Suppression]:
    """Return the suppressions of these addresses by hash; other addresses are left out."""
    query = select(suppressions).where(one_of(suppressions.c.address_hash, address_hashes))
    return {row.address_hash: Suppression(*row) for row in connection.execute(query)}


def newest(connection: Connection, limit: int, words: str = "") -> list[Suppression]:
    """Return suppressions, the newest first; `words` selects those whose reason contains it."""
    query = select(suppressions).order_by(suppressions.c.since_at.desc(), suppressions.c.address_hash)
    if words:
        query = query.where(suppressions.c.reason.icontains(words, autoescape=True))
    return [Suppression(*row) for row in connection.execute(query.limit(limit))]


def count(connection: Connection) -> int:
    """Count the suppressed addresses."""
    return connection.execute(select(func.count()).select_from(suppressions)).scalar_one()


def note(connection: Connection, *entries: Entry) -> int:
    """Add entries to the log that it does not contain yet; return how many were new."""
    if not entries:
        return 0
    statement = upsert(connection)(suppression_log).on_conflict_do_nothing(
        index_elements=["address_hash", "event", "happened_at"]
    )
    rows = [asdict(entry) for entry in entries]
    return len(connection.execute(statement.returning(suppression_log.c.id), rows).all())


def history(connection: Connection, address_hashes: Collection[str]) -> dict[str, list[Entry]]:
    """Return the log entries of these addresses, the oldest first; addresses without any are left out."""
    found: dict[str, list[Entry]] = defaultdict(list)
    query = _entries().where(one_of(suppression_log.c.address_hash, address_hashes))
    for row in connection.execute(query.order_by(suppression_log.c.happened_at, suppression_log.c.id)):
        found[row.address_hash].append(Entry(*row))
    return dict(found)


def log_page(connection: Connection, after: int, limit: int) -> tuple[list[Entry], int]:
    """Return entries in the order they were added, with an id above `after`, and the `after` of the next page."""
    query = _entries().add_columns(suppression_log.c.id).where(suppression_log.c.id > after)
    rows = connection.execute(query.order_by(suppression_log.c.id).limit(limit)).all()
    return [Entry(*row[:4]) for row in rows], rows[-1].id if rows else after


def _entries() -> Any:
    columns = suppression_log.c
    return select(columns.address_hash, columns.event, columns.reason, columns.happened_at)


def last_erased_at(connection: Connection) -> datetime | None:
    """Return when a subscriber was erased last; None if none was."""
    query = select(func.max(suppression_log.c.happened_at)).where(suppression_log.c.event == "erased")
    last: datetime | None = connection.execute(query).scalar_one()
    return last


def log_unlogged_suppressions(connection: Connection) -> None:
    """Add to the log the suppressions that are older than the log itself."""
    logged = select(suppression_log.c.address_hash).where(suppression_log.c.event == "suppressed")
    older = select(
        suppressions.c.address_hash, literal("suppressed"), suppressions.c.reason, suppressions.c.since_at
    ).where(suppressions.c.address_hash.not_in(logged))
    columns = ["address_hash", "event", "reason", "happened_at"]
    connection.execute(suppression_log.insert().from_select(columns, older))


def addresses(
    connection: Connection, after: int, limit: int, statuses: Iterable[Status] = ()
) -> list[AddressRow]:
    """Return a page of the addresses of subscribers with these statuses (empty: all) and an id above `after`, by id."""
    columns = (subscribers.c.id, subscribers.c.address, subscribers.c.status, subscribers.c.created_at)
    query = select(*columns).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(limit)
    if listed := list(statuses):
        query = query.where(subscribers.c.status.in_(listed))
    return [
        AddressRow(row.id, row.address, Status(row.status), row.created_at)
        for row in connection.execute(query)
    ]


def unsubscribe(connection: Connection, left_at: Mapping[int, datetime], what: str, how: str) -> None:
    """Unsubscribe subscribers, given by id with the instant they left at, and record it among the consents."""
    if left_at:
        gone = subscribers.c.id.in_(left_at)
        connection.execute(update(subscribers).where(gone).values(status="unsubscribed"))
        rows = [
            {"subscriber_id": subscriber_id, "what": what, "how": how, "given_at": instant}
            for subscriber_id, instant in left_at.items()
        ]
        connection.execute(consents.insert(), rows)


def last_consents(connection: Connection, what: str, subscriber_ids: Collection[int]) -> dict[int, datetime]:
    """Return when each of these subscribers last gave this consent or refusal; others are left out."""
    query = (
        select(consents.c.subscriber_id, func.max(consents.c.given_at))
        .where(one_of(consents.c.subscriber_id, subscriber_ids), consents.c.what == what)
        .group_by(consents.c.subscriber_id)
    )
    return dict(connection.execute(query).all())
