"""A feed server for the tests: it answers at the paths of the real services with given replies.

`serve` sets the replies of a path; the last one repeats. `requests` has all requests.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote_plus, urlsplit


@dataclass(frozen=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    declared_length: int | None = None
    """The Content-Length; more than is sent makes an incomplete body."""
    silence: float = 0
    """Seconds before the first byte."""
    repeated: int = 1
    """How often the body is repeated, so that huge bodies need no memory."""


@dataclass(frozen=True)
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float


Answering = Reply | Callable[[Request], Reply]


class FeedServer:
    def __init__(self, address: str) -> None:
        self.address = address
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._at_once = 0
        self._replies: dict[str, list[Answering]] = {}
        self._lock = threading.Lock()
        self.stopping = threading.Event()

    def serve(self, path: str, *replies: Answering) -> None:
        self._replies[path] = list(replies)

    def answer(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            replies = self._replies.get(request.path, [Reply(status=404)])
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply(request) if callable(reply) else reply

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        yield
        with self._lock:
            self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        request = Request(
            path=unquote_plus(parts.path.replace("+", "%2B")),
            query=dict(parse_qsl(parts.query)),
            headers=dict(self.headers.items()),
            at=time.monotonic(),
        )
        with self.server.feeds.counted():
            self._send(self.server.feeds.answer(request))

    def _send(self, reply: Reply) -> None:
        if reply.silence:
            self.server.feeds.stopping.wait(reply.silence)
        total = len(reply.body) * reply.repeated
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(reply.declared_length or total))
            self.end_headers()
            for _ in range(reply.repeated):
                self.wfile.write(reply.body)
        except OSError:
            # The client closed the connection.
            self.close_connection = True
        if reply.declared_length:
            self.close_connection = True

    def log_message(self, *_words: object) -> None:
        """Keep the test's output clean."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Answers without a client must not delay the end of a test.
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.feeds = FeedServer(f"http://127.0.0.1:{self.server_address[1]}")


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    """Run a server on a free port for as long as the block lasts."""
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.feeds
    finally:
        server.feeds.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
