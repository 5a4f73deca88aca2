"""An installation with alarms, and a web server that records what it is sent."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from digest.settings import Settings
from digest.wiring import Container
from tests.cli.conftest import digest, feeds, small_library
from tests.factories import BASE_URL, SECRET, WEDNESDAY, Clock, at
from tests.mail.conftest import certificate, serve, trusted

__all__ = ["certificate", "digest", "feeds", "serve", "small_library", "trusted"]


@dataclass
class Hook:
    """A real web server; `calls` holds the method, path and JSON body of each request."""

    url: str = ""
    status: int = 200
    calls: list[tuple[str, str, Any]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.calls]


@pytest.fixture
def hook() -> Iterator[Hook]:
    served = Hook()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            served.calls.append((self.command, self.path, json.loads(content) if content else None))
            self.send_response(served.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _answer  # noqa: N815 - the server library names them

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/hook"
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def clock() -> Clock:
    """Return a clock at noon of a Wednesday."""
    return Clock(at(WEDNESDAY, 12))


@pytest.fixture
def installation(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Callable[..., Container]]:
    """Return a maker of containers on the database of the test, as of its processes."""
    opened: list[Container] = []

    def make(**changes: Any) -> Container:
        changes.setdefault("mail_url", f"maildir:{tmp_path / 'outbox'}")
        for name in ("alarm", "heartbeat_url", "broker_url", "mail_url"):
            if name in changes:
                changes[name] = SecretStr(changes[name])
        settings = Settings.model_construct(
            database_url=SecretStr(database_url),
            base_url=BASE_URL,
            sender="Trending papers <digest@papers.example.org>",
            secret_key=SecretStr(SECRET.decode()),
            **changes,
        )
        opened.append(Container(settings, clock))
        return opened[-1]

    yield make
    for container in opened:
        container.close()
