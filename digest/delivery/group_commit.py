"""Group commit: the answers of all connections of a process are recorded together, by a thread of their own.

Each connection hands over its step and waits until it is committed. What arrives while one commit is on its way
goes into the next, so there are as many mails in a commit as there are connections that wait.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from digest.domain.delivery import Delivery
from digest.errors import StopRun
from digest.store.recording import AcceptedMail, Step, StepWriter

LONGEST_RESTART = timedelta(minutes=2)
"""How long a record waits for a database that restarts; giving up would send those mails twice."""
_PAUSE_SECONDS = 0.5


class Ticket:
    """What a connection gets for its step: the answer, once it is committed."""

    __slots__ = ("_done", "_error", "_is_wanted", "step")

    def __init__(self, step: Step) -> None:
        self.step = step
        self._done = threading.Lock()
        self._done.acquire()
        self._is_wanted = False
        self._error: BaseException | None = None

    def settle(self, *, is_wanted: bool, error: BaseException | None = None) -> None:
        """Let the connection go on."""
        self._is_wanted, self._error = is_wanted, error
        self._done.release()

    def wait(self) -> bool:
        """Wait for the commit; tell whether the next mail may be sent. Raises what kept it from being written."""
        self._done.acquire()
        if self._error is not None:
            raise self._error
        return self._is_wanted


class GroupCommit:
    """Writes steps in groups. Raises nothing itself: each ticket does."""

    def __init__(
        self, writer: StepWriter, clock: Callable[[], datetime], longest_restart: timedelta = LONGEST_RESTART
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._longest_restart = longest_restart.total_seconds()
        self._waiting: list[Ticket] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, slot: int, taken: AcceptedMail | None, then: Delivery | None) -> Ticket:
        """Hand over what a connection has to record and to ask."""
        ticket = Ticket(Step(slot, taken, then))
        with self._changed:
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket

    def close(self) -> None:
        """Write what waits, and end."""
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
            try:
                wanted = self._write([ticket.step for ticket in tickets])
            except BaseException as error:  # noqa: BLE001 - each connection raises it for itself
                for ticket in tickets:
                    ticket.settle(is_wanted=False, error=error)
            else:
                for ticket in tickets:
                    then = ticket.step.then
                    ticket.settle(is_wanted=then is not None and then.id in wanted)

    def _write(self, steps: list[Step]) -> set[int]:
        give_up_at = time.monotonic() + self._longest_restart
        while True:
            try:
                return self._writer.write(steps, self._clock())
            except StopRun:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(_PAUSE_SECONDS)
