"""Group commit: one thread records the answers of all connections of a process.

Each connection submits its step and waits until it is committed. Steps that arrive during a commit go into the
next one, so a commit holds the steps of all connections that wait.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from digest.domain.delivery import Delivery
from digest.errors import StopRun
from digest.metrics import DeliveryMeter
from digest.store.recording import StepWriter
from digest.store.steps import AcceptedMail, Step

LONGEST_RESTART = timedelta(minutes=2)
"""How long a record waits for a database that restarts. After that the mails in flight are sent a second time."""
_PAUSE_SECONDS = 0.5


class Ticket:
    """The pending result of a step."""

    __slots__ = ("_done", "_error", "_is_wanted", "step")

    def __init__(self, step: Step) -> None:
        self.step = step
        self._done = threading.Lock()
        self._done.acquire()
        self._is_wanted = False
        self._error: BaseException | None = None

    def settle(self, *, is_wanted: bool, error: BaseException | None = None) -> None:
        """Set the result and wake the connection."""
        self._is_wanted, self._error = is_wanted, error
        self._done.release()

    def wait(self) -> bool:
        """Wait for the commit; return whether the next mail may be sent. Raises the error of the commit."""
        self._done.acquire()
        if self._error is not None:
            raise self._error
        return self._is_wanted


class GroupCommit:
    """Writes steps in groups. Errors are raised by `Ticket.wait`, not here."""

    def __init__(
        self,
        writer: StepWriter,
        clock: Callable[[], datetime],
        meter: DeliveryMeter,
        longest_restart: timedelta = LONGEST_RESTART,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._longest_restart = longest_restart.total_seconds()
        self._meter = meter
        self._waiting: list[Ticket] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, slot: int, accepted: AcceptedMail | None, next_delivery: Delivery | None) -> Ticket:
        """Submit the step of a connection: a mail to record, and the next one to ask about."""
        ticket = Ticket(Step(slot, accepted, next_delivery))
        with self._changed:
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket

    def close(self) -> None:
        """Write the steps that wait, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                tickets, self._waiting = self._waiting, []
            if not tickets:
                return
            accepted = sum(ticket.step.accepted is not None for ticket in tickets)
            try:
                with self._meter.stage("record", accepted):
                    wanted = self._write([ticket.step for ticket in tickets])
            except BaseException as error:  # noqa: BLE001 - each connection raises it for itself
                for ticket in tickets:
                    ticket.settle(is_wanted=False, error=error)
            else:
                for ticket in tickets:
                    next_delivery = ticket.step.next_delivery
                    ticket.settle(is_wanted=next_delivery is not None and next_delivery.id in wanted)

    def _write(self, steps: list[Step]) -> set[int]:
        give_up_at = time.monotonic() + self._longest_restart
        while True:
            try:
                return self._writer.write(steps, self._clock())
            except StopRun:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(_PAUSE_SECONDS)
