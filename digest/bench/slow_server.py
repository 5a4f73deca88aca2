"""A mail server with a given latency that counts mails and discards them: `digest bench deliver --latency 25ms`.

    python -m digest.bench.slow_server --port 2525 --latency 0.025 [--connections 20] [--report FILE]

Each answer is sent `--latency` seconds after the previous one: with 25 ms, a mail takes 100 ms, as with a relay on the
internet. More than `--connections` open connections are rejected with 421. When the server is stopped (SIGTERM), it
writes its counts as JSON to `--report`.
"""

import argparse
import asyncio
import json
import signal
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from pathlib import Path

_HEAD = 8192
_END = b"\r\n.\r\n"


@dataclass
class Count:
    """The counts of a server."""

    mails: int = 0
    doubles: int = 0
    """Mails with the Message-ID of an earlier mail."""
    most_connections: int = 0
    """Largest number of connections open at the same time."""
    turned_away: int = 0
    most_in_a_second: int = 0


@dataclass
class SlowServer:
    """The state that all connections of one server share."""

    latency: float
    connections: int = 1_000
    """Maximum number of open connections."""
    count: Count = field(default_factory=Count)
    recipients: list[str] = field(default_factory=list)
    """The recipients of all accepted mails, in order; only recorded if `keeps` is set."""
    keeps: bool = False
    seen: Counter[bytes] = field(default_factory=Counter)
    open: int = 0
    _last_second: deque[float] = field(default_factory=deque)

    def take(self, recipient: str, message_id: bytes, now: float) -> None:
        """Count a mail."""
        self.count.mails += 1
        self.seen[message_id] += 1
        self.count.doubles += self.seen[message_id] > 1
        if self.keeps:
            self.recipients.append(recipient)
        self._last_second.append(now)
        while self._last_second[0] <= now - 1:
            self._last_second.popleft()
        self.count.most_in_a_second = max(self.count.most_in_a_second, len(self._last_second))

    def protocol(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _Connection(self)


class _Connection(asyncio.Protocol):
    def __init__(self, server: SlowServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._answers_at = 0.0
        self._line = b""
        self._content: bytearray | None = None
        self._recipient = ""
        self._is_let_in = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        server = self._server
        server.open += 1
        if server.open > server.connections:
            server.count.turned_away += 1
            self._answer(b"421 4.3.2 too many connections\r\n", closes=True)
            return
        self._is_let_in = True
        server.count.most_connections = max(server.count.most_connections, server.open)
        self._answer(b"220 slow ESMTP\r\n")

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.open -= 1

    def _answer(self, text: bytes, *, closes: bool = False) -> None:
        """Send an answer `latency` after the previous answer and after now, whichever is later."""
        self._answers_at = max(self._loop.time(), self._answers_at) + self._server.latency
        self._loop.call_at(self._answers_at, self._write, text, closes)

    def _write(self, text: bytes, closes: bool) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(text)
        if closes:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._is_let_in:
            return
        if self._content is not None:
            self._receive(data)
            return
        *lines, self._line = (self._line + data).split(b"\r\n")
        for line in lines:
            self._command(line)

    def _receive(self, data: bytes) -> None:
        assert self._content is not None
        # Only the head and the last bytes are needed, for the Message-ID and the end mark.
        if len(self._content) > _HEAD:
            del self._content[_HEAD:-8]
        self._content += data
        if self._content.endswith(_END):
            head = bytes(self._content[:_HEAD])
            self._content = None
            start = head.find(b"Message-ID:")
            message_id = head[start : head.find(b"\r\n", start)] if start >= 0 else b""
            self._server.take(self._recipient, message_id, self._loop.time())
            self._answer(b"250 2.0.0 accepted\r\n")

    def _command(self, line: bytes) -> None:
        word = line[:4].upper()
        if word == b"EHLO":
            self._answer(b"250-slow\r\n250 PIPELINING\r\n")
        elif word == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode("ascii", "replace")
            self._answer(b"250 2.1.5 OK\r\n")
        elif word == b"DATA":
            self._content = bytearray()
            self._answer(b"354 go on\r\n")
        elif word == b"QUIT":
            self._answer(b"221 bye\r\n", closes=True)
        else:
            self._answer(b"250 OK\r\n")


async def serve(server: SlowServer, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    listener = await loop.create_server(server.protocol, "127.0.0.1", port, backlog=500)
    await stopped.wait()
    listener.close()


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    server = SlowServer(options.latency, options.connections)
    asyncio.run(serve(server, options.port))
    if options.report:
        options.report.write_text(json.dumps(asdict(server.count)))


if __name__ == "__main__":
    main()
