"""`digest web` as a process."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import repeat
from pathlib import Path
from threading import Event

import httpx
import pytest

from digest.bench.load import load
from digest.cli.up import _pages
from tests.factories import WEDNESDAY, Clock, at
from tests.services.installation import wait_for
from tests.web.conftest import make_container

START = [sys.executable, "-c", "from digest.cli import main; main()", "web", "--port"]


def environment(url: str) -> dict[str, str]:
    return {**os.environ, "DIGEST_DATABASE_URL": url, "DIGEST_BASE_URL": "https://papers.example.org"}


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
def server(sqlite_url: str, port: int, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*START, str(port)],
        env=environment(sqlite_url),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    process.kill()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def answer_from(port: int, path: str) -> httpx.Response:
    """Request a path until the server answers."""
    for _ in range(300):
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10)
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the server did not come up")


def test_the_server_prints_its_url_and_logs_no_links(server: subprocess.Popen[str], port: int) -> None:
    assert answer_from(port, "/readyz").json() == {"ready": True}
    home = answer_from(port, "/")
    assert home.status_code == 200
    assert "server" not in home.headers
    assert answer_from(port, "/preferences/a.secret.token").status_code == 403
    server.terminate()
    told, _ = server.communicate(timeout=30)
    assert f"Serving http://127.0.0.1:{port}/ for https://papers.example.org/" in told
    assert "secret" not in told


def test_without_a_database_the_error_has_advice(tmp_path: Path, port: int) -> None:
    done = subprocess.run(
        [*START, str(port)],
        env=environment(f"sqlite:///{tmp_path}/new.db"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "digest init" in done.stderr


def test_the_bench_serves_and_reports_rates(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from digest.cli import main; main()", "bench", "web", "--papers", "200"]
    done = subprocess.run(
        [*command, "--processes", "1", "--seconds", "0.5", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["papers"], found["processes"]) == (200, 1)
    assert found["peak_rss_mb"] > 0
    for kind in ("home", "search"):
        figures = found[kind]
        assert figures["answers"] > 0
        assert figures["failed"] == 0
        assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
        assert figures["rate_per_s"] > 0
    assert list(tmp_path.iterdir()) == []


def test_the_load_test_counts_failures(server: subprocess.Popen[str], port: int) -> None:
    assert answer_from(port, "/healthz").text == "ok\n"
    # In another thread, because this one may have the event loop of other tests' browser.
    with ThreadPoolExecutor(1) as elsewhere:
        fine = elsewhere.submit(load, port, repeat("/healthz"), 2, 0.2).result()
        missing = elsewhere.submit(load, port, repeat("/nothing"), 2, 0.2).result()
    assert (fine.answers > 0, fine.failed) == (True, 0)
    assert missing.failed == missing.answers > 0
    assert server.poll() is None


def request(port: int, path: str) -> tuple[int, str]:
    """Return the status and the body. httpx would create a TLS context for each call."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def test_metrics_of_every_process_are_the_sum_of_all(sqlite_url: str, port: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*START, str(port), "--processes", "2"],
        env=environment(sqlite_url),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert answer_from(port, "/healthz").status_code == 200
        # Each request opens a new connection, which either process may accept.
        assert [request(port, "/nothing")[0] for _ in range(20)] == [404] * 20
        found = [request(port, "/metrics")[1] for _ in range(8)]
        assert all('digest_web_answers_total{route="none",status="404"} 20.0\n' in text for text in found)
        assert all("digest_papers 0.0\n" in text for text in found)
    finally:
        process.terminate()
        process.wait(30)


def test_the_pages_of_up_use_the_container_of_the_jobs(sqlite_url: str, port: int, tmp_path: Path) -> None:
    container = make_container(sqlite_url, Clock(at(WEDNESDAY, 12)), tmp_path / "outbox")
    stopping = Event()
    with _pages("127.0.0.1", port, container, stopping):
        assert answer_from(port, "/readyz").status_code == 200
        # The jobs use the caches that the pages fill at the start.
        wait_for(lambda: container.profiles._stored_reference is not None, 60, "the reference corpus")
    assert stopping.is_set()
    container.close()
