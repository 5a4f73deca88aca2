"""Models and migrations describe the same tables, on both databases."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect, text

from digest.errors import BadInput, StopRun
from digest.store.circuit_breakers import open_circuits
from digest.store.database import Conflict, Database
from digest.store.mail_server_models import metadata
from digest.store.models import deliveries, papers
from digest.store.schema import _config, newest_revision, present_revision, upgrade
from tests.factories import (
    TUESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    delivery_context,
    make_papers,
)


def test_models_and_migrations_agree(database: Database) -> None:
    options = {"compare_type": True, "compare_server_default": True}
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    assert differences == []


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    assert present_revision(database) == newest_revision()
    upgrade(database)
    assert present_revision(database) == newest_revision()


def test_an_uninitialised_database_gives_an_error_with_advice(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    assert present_revision(database) is None
    with pytest.raises(StopRun, match="digest init"), database.read() as connection:
        connection.execute(papers.select())
    database.close()


def test_an_unreachable_database_gives_a_one_line_error() -> None:
    database = Database("postgresql://127.0.0.1:1/nothing")
    with pytest.raises(StopRun, match="DIGEST_DATABASE_URL") as raised, database.begin():
        pass
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("url", ["mysql://localhost/digest", "digest.db", ""])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="DIGEST_DATABASE_URL"):
        Database(url)


def write_kind(database: Database, kind: str) -> None:
    row = {
        "subscriber_id": 1,
        "kind": kind,
        "edition_on": TUESDAY,
        "status": "planned",
        "reason": "",
        "due_at": at(TUESDAY),
        "attempts": 0,
    }
    with database.begin() as connection:
        connection.execute(insert(deliveries), row)


def test_a_migrated_ledger_accepts_the_new_kind_and_keeps_every_row(database: Database) -> None:
    add_papers(database, *make_papers(5))
    add_subscriber(database)
    assert deliver_due(delivery_context(database), at(TUESDAY)).sent == 1
    command.downgrade(_config(database), "0002")
    try:
        with pytest.raises(Conflict):
            write_kind(database, "links")
        before = dump(database)
        assert len(before["picks"]) == 5
    finally:
        upgrade(database)
    after = dump(database)
    # The columns that were added since are the last ones.
    for name, rows in before.items():
        width = len(rows[0])
        assert sorted((row[:width] for row in after[name]), key=repr) == rows
    write_kind(database, "links")
    with pytest.raises(Conflict):
        write_kind(database, "news")
    opened_anew = Database(database.engine.url.render_as_string(hide_password=False))
    with pytest.raises(Conflict):
        write_kind(opened_anew, "letters")
    if database.is_sqlite:
        with opened_anew.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    opened_anew.close()


def test_an_upgrade_closes_breakers_of_accounts_under_their_old_names(database: Database) -> None:
    command.downgrade(_config(database), "0003")
    with database.begin() as connection:
        statement = text("INSERT INTO circuits VALUES ('smtp://me:sec@host', :now, :now, 1, 'no')")
        connection.execute(statement, {"now": at(TUESDAY)})
    upgrade(database)
    with database.read() as connection:
        assert not open_circuits(connection)


def dump(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of the tables of this version, without empty tables."""
    present = inspect(database.engine).get_table_names()
    with database.read() as connection:
        found = {
            table.name: sorted(
                (tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table.name}")),
                key=repr,
            )
            for table in metadata.sorted_tables
            if table.name in present and table.name != "suppressions"
        }
    return {name: rows for name, rows in found.items() if rows}
