"""The thread that checks for alarms, in an installation with workers.

The workers check too, but only as long as a beat starts their tasks; that it does not is what only another process can
notice.
"""

import logging
from datetime import timedelta
from threading import Event, Thread

from digest.errors import DigestError
from digest.status.watch import watch
from digest.wiring import Container

EVERY = timedelta(minutes=5)
_log = logging.getLogger("digest.web")


class AlarmWatch:
    """The thread; it runs only with DIGEST_ALARM and a broker."""

    def __init__(self, container: Container, stopping: Event, every: timedelta = EVERY) -> None:
        self._container = container
        self._stopping = stopping
        self._every = every.total_seconds()

    def start(self) -> None:
        """Start the thread where it is needed. It ends with the process, or when `stopping` is set."""
        settings = self._container.settings
        if settings.alarm is not None and settings.broker_url is not None:
            Thread(target=self._run, name="alarms", daemon=True).start()

    def _run(self) -> None:
        # Not at once: after a restart of all processes, the beat needs a moment.
        while not self._stopping.wait(self._every):
            try:
                watch(self._container)
            except DigestError as error:
                _log.warning("alarms: %s", error)
            except Exception:  # noqa: BLE001 - a fault in one check must not end all the others
                _log.exception("checking for alarms failed")
