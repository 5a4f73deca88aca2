"""The container of a command."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digest.wiring import Container


@contextmanager
def opened(
    now: datetime | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
    *,
    is_service: bool = False,
    is_verbose: bool = False,
) -> Iterator["Container"]:
    """Read the settings, start the logs and yield the container. If `now` is given, its clock always returns that.

    `is_service`: log what is done, as nothing else shows it. `is_verbose`: also what libraries do.
    """
    from digest.clock import utc_now
    from digest.settings import read_settings
    from digest.wiring import Container, start_reporting

    settings = read_settings()
    start_reporting(settings, is_foreground=not is_service, is_verbose=is_verbose)
    container = Container(settings, utc_now if now is None else lambda: now, is_stopping)
    try:
        yield container
    finally:
        container.close()


@contextmanager
def stop_signals() -> Iterator[Event]:
    """Yield an event that SIGTERM and Ctrl-C set, so that a command can finish what it does.

    A second signal ends the process at once.
    """
    stopping = Event()
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(*_: object) -> None:
        stopping.set()
        restore()

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, stop)
    try:
        yield stopping
    finally:
        restore()
