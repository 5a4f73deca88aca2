"""Deleting what is no longer needed."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from digest.domain.retention import Retention
from digest.metrics import DELETED_ROWS, RETENTION_SECONDS, seconds_of
from digest.store import fetches as fetch_store
from digest.store import inbound as inbound_store
from digest.store import overview
from digest.store import refusals as refusal_store
from digest.store import retention as retention_store
from digest.store.database import Connection, Database
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

_LONGEST_PAUSE_SECONDS = 1.0
LONGEST_REDUCING = timedelta(minutes=10)
"""Time limit of one run; the next one continues."""

_CARDS_MARGIN = timedelta(days=7)
"""Cards are stored longer than the mails with them, which may be sent some time after they were composed."""

_log = logging.getLogger("digest.jobs")
_Result = TypeVar("_Result")


def clean_up(container: Container) -> None:
    """Delete unconfirmed subscribers, and reduce or delete everything that is older than the settings allow."""
    now = container.clock()
    unconfirmed = purge_unconfirmed(container.database, now)
    delete_confirmation_counts(container.database, now)
    deleted = delete_old(container.database, container.retention, now, container.is_stopping)
    _log.info(
        "%s unconfirmed subscribers, %s old fetches and %s old deliveries deleted",
        unconfirmed,
        deleted.fetches,
        deleted.deliveries,
    )


@dataclass(frozen=True, slots=True)
class Deleted:
    """The number of deleted rows."""

    fetches: int
    deliveries: int


def delete_old(
    database: Database, retention: Retention, now: datetime, is_stopping: Callable[[], bool] = lambda: False
) -> Deleted:
    """Delete old fetches, answers and reports; reduce old mails, picks and popularity snapshots; sum old editions up.

    Small transactions with pauses between them, so that no sender waits long. Stops after LONGEST_REDUCING.
    """
    with seconds_of(RETENTION_SECONDS):
        deleted = _delete_old(database, retention, now, is_stopping)
    DELETED_ROWS.labels("fetches").inc(deleted.fetches)
    DELETED_ROWS.labels("deliveries").inc(deleted.deliveries)
    return deleted


def _delete_old(
    database: Database, retention: Retention, now: datetime, is_stopping: Callable[[], bool]
) -> Deleted:
    with database.begin() as connection:
        fetches = fetch_store.delete_fetches(connection, now - FETCH_RETENTION)
        delete_stale(connection, now)
        delete_calls(connection, (now - SUMMARY_CALLS_KEPT).date())
        refusal_store.delete_evidence(connection, (now - EVIDENCE_KEPT).date())
        inbound_store.delete_reports(connection, now - REPORTS_KEPT)
        overview.store_totals(connection, now.date())
    steps = _Steps(database, is_stopping)
    deliveries = _reduce_mails(steps, retention, now)
    _thin_popularity(steps, retention, now)
    return Deleted(fetches, deliveries)


class _Steps:
    """Runs small transactions one after the other, until the process stops or the time is over."""

    def __init__(self, database: Database, is_stopping: Callable[[], bool]) -> None:
        self._database = database
        self._is_stopping = is_stopping
        self._until = time.monotonic() + LONGEST_REDUCING.total_seconds()
        # SQLite has one writer at a time: a transaction takes some 20 ms.
        self.size = 200 if database.is_sqlite else 2000
        """The number of rows in one transaction."""

    def run(self, step: Callable[[Connection], _Result]) -> _Result | None:
        """Return the result of a transaction; None if there is no time for it."""
        if self._is_stopping() or time.monotonic() > self._until:
            return None
        began = time.monotonic()
        with self._database.begin() as connection:
            result = step(connection)
        if self._database.is_sqlite:
            # SQLite does not queue writers: without a pause, the others would hardly ever find the database free.
            # A process that was stopped for an hour does not pause for another one.
            time.sleep(min(time.monotonic() - began, _LONGEST_PAUSE_SECONDS))
        return result


def _reduce_mails(steps: _Steps, retention: Retention, now: datetime) -> int:
    """Delete old deliveries, reduce those that stay, and delete the cards that no mail shows any more."""
    size, before = steps.size, now - retention.contents
    deleted = 0
    after: int | None = 0
    while after is not None:
        page = partial(
            retention_store.delete_deliveries,
            after=after,
            before=now - retention.deliveries,
            now=now,
            limit=size,
        )
        result = steps.run(page)
        if result is None:
            return deleted
        deleted, after = deleted + result[0], result[1]
    reducing = partial(retention_store.reduce_contents, before=before, now=now, limit=size)
    while more := steps.run(reducing):
        pass
    # Only once no pick of that time is left.
    if more is not None:
        unused = (before - _CARDS_MARGIN).date()
        while steps.run(partial(retention_store.delete_cards, before=unused, limit=size)):
            pass
    return deleted


def _thin_popularity(steps: _Steps, retention: Retention, now: datetime) -> None:
    for age, keep_daily in (
        (retention.popularity, True),
        (max(retention.contents, retention.popularity), False),
    ):
        # Whole days, so that the last snapshot of a day is known.
        before = (now - age).replace(hour=0, minute=0, second=0, microsecond=0)
        while steps.run(partial(retention_store.thin_popularity, before=before, keep_daily=keep_daily)):
            pass
