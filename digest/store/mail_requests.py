"""Queries about pending requests for mail, and about the number of confirmations per mailbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from digest.domain.delivery import Kind
from digest.store.mail_request_models import confirmation_counts, mail_requests
from digest.store.papers import upsert


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A pending request."""

    id: int
    kind: Kind
    address: str
    preferences: Mapping[str, Any]
    """What the sign-up form said besides the address, by the names of a `SubscriberRecord`."""


def add_request(
    connection: Connection, kind: Kind, address: str, preferences: Mapping[str, Any], now: datetime
) -> None:
    """Store a request."""
    row: dict[str, Any] = {"kind": kind, "address": address, "requested_at": now}
    if preferences:
        row["preferences"] = dict(preferences)
    connection.execute(mail_requests.insert().values(row))


def next_request(connection: Connection, after: int) -> StoredRequest | None:
    """Return the oldest request with an id above `after`, locked; requests locked by others are skipped."""
    query = (
        select(mail_requests.c.id, mail_requests.c.kind, mail_requests.c.address, mail_requests.c.preferences)
        .where(mail_requests.c.id > after)
        .order_by(mail_requests.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(query).one_or_none()
    return StoredRequest(row.id, Kind(row.kind), row.address, row.preferences or {}) if row else None


def delete_request(connection: Connection, request_id: int) -> None:
    """Delete a request."""
    connection.execute(delete(mail_requests).where(mail_requests.c.id == request_id))


def count_confirmation(connection: Connection, mailbox_hash: str, counted_on: date) -> int:
    """Count one more confirmation for a mailbox; return the number on this day.

    The row is locked until the transaction ends, so no two processes get the same number.
    """
    statement = upsert(connection)(confirmation_counts).values(
        mailbox_hash=mailbox_hash, counted_on=counted_on, planned=1
    )
    counted = statement.on_conflict_do_update(
        index_elements=["mailbox_hash", "counted_on"], set_={"planned": confirmation_counts.c.planned + 1}
    )
    return int(connection.execute(counted.returning(confirmation_counts.c.planned)).scalar_one())


def delete_confirmation_counts(connection: Connection, before: date) -> None:
    """Delete the counts of earlier days."""
    connection.execute(delete(confirmation_counts).where(confirmation_counts.c.counted_on < before))
