"""Benchmark of the pages: `digest web` with made-up papers, under a load of home pages, searches and previews."""

import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import repeat
from pathlib import Path
from random import Random
from urllib.parse import quote_plus

from pydantic import SecretStr

from digest.bench import database
from digest.bench.fixtures import papers_from
from digest.bench.load import Load, load
from digest.domain.paper import FeedItem, Paper, Popularity
from digest.errors import StopRun
from digest.papers.ingest import ingest
from digest.settings import Settings
from digest.wiring import Container

DAYS = 365
"""The papers are announced over a year. One in three of the last VOTED_DAYS has votes."""
VOTED_DAYS = 14
HOME_CONNECTIONS = 16
SEARCH_CONNECTIONS = 8
PREVIEW_CONNECTIONS = 4
_START_SECONDS = 120.0
_WORD = re.compile(r"[A-Za-z]{4,}")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `digest bench web`."""

    papers: int
    processes: int
    seconds: float
    library: Path | None = None
    database_url: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The result."""

    papers: int
    processes: int
    home: Load
    search: Load
    preview: Load
    """The digest for words that nobody has asked for, as visitors of the first page type them."""
    peak_rss_mb: float
    """Of the largest process."""


def bench(options: Options, clock: Callable[[], datetime], say: Callable[[str], None]) -> Measured:
    """Store papers, serve them, run the load test, and remove all. Raises StopRun if the server does not start."""
    with tempfile.TemporaryDirectory(prefix="digest-bench-") as name:
        folder = Path(name)
        with database.scratch_database(options.database_url, folder) as database_url:
            say(f"Storing {options.papers:,} papers ...")
            papers = papers_from(options.library, options.papers, clock())
            _store(database_url, papers, clock)
            with _server(database_url, options.processes, folder) as port:
                say("Warming up ...")
                # Each process loads the papers when it starts, and requests wait for that.
                load(
                    port,
                    questions(papers, 1, "/search?q="),
                    SEARCH_CONNECTIONS,
                    min(10.0, 1 + options.papers / 5000),
                )
                say(f"Requesting the home page, then searches, then previews, {options.seconds:g} s each ...")
                home = load(port, repeat("/"), HOME_CONNECTIONS, options.seconds)
                search = load(port, questions(papers, 2, "/search?q="), SEARCH_CONNECTIONS, options.seconds)
                words = questions(papers, 3, "/preview?topics=")
                preview = load(port, words, PREVIEW_CONNECTIONS, options.seconds)
    # The largest child process; in kB on Linux, in bytes elsewhere.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak_mb = peak / (1024 if sys.platform == "linux" else 2**20)
    return Measured(len(papers), options.processes, home, search, preview, peak_mb)


def questions(papers: Sequence[Paper], seed: int, path: str) -> Iterator[str]:
    """Yield a path with one to four consecutive words of a random title, nearly all of them different."""
    rng = Random(seed)  # noqa: S311 - the same questions every time
    while True:
        words = _WORD.findall(rng.choice(papers).title)
        if words:
            first = rng.randrange(len(words))
            query = " ".join(words[first : first + rng.randint(1, 4)])
            yield f"{path}{quote_plus(query)}"


def _store(database_url: str, papers: Sequence[Paper], clock: Callable[[], datetime]) -> None:
    now = clock()
    settings = Settings.model_construct(database_url=SecretStr(database_url))
    container = Container(settings, clock)
    try:
        ingest(
            container.database,
            (
                FeedItem(
                    replace(paper, announced_on=now.date() - timedelta(days=index % DAYS)),
                    Popularity(now - timedelta(hours=2), 97 * index % 211)
                    if index % DAYS < VOTED_DAYS and index % 3 == 0
                    else None,
                )
                for index, paper in enumerate(papers)
            ),
            now,
        )
        database.analyze(container.database)
    finally:
        container.close()


@contextmanager
def _server(database_url: str, processes: int, folder: Path) -> Iterator[int]:
    """Run `digest web` and yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")} | {
        "DIGEST_DATABASE_URL": database_url,
        "DIGEST_BASE_URL": "https://papers.example.org",
        "DIGEST_SECRET_KEY": "the bench has no secrets",
    }
    command = [sys.executable, "-c", "from digest.cli import main; main()", "web"]
    command += ["--port", str(port), "--processes", str(processes)]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)  # noqa: S603
        try:
            _wait_for(port, process, folder)
            yield port
        finally:
            process.terminate()
            process.wait(60)


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    said = (folder / "web.log").read_text(errors="replace").strip().splitlines()
    raise StopRun(f"The server did not start: {said[-1] if said else 'it printed nothing'}")
