"""Mails that are on their way to the server this moment, so that nobody is told "no mail any more" too early."""

import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select

from digest.store.database import Database
from digest.store.mail_server_models import in_flight
from digest.store.recording import CHECKING

LONGEST_WAIT = 5.0
"""So many seconds an unsubscription waits for a mail that is just being sent."""
STALE_AFTER = timedelta(minutes=15)
"""A mail is never in flight for so long: whoever sent it has vanished."""
_PAUSE_SECONDS = 0.02


def wait_until_settled(database: Database, subscriber_id: int, now: datetime) -> bool:
    """Wait until no mail of a subscriber is in flight; False if one still is after LONGEST_WAIT.

    Call it after the commit of what keeps further mails from them.
    """
    if not database.is_sqlite:
        # Whoever asked before the commit whether a mail may go has by now written that it is in flight.
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
    """Delete what senders left behind that were killed."""
    connection.execute(delete(in_flight).where(in_flight.c.since_at <= now - STALE_AFTER))
