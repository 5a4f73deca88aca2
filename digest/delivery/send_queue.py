"""The queue between the composer and the connections of one sender, each of which runs in a thread."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.delivery.circuit_breaker import Trouble
from digest.delivery.context import ReadyDelivery

_CHECK_SECONDS = 0.5
"""Seconds between two checks whether the process is to stop, while a batch waits for a server that hangs."""


@dataclass(frozen=True, slots=True)
class Job:
    """A composed mail to be sent."""

    ready: ReadyDelivery
    until: datetime
    """When this worker's claim may end; the mail must not be sent later."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why sending stops."""

    reason: str
    trouble: Trouble | None = None
    """What is wrong with the server, if that is the reason."""
    release_after: timedelta = timedelta()
    """How long unsent mails wait before they are due again."""


class SendQueue:
    """Distributes mails to connections, which are numbered by slot.

    Starts with one connection and adds one for each mail that is accepted while others wait, so that a server
    which does not answer is asked once.
    """

    def __init__(
        self, most: int, start: Callable[[int], None], is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        """`start` starts the connection of a slot, of which there may be up to `most` at once."""
        self._start = start
        self._is_stopping = is_stopping
        self._most = most
        self._allowed = most
        self._jobs: deque[Job] = deque()
        self._active: set[int] = set()
        self._leaving: set[int] = set()
        self._is_closed = False
        self._changed = threading.Condition()
        self.stop_reason: Stop | None = None
        self.failure: BaseException | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether no more mails are sent."""
        return self.stop_reason is not None or self.failure is not None

    def put(self, batch: Sequence[ReadyDelivery], until: datetime) -> None:
        """Add a batch; return as soon as most of it is sent, so that the next one is composed meanwhile."""
        with self._changed:
            self._jobs.extend(Job(ready, until) for ready in batch)
            if not self._active:
                self._spawn()
            self._changed.notify_all()
            while len(self._jobs) > len(batch) and not self.is_stopped and self._active:
                self._changed.wait(_CHECK_SECONDS)
                if self._is_stopping():
                    self.stop(Stop(""))

    def take(self, *, waits: bool = True) -> Job | None:
        """Return the next mail; None if there is none. With `waits`, None only when no more will come."""
        with self._changed:
            while not self._jobs and waits and not self._is_closed and not self.is_stopped:
                self._changed.wait()
            if not self._jobs or self.is_stopped:
                return None
            job = self._jobs.popleft()
            self._changed.notify_all()
            return job

    def take_late(self, now: datetime) -> list[Job]:
        """Remove and return the mails whose claim may have ended."""
        with self._changed:
            late = [job for job in self._jobs if now > job.until]
            self._jobs = deque(job for job in self._jobs if now <= job.until)
            self._changed.notify_all()
        return late

    def put_back(self, job: Job, *, first: bool = False) -> None:
        """Return a mail to the queue."""
        with self._changed:
            if first:
                self._jobs.appendleft(job)
            else:
                self._jobs.append(job)
            self._changed.notify_all()

    def note_progress(self) -> None:
        """Add a connection if mails wait. Called after the server accepted a mail."""
        with self._changed:
            if self._jobs:
                self._spawn()

    def leave(self, slot: int) -> int:
        """End a connection that the server refused, if there are others; return how many there are."""
        with self._changed:
            others = len(self._active - self._leaving) - 1
            if others:
                self._leaving.add(slot)
                self._allowed = min(self._allowed, others)
            return others

    def is_leaving(self, slot: int) -> bool:
        """Return whether a connection is to end."""
        return slot in self._leaving

    def ended(self, slot: int, failure: BaseException | None) -> None:
        """Note that a connection has ended, and the error that ended it."""
        with self._changed:
            self._active.discard(slot)
            self._leaving.discard(slot)
            self.failure = self.failure or failure
            self._changed.notify_all()

    def stop(self, stop: Stop) -> None:
        """Stop sending. The first reason is reported."""
        with self._changed:
            self.stop_reason = self.stop_reason or stop
            self._changed.notify_all()

    def close(self) -> None:
        """End the connections when the queue is empty."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def unsent(self) -> list[Job]:
        """Return the mails that are left."""
        with self._changed:
            return list(self._jobs)

    def _spawn(self) -> None:
        if self.is_stopped or len(self._active) >= self._allowed:
            return
        slot = next(slot for slot in range(self._most) if slot not in self._active)
        self._active.add(slot)
        self._start(slot)
