"""Queries about deliveries for reports."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from digest.domain.delivery import DeliveryStatus, Kind
from digest.store.models import deliveries, subscribers
from digest.store.retention import counted_deliveries


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A row of the ledger, with its subscriber's address."""

    id: int
    subscriber_id: int
    address: str
    kind: Kind
    edition_on: date
    status: DeliveryStatus
    reason: str
    """Why it was skipped, failed or is retried; may be empty."""
    attempts: int
    due_at: datetime
    next_try_at: datetime | None
    """None once the delivery is settled."""
    settled_at: datetime | None
    papers_after: date | None
    papers_through: date | None
    contents: dict[str, Any] | None
    """The composed mail; None before composing."""
    message_id: str | None
    content_sha256: str | None
    smtp_answer: str | None


def _reports() -> Select[*tuple[Any, ...]]:
    names = [name for name in DeliveryReport.__slots__ if name not in {"address", "status", "kind"}]
    return select(
        *(deliveries.c[name] for name in names),
        subscribers.c.address,
        deliveries.c.status,
        deliveries.c.kind,
    ).join(subscribers, deliveries.c.subscriber_id == subscribers.c.id)


def _read(connection: Connection, query: Select[*tuple[Any, ...]]) -> list[DeliveryReport]:
    return [
        DeliveryReport(**{**row, "kind": Kind(row["kind"]), "status": DeliveryStatus(row["status"])})
        for row in connection.execute(query).mappings()
    ]


def find(
    connection: Connection,
    *,
    subscriber_id: int | None = None,
    kind: Kind | None = None,
    kinds: Collection[Kind] = (),
    status: DeliveryStatus | None = None,
    edition_on: date | None = None,
    limit: int = 50,
) -> list[DeliveryReport]:
    """Return deliveries, the newest edition first; `kinds` restricts them to several kinds."""
    query = _reports().order_by(deliveries.c.edition_on.desc(), deliveries.c.id.desc()).limit(limit)
    filters = {"subscriber_id": subscriber_id, "kind": kind, "status": status, "edition_on": edition_on}
    for column, value in filters.items():
        if value is not None:
            query = query.where(deliveries.c[column] == value)
    if kinds:
        query = query.where(deliveries.c.kind.in_(kinds))
    return _read(connection, query)


def find_one(connection: Connection, delivery_id: int) -> DeliveryReport | None:
    """Return one delivery."""
    found = _read(connection, _reports().where(deliveries.c.id == delivery_id))
    return found[0] if found else None


def count_deliveries(connection: Connection, since: date) -> list[tuple[date, str, str, str, int]]:
    """Count deliveries since an edition by (edition, kind, status, reason), the newest first; deleted ones, too."""
    columns = (deliveries.c.edition_on, deliveries.c.kind, deliveries.c.status, deliveries.c.reason)
    query = select(*columns, func.count()).where(deliveries.c.edition_on >= since).group_by(*columns)
    counts: Counter[tuple[date, str, str, str]] = Counter()
    for edition_on, kind, status, reason, count in (
        *connection.execute(query),
        *counted_deliveries(connection, since),
    ):
        counts[edition_on, kind, status, reason] += count
    found = [(*key, count) for key, count in counts.items()]
    return sorted(found, key=lambda row: (-row[0].toordinal(), row[1:]))
