"""Queries about consents: what subscribers agreed to or refused, and when."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from digest.store.models import consents


@dataclass(frozen=True, slots=True)
class Consent:
    """What a subscriber agreed to or refused."""

    given_at: datetime
    what: str
    how: str
    """The page, mail or command that the subscriber used."""


def record_consents(
    connection: Connection, subscriber_ids: Collection[int], what: str, how: str, now: datetime
) -> None:
    """Record what subscribers agreed to or refused, and how."""
    rows = [
        {"subscriber_id": subscriber_id, "what": what, "how": how, "given_at": now}
        for subscriber_id in subscriber_ids
    ]
    if rows:
        connection.execute(consents.insert(), rows)


def read_consents(connection: Connection, subscriber_id: int) -> list[Consent]:
    """Return what a subscriber agreed to or refused, the oldest first."""
    query = select(consents.c.given_at, consents.c.what, consents.c.how).where(
        consents.c.subscriber_id == subscriber_id
    )
    return [Consent(*row) for row in connection.execute(query.order_by(consents.c.given_at))]
