"""Time-outs for slow clients.

uvicorn closes a connection that stays idle after a response, and waits without limit for everything else. Here
the head of a request, its body, and the reading of its response have time-outs too, so that a few hundred
silent sockets cannot block all other clients.
"""

import asyncio
from typing import Literal

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 65_536
"""Bytes of a request line and its header fields."""
LEAST_READ = 16_384
"""Bytes of a response that a client must read within `reading_seconds`."""
_TOO_SLOW = b"408 Request Timeout", b"The request took too long."
_HEAD_TOO_LARGE = b"431 Request Header Fields Too Large", b"The header fields are too large."


class TimedProtocol(HttpToolsProtocol):
    """HTTP with time-outs, in seconds. The one for the head is for all of it, however many pieces it comes in."""

    head_seconds = 10.0
    body_idle_seconds = 10.0
    """Between two pieces of a body."""
    body_seconds = 120.0
    """For a whole body: enough for the largest one on a slow mobile connection."""
    reading_seconds = 30.0
    """For the client to read the next LEAST_READ bytes of a response."""
    check_seconds = 1.0

    _phase: Literal["head", "body", "answer", "idle"]
    _deadline: float | None
    _reading_deadline: float | None = None
    _unread = 0
    _body_deadline = 0.0
    _head_size = 0
    _timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        self._timer = self.loop.call_later(self.check_seconds, self._check)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._phase == "idle":
            self._await_head()
        super().data_received(data)
        if self._phase == "head":
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self._refuse(*_HEAD_TOO_LARGE)

    @override
    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        now = self.loop.time()
        self._phase = "body"
        self._body_deadline = now + self.body_seconds
        self._deadline = now + self.body_idle_seconds

    @override
    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._deadline = min(self.loop.time() + self.body_idle_seconds, self._body_deadline)

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.cycle.response_complete:
            # The response was complete before the body was; wait for the next request.
            self._await_head()
        else:
            self._phase, self._deadline = "answer", None

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._phase == "answer" and self.cycle.response_complete:
            # From here on uvicorn's own time-out for idle connections applies.
            self._phase = "idle"

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reading()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._reading_deadline = None

    def _await_head(self) -> None:
        self._phase, self._head_size = "head", 0
        self._deadline = self.loop.time() + self.head_seconds

    def _await_reading(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._reading_deadline = self.loop.time() + self.reading_seconds

    def _check(self) -> None:
        now = self.loop.time()
        if self.transport.is_closing() and self._reading_deadline is None:
            # The client has not read all of the response yet.
            self._await_reading()
        if self._reading_deadline is not None and now >= self._reading_deadline:
            if self.transport.get_write_buffer_size() > self._unread - LEAST_READ:
                self.transport.abort()
            else:
                self._await_reading()
        # While reading is paused, the client cannot be too slow in writing.
        elif self._deadline is not None and now >= self._deadline and not self.flow.read_paused:
            self._refuse(*_TOO_SLOW)
        self._timer = self.loop.call_later(self.check_seconds, self._check)

    def _refuse(self, status: bytes, message: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(
                b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
                % (status, len(message), message)
            )
        self.transport.close()
