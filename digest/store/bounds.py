"""Bounds the number of rows that a table keeps for each subscriber."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, func, select

from digest.store.conditions import one_of


def keep_newest(
    connection: Connection,
    table: Table,
    order: tuple[Column[Any], Column[Any]],
    ids: Collection[int],
    most: int,
) -> None:
    """Delete the oldest rows of these subscribers beyond `most` of each; `order` is the instant of a row and its key."""
    owner, key = table.c.subscriber_id, order[1]
    counted = select(owner, func.count()).where(one_of(owner, ids)).group_by(owner)
    for subscriber_id, count in connection.execute(counted).all():
        if count > most:
            oldest = select(key).where(owner == subscriber_id).order_by(*order).limit(count - most)
            connection.execute(delete(table).where(owner == subscriber_id, key.in_(oldest)))
