"""All jobs of the timetable in one process, each in a thread of its own, until it is told to stop."""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread

from digest.domain.delivery import Stream
from digest.errors import DigestError
from digest.jobs import recurring
from digest.jobs.timetable import TIMETABLE, Entry
from digest.wiring import Container

_log = logging.getLogger(__name__)
_FIRST_FETCH_SECONDS = 300.0
_MOMENT_SECONDS = 3.0


class Runner:
    """Does every job when the timetable says so. A slow one holds up only itself; a failed one comes again.

    `stop` lets the mails in flight finish, gives the others back, and returns when all threads have ended.
    """

    def __init__(self, container: Container, stopping: Event, timetable: Sequence[Entry] = TIMETABLE) -> None:
        """`parts` must have been told to ask `stopping` between mails."""
        self._container = container
        self._stopping = stopping
        self._has_fed = Event()
        self._threads = [
            Thread(target=self._repeat, args=(entry,), name=entry.job, daemon=True) for entry in timetable
        ]

    def start(self) -> None:
        """Begin; every job is done at once, then by the timetable."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop; wait for the mail in flight, and a moment for the rest, which is safe to cut off anywhere."""
        self._stopping.set()
        self._has_fed.set()
        give_up_at = time.monotonic() + _MOMENT_SECONDS
        for thread in self._threads:
            thread.join(None if thread.name == "sweep" else max(0.0, give_up_at - time.monotonic()))

    def _repeat(self, entry: Entry) -> None:
        do = self._job(entry)
        if entry.job == "plan":
            # Whoever is due at the start gets the papers that the first reading of the feeds brings.
            self._has_fed.wait(_FIRST_FETCH_SECONDS)
        while not self._stopping.is_set():
            try:
                do()
            except DigestError as error:
                _log.warning("%s: %s", entry.job, error)
            except Exception:  # noqa: BLE001 - a fault in one job must not end the others
                if not self._stopping.is_set():
                    _log.exception("%s failed", entry.job)
            if entry.job == "fetch":
                self._has_fed.set()
            self._stopping.wait(entry.every.total_seconds())

    def _job(self, entry: Entry) -> Callable[[], object]:
        if entry.job == "sweep":
            return self.deliver_all
        job = recurring.JOBS[entry.job]
        return lambda: job(self._container)

    def deliver_all(self) -> None:
        """Deliver batch by batch until nothing is ready, or the process is to stop."""
        more = True
        while more and not self._stopping.is_set():
            # Somebody waits for these: they go between any two batches of digests.
            transactional = recurring.deliver(self._container, Stream.TRANSACTIONAL)
            more = recurring.deliver(self._container, Stream.DIGEST) or transactional
