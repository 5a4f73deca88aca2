"""Counting mailboxes that stay full, whether the server says so at once or in a bounce."""

from datetime import date, datetime

from digest.domain.inbound import PAUSE_AT, soft_score
from digest.store import inbound as inbound_store
from digest.store.database import Connection

MAILBOX_FULL = "paused, mailbox full"
"""The reason of a mail after which its subscriber was paused."""


def note_soft_bounce(connection: Connection, subscriber_id: int, edition_on: date, now: datetime) -> bool:
    """Count a soft bounce, once for an edition; pause the subscriber at PAUSE_AT. Return whether that was done."""
    if not inbound_store.note_soft_bounce(connection, subscriber_id, edition_on, now):
        return False
    if soft_score(inbound_store.last_editions(connection, subscriber_id, edition_on)) < PAUSE_AT:
        return False
    return inbound_store.pause(connection, subscriber_id)
