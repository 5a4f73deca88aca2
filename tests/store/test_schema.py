"""Models and migrations describe the same tables, on both databases."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from digest.errors import BadInput, StopRun
from digest.store.database import Database
from digest.store.models import metadata, papers
from digest.store.schema import newest_revision, present_revision, upgrade


def test_models_and_migrations_agree(database: Database) -> None:
    options = {"compare_type": True, "compare_server_default": True}
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    assert differences == []


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    assert present_revision(database) == newest_revision()
    upgrade(database)
    assert present_revision(database) == newest_revision()


def test_a_database_that_was_never_initialised_says_what_to_do(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    assert present_revision(database) is None
    with pytest.raises(StopRun, match="digest init"), database.read() as connection:
        connection.execute(papers.select())
    database.close()


def test_an_unreachable_database_says_so_in_one_line() -> None:
    database = Database("postgresql://127.0.0.1:1/nothing")
    with pytest.raises(StopRun, match="DIGEST_DATABASE_URL") as raised, database.begin():
        pass
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("url", ["mysql://localhost/digest", "digest.db", ""])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="DIGEST_DATABASE_URL"):
        Database(url)
