"""Runs all jobs of the timetable in one process, each in its own thread, until it is stopped."""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread

from digest import logs
from digest.domain.delivery import Stream
from digest.errors import DigestError
from digest.jobs import recurring
from digest.jobs.timetable import TIMETABLE, Entry
from digest.metrics import job_metrics
from digest.wiring import Container

_log = logging.getLogger(__name__)
_FIRST_FETCH_SECONDS = 300.0
_GRACE_SECONDS = 3.0
_SENDING = ("sweep", "post")
"""The jobs that send."""


class Runner:
    """Runs every job at its interval. A slow job delays no other job; a failed job is run again.

    `stop` finishes the mails in flight, releases the other deliveries, and returns.
    """

    def __init__(self, container: Container, stopping: Event, timetable: Sequence[Entry] = TIMETABLE) -> None:
        """`container` must check `stopping` between two mails."""
        self._container = container
        self._stopping = stopping
        self._has_fetched = Event()
        self._threads = [
            Thread(target=self._repeat, args=(entry,), name=entry.job, daemon=True) for entry in timetable
        ]

    def start(self) -> None:
        """Start the threads; every job runs immediately, then at its interval."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop. Waits for the mails in flight without limit, and for other jobs, which may be interrupted, for 3 s."""
        self._stopping.set()
        self._has_fetched.set()
        give_up_at = time.monotonic() + _GRACE_SECONDS
        for thread in self._threads:
            thread.join(None if thread.name in _SENDING else max(0.0, give_up_at - time.monotonic()))

    def _repeat(self, entry: Entry) -> None:
        job = self._job(entry)
        if entry.job == "plan":
            # The digests that are due at the start then include the papers of the first fetch.
            self._has_fetched.wait(_FIRST_FETCH_SECONDS)
        while not self._stopping.is_set():
            self._run_once(entry, job)
            if entry.job == "fetch":
                self._has_fetched.set()
            self._stopping.wait(entry.every.total_seconds())

    def _run_once(self, entry: Entry, job: Callable[[], object]) -> None:
        # The error is logged with the ids of the run.
        with logs.bound(run_id=logs.new_run_id(), job=entry.job):
            try:
                with job_metrics(entry.job):
                    job()
            except DigestError as error:
                _log.warning("%s: %s", entry.job, error)
            except Exception:  # noqa: BLE001 - a fault in one job must not end the others
                if not self._stopping.is_set():
                    _log.exception("%s failed", entry.job)

    def _job(self, entry: Entry) -> Callable[[], object]:
        if entry.job == "sweep":
            return self.deliver_all
        job = recurring.JOBS[entry.job]
        return lambda: job(self._container)

    def deliver_all(self) -> None:
        """Deliver batch by batch until nothing is ready or the process stops. Raises StopRun."""
        recurring.require_current_database(self._container)
        more = True
        while more and not self._stopping.is_set():
            # Subscribers wait for transactional mails, so these are sent between any two batches of digests.
            transactional = recurring.deliver(self._container, Stream.TRANSACTIONAL)
            more = recurring.deliver(self._container, Stream.DIGEST) or transactional
