"""Slow clients are disconnected without an effect on others."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from digest.cli.uvicorn_options import OPTIONS
from digest.web.timeouts import LARGEST_HEAD, TimedProtocol
from tests.factories import Clock
from tests.services.installation import free_port, wait_for
from tests.web.conftest import make_container

FORM = b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
NOWHERE = {"DIGEST_HUGGINGFACE_URL": "http://127.0.0.1:1", "DIGEST_ARXIV_RSS_URL": "http://127.0.0.1:1"}
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


class Hasty(TimedProtocol):
    """The protocol with a tenth of the time-outs."""

    head_seconds = 1.0
    body_idle_seconds = 1.0
    body_seconds = 3.0
    reading_seconds = 1.0
    check_seconds = 0.1


async def large(scope: Any, _receive: Any, send: Any) -> None:
    """An application whose responses are larger than all buffers."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(200):
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def one_piece(scope: Any, _receive: Any, send: Any) -> None:
    """An application that sends a large response in one piece."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * 20_000_000})


@contextmanager
def served(application: Any) -> Iterator[tuple[int, uvicorn.Server]]:
    """Serve an application as the commands do, with short time-outs."""
    port = free_port()
    options = {**OPTIONS, "factory": False, "http": Hasty, "timeout_keep_alive": 1}
    server = uvicorn.Server(uvicorn.Config(application, port=port, **options))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, 20, "the start of the server")
    yield port, server
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def port(sqlite_url: str, clock: Clock, tmp_path: Path) -> Iterator[int]:
    from digest.web.app import create_app

    container = make_container(sqlite_url, clock, tmp_path / "outbox")
    with served(create_app(container)) as (number, _):
        yield number
    container.close()


def call(port: int) -> socket.socket:
    caller = socket.create_connection(("127.0.0.1", port), 10)
    caller.settimeout(10)
    return caller


def until_closed(caller: socket.socket, drip: bytes = b"") -> tuple[float, bytes]:
    """Return the seconds until the server closed the connection, sending `drip` meanwhile, and its answer."""
    begun, said = time.monotonic(), b""
    caller.settimeout(0.2)
    while time.monotonic() - begun < 10:
        try:
            heard = caller.recv(65536)
            if not heard:
                break
            said += heard
        except TimeoutError:
            try:
                caller.send(drip)
            except OSError:
                break
        except OSError:
            break
    return time.monotonic() - begun, said


@pytest.mark.parametrize(
    ("first", "drip", "least", "most", "status"),
    [
        (b"", b"", 0.9, 2, b"408"),
        (b"", b"\r\n", 0.9, 2, b"408"),
        (b"GET / HT", b"", 0.9, 2, b"408"),
        (b"GET /", b"a", 0.9, 2, b"408"),
        (GET, b"X-A: b\r\n", 0.9, 2, b"408"),
        (FORM + b"Content-Length: 5000\r\n\r\nemail=", b"", 0.9, 2, b"408"),
        (FORM + b"Content-Length: 5000\r\n\r\nemail=", b"a", 2.9, 4, b"408"),
        (GET + b"\r\n", b"", 0.9, 2, b"200"),
        (GET + b"\r\n", b"\r\n", 0.9, 3, b"200"),
        (GET + b"\r\nGET /heal", b"t", 0.9, 3, b"200"),
        (b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n", b"a", 2.9, 4, b"404"),
    ],
)
def test_a_client_that_is_too_slow_is_disconnected(
    port: int, first: bytes, drip: bytes, least: float, most: float, status: bytes
) -> None:
    with call(port) as caller:
        caller.sendall(first)
        seconds, said = until_closed(caller, drip)
    assert said.startswith(b"HTTP/1.1 " + status)
    assert least < seconds < most + 1.5


def test_many_slow_clients_are_disconnected_and_others_are_served(port: int) -> None:
    callers = [call(port) for _ in range(300)]
    for caller in callers:
        caller.sendall(GET)
    assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).text == "ok\n"
    time.sleep(2.5)
    still_open = 0
    for caller in callers:
        caller.settimeout(0.01)
        try:
            while caller.recv(4096):
                pass
        except TimeoutError:
            still_open += 1
        except OSError:
            pass
        caller.close()
    assert still_open == 0


@pytest.mark.parametrize("application", [large, one_piece])
def test_a_client_that_does_not_read_is_disconnected(application: Callable[..., Any]) -> None:
    with served(application) as (port, server), call(port) as caller:
        caller.sendall(GET + b"\r\n")
        wait_for(lambda: len(server.server_state.connections) == 1, 5, "the connection")
        begun = time.monotonic()
        wait_for(lambda: not server.server_state.connections, 8, "the end of the connection")
        assert time.monotonic() - begun > 0.8


def test_who_reads_slowly_but_reads_gets_all_of_it() -> None:
    with served(one_piece) as (port, _), call(port) as caller:
        caller.sendall(GET + b"Connection: close\r\n\r\n")
        size = 0
        for _ in range(12):
            time.sleep(0.2)
            size += len(caller.recv(2_000_000))
        while heard := caller.recv(1_000_000):
            size += len(heard)
    assert size > 20_000_000


def test_a_steady_client_is_served_and_a_connection_is_reused(port: int) -> None:
    body = b"email=ada%40example.org&website=x"
    with call(port) as caller:
        for _ in range(2):
            caller.sendall(FORM + b"Content-Length: %d\r\n\r\n" % len(body))
            for index in range(0, len(body), 5):
                time.sleep(0.25)
                caller.sendall(body[index : index + 5])
            assert caller.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)


def test_an_endless_head_is_refused(port: int) -> None:
    with call(port) as caller:
        caller.sendall(GET + b"X-A: " + b"a" * LARGEST_HEAD)
        _, said = until_closed(caller)
    assert said.startswith(b"HTTP/1.1 431")


def test_a_client_that_disconnects_during_a_form_is_not_logged_as_an_error(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with call(port) as caller:
        caller.sendall(FORM + b"Content-Length: 5000\r\n\r\nemail=")
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    assert "failed" not in caplog.text


@pytest.mark.parametrize("command", ["web", "up"])
def test_the_commands_serve_with_these_time_outs(command: str, sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()
    start = [sys.executable, "-c", "from digest.cli import main; main()", command, "--port", str(port)]
    server = subprocess.Popen(start, cwd=tmp_path, env={"DIGEST_DATABASE_URL": sqlite_url, **NOWHERE})
    try:
        wait_for(lambda: is_served(port), 60, "the start of the server")
        with call(port) as caller:
            caller.sendall(GET + b"X-A: " + b"a" * LARGEST_HEAD)
            assert until_closed(caller)[1].startswith(b"HTTP/1.1 431")
    finally:
        server.terminate()
        server.wait(30)


def is_served(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_the_time_outs_are_what_is_documented() -> None:
    found = (TimedProtocol.head_seconds, TimedProtocol.body_idle_seconds, TimedProtocol.body_seconds)
    assert (*found, TimedProtocol.reading_seconds) == (10, 10, 120, 30)
