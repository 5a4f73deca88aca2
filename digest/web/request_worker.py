"""The thread that plans and sends requested mails (confirmations, links) after the response is out.

It runs only without a broker. With one, the workers do the same within seconds.
"""

import logging
from random import SystemRandom
from threading import Event, Thread

from digest.domain.delivery import Stream
from digest.errors import DigestError
from digest.jobs import recurring
from digest.jobs.observed import observed
from digest.wiring import Container

RECHECK_SECONDS = 20.0
"""Seconds between two turns without a wake-up, for requests that a crash or a database failure left."""
LONGEST_PAUSE_SECONDS = 1.0
"""Upper limit of the random pause before each turn."""
_STOP_SECONDS = 5.0
"""How long `stop` waits for the mail that is being sent."""
_log = logging.getLogger("digest.web")


class RequestWorker:
    """The thread and its wake-up event. Waking it takes the same time whether or not there is work."""

    def __init__(self, container: Container, stopping: Event) -> None:
        """`container` must check `stopping` between two mails; `stop` then waits for one mail only."""
        self._container = container
        self._stopping = stopping
        self._woken = Event()
        self._rng = SystemRandom()
        self._thread = Thread(target=self._run, name="background", daemon=True)

    def start(self) -> None:
        """Start the thread, unless there is a broker."""
        if self._container.settings.broker_url is None:
            # A previous process may have left requests.
            self._woken.set()
            self._thread.start()

    def stop(self) -> None:
        """Stop after the mail that is being sent. Other requests stay in the database for the next process."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def wake(self) -> None:
        """Start a turn soon."""
        self._woken.set()

    def work(self) -> None:
        """Plan the requested mails, then send all planned transactional mails."""
        try:
            with observed("requests"):
                recurring.answer_requests(self._container)
                while recurring.deliver(self._container, Stream.TRANSACTIONAL):
                    pass
        except DigestError as error:
            # Requests and mails stay in the database for the next turn.
            _log.warning("requested mails wait: %s", error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(RECHECK_SECONDS)
            self._woken.clear()
            # A random pause: the load of this process then tells an observer less about one request.
            if self._stopping.wait(self._rng.uniform(0, LONGEST_PAUSE_SECONDS)):
                return
            try:
                self.work()
            except Exception:  # noqa: BLE001 - a fault in one turn must not end all the others
                _log.exception("sending the requested mails failed")
