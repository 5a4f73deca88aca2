"""A pool of connections: a greeting and a TLS handshake can take longer than sending a mail."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from threading import Lock

from digest.mail.envelope import Connection, Transport

IDLE = timedelta(seconds=60)
"""Idle connections are closed after this time, before the server closes them (RFC 5321 § 4.5.3.2.7)."""


class PooledTransport:
    """Pools the connections of another transport for later batches. One instance per process.

    No two batches use a connection at the same time, so threads are safe. Call `close` at the end.
    """

    def __init__(
        self,
        transport: Transport,
        idle: timedelta = IDLE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._idle = idle.total_seconds()
        self._monotonic = monotonic
        self._free: list[tuple[float, AbstractContextManager[Connection], Connection]] = []
        self._lock = Lock()

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """Return a pooled connection or a new one; it returns to the pool unless the batch raises an error."""
        self._close_older_than(self._monotonic() - self._idle)
        with self._lock:
            pooled = self._free.pop() if self._free else None
        if pooled is None:
            holder = self._transport.open()
            connection = holder.__enter__()
        else:
            _, holder, connection = pooled
        try:
            yield connection
        except BaseException:
            holder.__exit__(None, None, None)
            raise
        with self._lock:
            self._free.append((self._monotonic(), holder, connection))

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._close_older_than(float("inf"))

    def _close_older_than(self, instant: float) -> None:
        with self._lock:
            old = [one for one in self._free if one[0] < instant]
            self._free = [one for one in self._free if one[0] >= instant]
        for _, holder, _ in old:
            holder.__exit__(None, None, None)
