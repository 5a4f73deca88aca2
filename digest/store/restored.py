"""Queries for a database that was restored from a backup."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from digest.store.conditions import one_of
from digest.store.models import deliveries

RESTORED = "restored"
"""The reason of deliveries that were open in a restored backup: they may have been sent after it was made."""

_REFETCHED = timedelta(days=1)


def settle_open(connection: Connection, now: datetime, limit: int) -> int:
    """Skip open deliveries; return how many. Papers announced up to today are no candidates of the next digest.

    The feeds bring the papers again that the backup lacks. Those that they bring within a day count as known, because
    they may have been sent.
    """
    ids = list(
        connection.execute(
            select(deliveries.c.id)
            .where(deliveries.c.next_try_at.is_not(None))
            .order_by(deliveries.c.next_try_at, deliveries.c.id)
            .limit(limit)
        ).scalars()
    )
    settled = {"status": "skipped", "reason": RESTORED, "next_try_at": None}
    is_digest = deliveries.c.kind == "digest"
    for condition, values in (
        (~is_digest, {"settled_at": now}),
        (is_digest, {"settled_at": now + _REFETCHED, "papers_through": now.date()}),
    ):
        connection.execute(
            update(deliveries).where(one_of(deliveries.c.id, ids), condition).values(**settled, **values)
        )
    return len(ids)
