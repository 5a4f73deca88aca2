"""Queries about consents: what subscribers agreed to, and when."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from digest.store.models import consents


def record_consents(
    connection: Connection, subscriber_ids: Collection[int], what: str, how: str, now: datetime
) -> None:
    """Note what subscribers agreed to, when and by which way."""
    rows = [
        {"subscriber_id": subscriber_id, "what": what, "how": how, "given_at": now}
        for subscriber_id in subscriber_ids
    ]
    if rows:
        connection.execute(consents.insert(), rows)


def read_consents(connection: Connection, subscriber_id: int) -> list[Row[Any]]:
    """Return what a subscriber agreed to, oldest first: (given_at, what, how)."""
    query = select(consents.c.given_at, consents.c.what, consents.c.how).where(
        consents.c.subscriber_id == subscriber_id
    )
    return list(connection.execute(query.order_by(consents.c.given_at)))
