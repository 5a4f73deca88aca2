"""Mails in flight, so that an unsubscription is answered only when no mail to the subscriber is being sent."""

import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select

from digest.store.database import Database
from digest.store.mail_server_models import in_flight

CHECKING = 7_234_002
"""The key of the lock that senders share while they check mails: any number that no other lock uses."""
LONGEST_WAIT = 5.0
"""Seconds that an unsubscription waits at most for a mail in flight."""
STALE_AFTER = timedelta(minutes=15)
"""An older row is left over: its sender has crashed."""
_PAUSE_SECONDS = 0.02


def wait_until_settled(database: Database, subscriber_id: int, now: datetime) -> bool:
    """Wait until no mail of a subscriber is in flight; False if one still is after LONGEST_WAIT.

    Call it after committing the status that prevents further mails.
    """
    if not database.is_sqlite:
        # Waits for the senders that checked the status before the commit: they record their mails in flight.
        with database.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(CHECKING)))
    give_up_at = time.monotonic() + LONGEST_WAIT
    while _is_in_flight(database, subscriber_id, now):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _is_in_flight(database: Database, subscriber_id: int, now: datetime) -> bool:
    query = select(in_flight.c.slot).where(
        in_flight.c.subscriber_id == subscriber_id, in_flight.c.since_at > now - STALE_AFTER
    )
    with database.read() as connection:
        return connection.execute(query.limit(1)).first() is not None


def delete_stale(connection: Connection, now: datetime) -> None:
    """Delete the rows of senders that crashed."""
    connection.execute(delete(in_flight).where(in_flight.c.since_at <= now - STALE_AFTER))
