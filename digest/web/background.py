"""What the web side does after its answers, in a thread of its own: the mails that were asked for are planned and sent.

Only where this process may be the whole installation. With a broker, workers do the same within seconds.
"""

import logging
from random import SystemRandom
from threading import Event, Thread

from digest.domain.delivery import Stream
from digest.errors import DigestError
from digest.jobs import recurring
from digest.wiring import Container

RECHECK_SECONDS = 20.0
"""So often it looks for requests that nobody woke it for: left by a crash, or by a database that was away."""
LONGEST_PAUSE_SECONDS = 1.0
_LAST_MAIL_SECONDS = 5.0
_log = logging.getLogger("digest.web")


class RequestWorker:
    """The thread, and the bell that wakes it. Ringing takes the same time whatever there is to do."""

    def __init__(self, container: Container, stopping: Event) -> None:
        """`parts` should ask `stopping` between mails, so that the end waits for the mail in flight alone."""
        self._parts = container
        self._stopping = stopping
        self._woken = Event()
        self._luck = SystemRandom()
        self._thread = Thread(target=self._run, name="background", daemon=True)

    def start(self) -> None:
        """Begin, unless workers do all this."""
        if self._parts.settings.broker_url is None:
            # A process before this one may have left something.
            self._woken.set()
            self._thread.start()

    def stop(self) -> None:
        """End after the mail in flight; what is left stays in the database for the next process."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_MAIL_SECONDS)

    def wake(self) -> None:
        """Say that there may be something to do."""
        self._woken.set()

    def work(self) -> None:
        """Plan what was asked for, then send what is planned."""
        try:
            recurring.answer_requests(self._parts)
            while recurring.deliver(self._parts, Stream.TRANSACTIONAL):
                pass
        except DigestError as error:
            # Requests and mails stay in the database, for the next turn or the next run.
            _log.warning("a mail waits: %s", error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(RECHECK_SECONDS)
            self._woken.clear()
            # At an unforeseeable moment: whoever watches how busy this process is learns less about one request.
            if self._stopping.wait(self._luck.uniform(0, LONGEST_PAUSE_SECONDS)):
                return
            try:
                self.work()
            except Exception:  # noqa: BLE001 - a fault in one turn must not end all the others
                _log.exception("sending the mails that were asked for failed")
