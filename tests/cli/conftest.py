"""Shells with an empty database, and with a few small papers and a subscriber."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.papers.feed_server import FeedServer, feed_server

PAPERS = """\
{"id": "2511.00001", "title": "Splats for rooms", "abstract": "We render rooms with gaussian splats.", \
"authors": ["Ada Fern"], "categories": ["cs.CV"], "date": "2025-11-19", "upvotes": 12}
{"id": "2511.00002v2", "title": "Splats for gardens", "abstract": "Gaussian splats render gardens too.", \
"authors": ["Bo Li", "Ada Fern"], "categories": ["cs.CV", "cs.GR"], "date": "2025-11-20"}
{"id": "2511.00003", "title": "Speech in trams", "abstract": "Recognition of speech in noisy trams.", \
"authors": ["Chi Okafor"], "categories": ["eess.AS"], "date": "2025-11-20", "upvotes": 3}
"""


@pytest.fixture(scope="session")
def small_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a database of three papers and one active subscriber, to be copied."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "papers.jsonl").write_text(PAPERS)
    shell = Shell(folder)
    shell("init")
    shell("papers", "import", "papers.jsonl")
    shell("subscribers", "add", "ana@example.org", "--topics", "gaussian splats", "--confirmed")
    return folder


@pytest.fixture
def digest(small_library: Path, tmp_path: Path) -> Shell:
    """Return a shell over three papers and one subscriber."""
    for file in small_library.glob("digest.db*"):
        shutil.copy(file, tmp_path)
    return Shell(tmp_path)


@pytest.fixture
def empty(sqlite_url: str, tmp_path: Path) -> Shell:
    """Return a shell over an initialised database with nothing in it."""
    return Shell(tmp_path, {"DIGEST_DATABASE_URL": sqlite_url})


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server
