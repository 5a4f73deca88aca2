"""The doctor posts to the public pages as a mail program does, with the link of nobody."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from digest.doctor.one_click import ask_one_click, examine_one_click
from digest.subscribers.links import Links
from tests.doctor.helpers import NOW, closed_port
from tests.factories import SECRET

Serve = Callable[[int, dict[str, str]], tuple[str, list[tuple[str, bytes]]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that give one answer; return their address and the list of requests."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, headers: dict[str, str]) -> tuple[str, list[tuple[str, bytes]]]:
        requests: list[tuple[str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                requests.append((self.path, self.rfile.read(length)))
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return f"http://127.0.0.1:{server.server_address[1]}", requests

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "headers", "state", "words"),
    [
        (200, {}, "good", "RFC 8058"),
        (302, {"Location": "https://login.example/"}, "bad", "redirects to https://login.example/"),
        (403, {}, "bad", "DIGEST_SECRET_KEY"),
        (502, {}, "bad", "it answered 502"),
        (200, {"Set-Cookie": "a=b"}, "warning", "cookie"),
    ],
)
def test_the_answer_of_the_pages_is_judged(
    serve: Serve, status: int, headers: dict[str, str], state: str, words: str
) -> None:
    address, requests = serve(status, headers)
    (check,) = examine_one_click(Links(address, SECRET), lambda: NOW)
    assert check.state == state
    assert words in f"{check.finding} {check.advice}"
    ((path, body),) = requests
    assert (path.startswith("/unsubscribe/0000000000000000."), body) == (True, b"List-Unsubscribe=One-Click")


def test_pages_that_cannot_be_reached_are_bad() -> None:
    (check,) = examine_one_click(Links(f"http://127.0.0.1:{closed_port()}", SECRET), lambda: NOW)
    assert (check.state, "cannot be reached" in check.finding) == ("bad", True)


def test_the_clock_of_the_pages_is_compared(serve: Serve) -> None:
    address, _ = serve(200, {"Date": "Thu, 05 Mar 2026 13:05:00 GMT"})
    assert ask_one_click(f"{address}/x", lambda: NOW).ahead == timedelta(minutes=5)
    assert ask_one_click(f"{serve(200, {'Date': 'soon'})[0]}/x", lambda: NOW).ahead is None
