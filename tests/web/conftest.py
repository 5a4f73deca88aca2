"""An installation with its web application and a clock that stands still."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from digest.domain.subscriber import Subscriber
from digest.settings import Settings
from digest.store.mail_server_models import metadata
from digest.web.app import create_app
from digest.wiring import Container
from tests.factories import BASE_URL, SECRET, WEDNESDAY, Clock, add_papers, add_subscriber, at, make_papers
from tests.papers.feed_server import FeedServer, feed_server
from tests.web.client import Client
from tests.web.crawl import Crawl
from tests.workers.conftest import redis_url

__all__ = ["redis_url"]


def make_container(
    database_url: str, clock: Clock, outbox: Path, base_url: str = BASE_URL, broker_url: str = ""
) -> Container:
    settings = Settings.model_construct(
        database_url=SecretStr(database_url),
        broker_url=SecretStr(broker_url) if broker_url else None,
        mail_url=SecretStr(f"maildir:{outbox}"),
        base_url=base_url,
        sender="Trending papers <digest@papers.example.org>",
        secret_key=SecretStr(SECRET.decode()),
        operator="The library",
        postal_address="1 Science Road, Exampleton",
    )
    return Container(settings, clock)


def dump(container: Container) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of the database, by table."""
    with container.database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))]
            for table in metadata.sorted_tables
        }


@pytest.fixture
def clock() -> Clock:
    """Return a clock at noon of a Wednesday."""
    return Clock(at(WEDNESDAY, 12))


@pytest.fixture(scope="session")
def crawl(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawl]:
    """Crawl every page; once, because the tests only read the responses."""
    folder = tmp_path_factory.mktemp("crawl")
    shutil.copyfile(_sqlite_template, folder / "digest.db")
    clock = Clock(at(WEDNESDAY, 12))
    made = make_container(f"sqlite:///{folder / 'digest.db'}", clock, folder / "outbox")
    yield Crawl(made, clock)
    made.close()


@pytest.fixture
def container(sqlite_url: str, clock: Clock, tmp_path: Path) -> Iterator[Container]:
    made = make_container(sqlite_url, clock, tmp_path / "outbox")
    yield made
    made.close()


@pytest.fixture
def client(container: Container) -> Client:
    return Client(create_app(container, timedelta(0)))


@pytest.fixture
def subscriber(container: Container) -> Subscriber:
    """Return a subscriber with a topic and a like, and store twelve papers."""
    add_papers(container.database, *make_papers(12))
    return add_subscriber(container.database, topics=["gaussian splatting"], like=["2603.00004"])


@pytest.fixture
def orcid(container: Container) -> Iterator[FeedServer]:
    """Return a local server in ORCID's place."""
    with feed_server() as server:
        container.settings.__dict__["orcid_url"] = server.address
        container.settings.__dict__.update(
            contact="", fetch_timeout=type(container.settings).model_fields["fetch_timeout"].default
        )
        yield server
