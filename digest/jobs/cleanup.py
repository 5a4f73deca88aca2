"""Deleting what is no longer needed."""

import logging
from datetime import timedelta

from digest.store import fetches as fetch_store
from digest.store import inbound as inbound_store
from digest.store import refusals as refusal_store
from digest.store.in_flight import delete_stale
from digest.store.summaries import delete_calls
from digest.subscribers.consent import purge_unconfirmed
from digest.subscribers.mail_requests import delete_confirmation_counts
from digest.wiring import Container

FETCH_RETENTION = timedelta(days=90)

EVIDENCE_KEPT = timedelta(days=30)
"""How long the answers of mail servers are stored."""

SUMMARY_CALLS_KEPT = timedelta(days=30)

REPORTS_KEPT = timedelta(days=90)
"""How long reports of inbound mail are stored, without the text of the mail."""

_log = logging.getLogger("digest.jobs")


def clean_up(container: Container) -> None:
    """Delete unconfirmed subscribers, and old fetches, answers of mail servers and counts of confirmations."""
    now = container.clock()
    unconfirmed = purge_unconfirmed(container.database, now)
    delete_confirmation_counts(container.database, now)
    with container.database.begin() as connection:
        fetches = fetch_store.delete_fetches(connection, now - FETCH_RETENTION)
        delete_stale(connection, now)
        delete_calls(connection, (now - SUMMARY_CALLS_KEPT).date())
        refusal_store.delete_evidence(connection, (now - EVIDENCE_KEPT).date())
        inbound_store.delete_reports(connection, now - REPORTS_KEPT)
    _log.info("%s unconfirmed subscribers and %s old fetches deleted", unconfirmed, fetches)
