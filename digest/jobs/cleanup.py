"""Deleting what is no longer needed."""

from datetime import timedelta

from digest.jobs.recurring import _log
from digest.store import fetches as fetch_store
from digest.store import refusals as refusal_store
from digest.subscribers.consent import purge_unconfirmed
from digest.subscribers.mail_requests import forget_confirmations
from digest.wiring import Parts

FETCHES_KEPT = timedelta(days=90)

EVIDENCE_KEPT = timedelta(days=30)
"""So long it is kept what a mail server answered."""


def keep_house(parts: Parts) -> None:
    """Forget whoever never confirmed, and how feeds were read long ago."""
    now = parts.clock()
    forgotten = purge_unconfirmed(parts.database, now)
    forget_confirmations(parts.database, now)
    with parts.database.begin() as connection:
        dropped = fetch_store.drop_fetches(connection, now - FETCHES_KEPT)
        refusal_store.delete_evidence(connection, (now - EVIDENCE_KEPT).date())
    _log.info("%s unconfirmed readers forgotten, %s old readings of feeds dropped", forgotten, dropped)
