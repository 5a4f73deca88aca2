"""Queries about deliveries for reports."""

from datetime import date
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    func,
    select,
)

from digest.domain.delivery import Kind
from digest.store.models import deliveries, subscribers


def find(
    connection: Connection,
    *,
    subscriber_id: int | None = None,
    kind: Kind | None = None,
    status: str | None = None,
    edition_on: date | None = None,
    limit: int = 50,
) -> list[Row[*tuple[Any, ...]]]:
    """Return deliveries with their subscriber's address, the newest edition first."""
    query = (
        select(deliveries, subscribers.c.address, subscribers.c.key)
        .join(subscribers, deliveries.c.subscriber_id == subscribers.c.id)
        .order_by(deliveries.c.edition_on.desc(), deliveries.c.id.desc())
        .limit(limit)
    )
    filters = {"subscriber_id": subscriber_id, "kind": kind, "status": status, "edition_on": edition_on}
    for column, value in filters.items():
        if value is not None:
            query = query.where(deliveries.c[column] == value)
    return list(connection.execute(query))


def find_one(connection: Connection, delivery_id: int) -> Row[*tuple[Any, ...]] | None:
    """Return one delivery with its subscriber's address and key."""
    query = (
        select(deliveries, subscribers.c.address, subscribers.c.key)
        .join(subscribers, deliveries.c.subscriber_id == subscribers.c.id)
        .where(deliveries.c.id == delivery_id)
    )
    return connection.execute(query).one_or_none()


def count_deliveries(connection: Connection, since: date) -> list[tuple[date, str, str, str, int]]:
    """Count deliveries since an edition by (edition, kind, status, reason), the newest first."""
    columns = (deliveries.c.edition_on, deliveries.c.kind, deliveries.c.status, deliveries.c.reason)
    query = (
        select(*columns, func.count())
        .where(deliveries.c.edition_on >= since)
        .group_by(*columns)
        .order_by(deliveries.c.edition_on.desc(), deliveries.c.kind, deliveries.c.status)
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in connection.execute(query)]
