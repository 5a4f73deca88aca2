"""Queries about consents: what subscribers agreed to, and when."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from digest.store.models import consents


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
