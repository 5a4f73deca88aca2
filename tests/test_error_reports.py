"""Error reports: an unexpected error arrives at the server, without addresses, tokens, variables or the request."""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from digest import error_reports
from digest.errors import StopRun
from tests.cli.shell import Shell
from tests.conftest import ROOT, missing

TOKEN = "eyJhIjoxfQ.Zx81" + "b" * 25

# Errors in a web request, in a Celery task and in a job of `digest up`, each with an address in its text.
FAULTS = f"""
import asyncio, sys
from threading import Event
import httpx
from digest.jobs import recurring
from digest.settings import read_settings
from digest.web.app import application

def fail(*_):
    secret = "a variable"
    raise RuntimeError("cannot send to ada@example.org by smtp://me:hunter2@mail.example.org")

app = application()
app.add_api_route("/broken/{{token}}", lambda: fail())

async def ask():
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/broken/{TOKEN}?email=ada@example.org")
        assert answer.status_code == 500, answer

asyncio.run(ask())
recurring.plan = fail
from workers.tasks import plan
plan.apply()
from digest.jobs.scheduler import Runner
from digest.jobs.timetable import TIMETABLE
from workers.app import container
recurring.JOBS = {{**recurring.JOBS, "rebuild": fail}}
stopping = Event()
runner = Runner(container(), stopping, [one for one in TIMETABLE if one.job == "rebuild"])
runner.start()
stopping.wait(0.3)
runner.stop()
"""


class Receiver:
    """The reports that a server received."""

    def __init__(self) -> None:
        self.raw: list[str] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        found = [json.loads(line) for text in self.raw for line in text.splitlines() if line]
        return [one for one in found if "exception" in one]


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    received = Receiver()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                content = gzip.decompress(content)
            received.raw.append(content.decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield received, f"http://key@127.0.0.1:{server.server_address[1]}/1"
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_errors_of_pages_tasks_and_jobs_arrive_without_addresses(
    sqlite_url: str, receiver: tuple[Receiver, str], tmp_path: Path
) -> None:
    if find_spec("sentry_sdk") is None:
        missing("the extra [sentry]")
    received, dsn = receiver
    done = subprocess.run(
        [sys.executable, "-c", FAULTS],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DIGEST_DATABASE_URL": sqlite_url,
            "DIGEST_SENTRY_DSN": dsn,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    loggers = {event["logger"] for event in received.events}
    assert loggers == {"digest.web", "celery.app.trace", "digest.jobs.scheduler"}
    for event in received.events:
        (error,) = event["exception"]["values"]
        assert error["value"] == "cannot send to a…@example.org by smtp://***@mail.example.org"
        assert error["stacktrace"]["frames"]
        assert "request" not in event
    everything = "\n".join(received.raw)
    for secret in ("ada@", TOKEN, "hunter2", '"vars"', "192.0.2.1"):
        assert secret not in everything


def test_without_the_library_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    message = Shell(tmp_path).fails("init", DIGEST_SENTRY_DSN="https://key@sentry.example.org/1")
    assert "pip install 'trending-papers-digest[sentry]'" in message


def test_a_wrong_dsn_is_one_line() -> None:
    if find_spec("sentry_sdk") is None:
        missing("the extra [sentry]")
    with pytest.raises(StopRun, match="DIGEST_SENTRY_DSN cannot be used"):
        error_reports.start("not a dsn", "1")
