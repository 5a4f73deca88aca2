"""`digest web` as people start it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

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


def answer_from(port: int, path: str) -> httpx.Response:
    """Ask until the server is up."""
    for _ in range(300):
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10)
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the server did not come up")


def test_it_serves_says_where_and_keeps_links_out_of_its_log(
    server: subprocess.Popen[str], port: int
) -> None:
    assert answer_from(port, "/readyz").json() == {"ready": True}
    home = answer_from(port, "/")
    assert home.status_code == 200
    assert "server" not in home.headers
    assert answer_from(port, "/preferences/a.secret.token").status_code == 403
    server.terminate()
    told, _ = server.communicate(timeout=30)
    assert f"Serving http://127.0.0.1:{port}/ for https://papers.example.org/" in told
    assert "secret" not in told


def test_without_a_database_it_says_what_to_do(tmp_path: Path, port: int) -> None:
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
