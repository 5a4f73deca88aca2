"""A load test: requests over keep-alive connections, each sent as soon as the last is answered."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Load:
    """The result of a load test."""

    answers: int
    failed: int
    """Answers with another status than 200, and lost connections."""
    rate_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


def load(port: int, paths: Iterator[str], connections: int, seconds: float) -> Load:
    """Request the paths one after another over `connections` connections for `seconds`."""
    return asyncio.run(_load(port, paths, connections, seconds))


async def _load(port: int, paths: Iterator[str], connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    began_at = time.perf_counter()
    until = began_at + seconds
    callers = [
        (await loop.create_connection(lambda: _Caller(port, paths, until), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(caller.done for caller in callers))
    took = time.perf_counter() - began_at
    waits = np.array([wait for caller in callers for wait in caller.waits] or [0.0]) * 1000
    p50, p95, p99 = np.percentile(waits, (50, 95, 99)).tolist()
    answers = sum(len(caller.waits) for caller in callers)
    return Load(answers, sum(caller.failed for caller in callers), answers / took, p50, p95, p99)


class _Caller(asyncio.Protocol):
    """One connection. Sends the next request when the answer to the last is complete."""

    def __init__(self, port: int, paths: Iterator[str], until: float) -> None:
        self._port = port
        self._paths = paths
        self._until = until
        self._head = b""
        self._left = 0
        self._asked_at = 0.0
        self.waits: list[float] = []
        self.failed = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        if self._asked_at >= self._until:
            self.done.set_result(None)
            self._transport.close()
            return
        request = f"GET {next(self._paths)} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n"
        self._transport.write(request.encode())

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = b""
            lines = head.lower().split(b"\r\n")
            if lines[0].split(b" ")[1] != b"200":
                self.failed += 1
            length = next(line for line in lines if line.startswith(b"content-length:"))
            self._left = int(length.partition(b":")[2]) - len(body)
        if not self._left:
            self.waits.append(time.perf_counter() - self._asked_at)
            self._ask()

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.done.done():
            self.failed += 1
            self.done.set_result(None)
