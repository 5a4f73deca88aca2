"""An installation with papers, a reader and the web side over it, the clock standing still."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from digest.settings import Settings
from digest.web.app import create_app
from digest.wiring import Parts
from tests.factories import BASE_URL, SECRET, WEDNESDAY, Clock, at
from tests.web.visitor import Visitor


def make_parts(database_url: str, clock: Clock, outbox: Path, base_url: str = BASE_URL) -> Parts:
    settings = Settings.model_construct(
        database_url=SecretStr(database_url),
        mail_url=SecretStr(f"maildir:{outbox}"),
        base_url=base_url,
        sender="Trending papers <digest@papers.example.org>",
        secret_key=SecretStr(SECRET.decode()),
        operator="The library",
        postal_address="1 Science Road, Exampleton",
    )
    return Parts(settings, clock)


@pytest.fixture
def clock() -> Clock:
    """Noon of a Wednesday."""
    return Clock(at(WEDNESDAY, 12))


@pytest.fixture
def parts(sqlite_url: str, clock: Clock, tmp_path: Path) -> Iterator[Parts]:
    made = make_parts(sqlite_url, clock, tmp_path / "outbox")
    yield made
    made.close()


@pytest.fixture
def visitor(parts: Parts) -> Visitor:
    return Visitor(create_app(parts, timedelta(0)))
