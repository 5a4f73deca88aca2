"""The container of a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digest.wiring import Container


@contextmanager
def opened(now: datetime | None = None) -> Iterator["Container"]:
    """Read the settings and yield the container. If `now` is given, its clock always returns that."""
    from digest.clock import utc_now
    from digest.settings import read_settings
    from digest.wiring import Container

    container = Container(read_settings(), utc_now if now is None else lambda: now)
    try:
        yield container
    finally:
        container.close()
