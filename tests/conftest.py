"""Fixtures of all tests: real databases and shared data."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from digest.store.database import Database
from digest.store.mail_server_models import metadata
from digest.store.schema import newest_revision, upgrade

pytest_plugins = ["tests.pseudo_language"]
ROOT = Path(__file__).parent.parent
POSTGRESQL = os.environ.get("DIGEST_TEST_POSTGRESQL_URL", "postgresql+psycopg://127.0.0.1:5432/postgres")

_RESTART_SEQUENCES = text(
    "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)"
    " FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
)


def missing(what: str) -> None:
    """Skip the test if something is missing; fail it if CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing on this machine, and CI runs every test")
    pytest.skip(f"{what} is missing on this machine")


def embedding_folder() -> Path:
    """Return the folder of the small embedding model that `.ci/run` provides."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "trending-papers" / "minilm"
    if not (folder / "tokenizer.json").is_file():
        missing(f"the embedding model in {folder} (see .ci/run)")
    if find_spec("onnxruntime") is None or find_spec("tokenizers") is None:
        missing("the extra [dense]")
    return folder


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run every test without the environment variables and files of the developer."""
    for name in list(os.environ):
        if name.startswith("DIGEST_") and not name.startswith("DIGEST_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real papers and feed samples beside the project."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        missing("../shared, the folder of real data,")
    return folder


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "digest.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """Return the address of an empty, initialised SQLite database of this test alone."""
    path = tmp_path / "digest.db"
    shutil.copy(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def _postgresql(worker_id: str) -> Iterator[str]:
    name = f"digest_test_{os.getpid()}_{worker_id}"
    server = create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
            # No test stops the server, and waiting for the disk is half of the time of a short one.
            connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    except OperationalError:
        missing("PostgreSQL")
    url = POSTGRESQL.rpartition("/")[0] + "/" + name
    database = Database(url)
    upgrade(database)
    database.close()
    yield url
    with server.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    server.dispose()


@pytest.fixture
def postgresql_url(_postgresql: str) -> str:
    """Return the address of an empty, initialised PostgreSQL database that no other test uses at the same time."""
    database = Database(_postgresql)
    with database.begin() as connection:
        # TRUNCATE makes new files for every table and index and takes ten times as long.
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        connection.execute(_RESTART_SEQUENCES)
        # A test may have changed the revision.
        connection.execute(
            text("UPDATE alembic_version SET version_num = :newest"), {"newest": newest_revision()}
        )
    database.close()
    return _postgresql


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the address of an empty database; the test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Open the empty database."""
    opened = Database(database_url)
    yield opened
    opened.close()
