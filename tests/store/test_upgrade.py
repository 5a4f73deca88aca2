"""A full database of an old version is upgraded: every row stays, and the next digest is sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, select, text

from digest.errors import BadInput, StopRun
from digest.store.backups import restore, upgrade_after_backup
from digest.store.database import Database
from digest.store.models import (
    cards,
    deliveries,
    feedback,
    paper_terms,
    papers,
    picks,
    popularity,
    subscribers,
    suppressions,
    term_statistics,
)
from digest.store.schema import _config, downgrade, newest_revision, present_revision, upgrade
from tests.factories import (
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_papers,
    rebuilt,
    received_by,
    subscriber_now,
)

OLD = "0003"
# The old names of the columns that were renamed since.
OLD_COLUMNS = {
    "papers": {"paper_id": "canonical_id"},
    "paper_terms": {"paper_row_id": "paper_id"},
    "popularity": {"paper_row_id": "paper_id"},
    "feedback": {"paper_row_id": "paper_id"},
    "picks": {"paper_row_id": "paper_id"},
    "term_statistics": {"through_row_id": "through_paper_id"},
    "deliveries": {"content_sha256": "digest"},
    "cards": {"content_sha256": "digest"},
}
# Columns that were added since.
NEW_COLUMNS = {
    "papers": {"summary", "same_work_as"},
    "popularity": {"citations"},
    "subscribers": {"layout", "team", "language"},
    "feedback": {"from_team"},
    "deliveries": {"opinion"},
    "cards": {"used_on"},
}
FILLED = (papers, paper_terms, popularity, term_statistics, subscribers, cards, deliveries, picks, feedback)


@pytest.fixture
def old_database(database: Database, tmp_path: Path) -> Iterator[Database]:
    """Return an empty database that the migrations of the old version made."""
    if database.is_sqlite:
        database.close()
        database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    else:
        command.downgrade(_config(database), "base")
    command.upgrade(_config(database), OLD)
    yield database
    # The PostgreSQL database serves the next test, too.
    upgrade(database)
    database.close()


def rows_of(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all filled tables, as the present version reads them."""
    return {
        table.name: sorted((dict(row._mapping) for row in connection.execute(select(table))), key=repr)
        for table in FILLED
    }


def sent_rows(tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a database in which two subscribers were sent a digest and one gave feedback."""
    database = Database(f"sqlite:///{tmp_path / 'model.db'}")
    upgrade(database)
    add_papers(database, *make_papers(12), upvotes=3)
    add_subscriber(database, topics=("gaussian splatting",), likes=("2603.00004",))
    add_subscriber(database, "bo@example.org")
    assert deliver_due(delivery_context(database), at(TUESDAY)).sent == 2
    with database.read() as connection:
        rows = rows_of(connection)
    database.close()
    return rows


def fill(database: Database, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write rows into tables of the old version, by its column names."""
    columns = {name: inspect(database.engine).get_columns(name) for name in rows}
    with database.begin() as connection:
        for name, found in rows.items():
            old = OLD_COLUMNS.get(name, {})
            known = {column["name"] for column in columns[name]}
            added = NEW_COLUMNS.get(name, set())
            named = [
                {old.get(key, key): value for key, value in row.items() if key not in added} for row in found
            ]
            assert named, f"{name} is empty"
            assert set(named[0]) == known
            written = [{key: _written(value) for key, value in row.items()} for row in named]
            values = ", ".join(f":{key}" for key in named[0])
            connection.execute(
                text(f"INSERT INTO {name} ({', '.join(named[0])}) VALUES ({values})"),
                written,
            )
        if not database.is_sqlite:
            for name in ("papers", "subscribers", "cards", "deliveries"):
                connection.execute(text(f"SELECT setval('{name}_id_seq', max(id)) FROM {name}"))
        connection.execute(
            text("INSERT INTO suppressions VALUES ('a hash', 'complaint', :now)"), {"now": at(TUESDAY)}
        )


def _written(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def test_a_full_old_database_is_upgraded_and_continues_to_send(
    old_database: Database, tmp_path: Path
) -> None:
    rows = sent_rows(tmp_path)
    fill(old_database, rows)
    upgrade(old_database)
    with old_database.read() as connection:
        assert rows_of(connection) == rows
        assert [row.reason for row in connection.execute(select(suppressions))] == ["complaint"]
    add_papers(old_database, *make_papers(12, first=100, announced_on=WEDNESDAY))
    assert deliver_due(delivery_context(old_database), at(WEDNESDAY)).sent == 2
    for row in rows["subscribers"]:
        subscriber = subscriber_now(old_database, row["address"])
        first, second = received_by(old_database, subscriber).values()
        assert first
        assert second
        assert not set(first) & set(second)
        for delivery in deliveries_of(old_database, subscriber):
            assert rebuilt(old_database, delivery.id)


def everything_in(database: Database) -> dict[str, list[str]]:
    """Return all rows of all tables, as the database's own version has them."""
    names = inspect(database.engine).get_table_names()
    with database.read() as connection:
        return {
            name: sorted(
                repr(sorted(row.items()))
                for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()
            )
            for name in names
        }


def test_an_upgraded_database_can_go_back_to_the_old_version_and_up_again(
    old_database: Database, tmp_path: Path
) -> None:
    rows = sent_rows(tmp_path)
    fill(old_database, rows)
    before = everything_in(old_database)
    upgrade(old_database)
    for wrong in ("9999", "gulls"):
        with pytest.raises(BadInput, match="not a revision"):
            downgrade(old_database, wrong)
    downgrade(old_database, OLD)
    with pytest.raises(BadInput, match=f"is at {OLD}; name an older one"):
        downgrade(old_database, newest_revision())
    old_database.close()
    assert everything_in(old_database) == before
    upgrade(old_database)
    with old_database.read() as connection:
        assert rows_of(connection) == rows


def test_an_upgrade_of_sqlite_leaves_a_backup_that_restores_the_old_database(
    old_database: Database, tmp_path: Path
) -> None:
    fill(old_database, sent_rows(tmp_path))
    before = everything_in(old_database)
    saved = upgrade_after_backup(old_database)
    assert present_revision(old_database) == newest_revision()
    assert upgrade_after_backup(old_database) is None
    if not old_database.is_sqlite:
        assert saved is None
        return
    assert saved == tmp_path / f"old.db.{OLD}.backup"
    assert saved.stat().st_mode & 0o077 == 0
    # As the old version does; its own revision is then the newest.
    restore(old_database, saved)
    assert present_revision(old_database) == OLD
    assert everything_in(old_database) == before


def test_the_key_of_a_deleted_paper_is_not_reused(old_database: Database, tmp_path: Path) -> None:
    fill(old_database, sent_rows(tmp_path))
    with old_database.begin() as connection:
        last = connection.execute(text("SELECT max(id) FROM papers")).scalar_one()
        for table in ("picks", "paper_terms", "popularity", "feedback"):
            connection.execute(text(f"DELETE FROM {table} WHERE paper_id = :last"), {"last": last})
        connection.execute(text("DELETE FROM papers WHERE id = :last"), {"last": last})
    upgrade(old_database)
    add_papers(old_database, *make_papers(1, first=500))
    with old_database.read() as connection:
        assert max(connection.execute(select(papers.c.id)).scalars()) == last + 1


def test_an_upgrade_that_fails_changes_nothing(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    command.downgrade(_config(database), "0008")
    raw = database.engine.raw_connection()
    raw.cursor().execute("PRAGMA foreign_keys = OFF")
    raw.cursor().execute("INSERT INTO feedback VALUES (77, 78, 'more', '2026-03-03 00:00:00')")
    raw.close()
    with pytest.raises(StopRun, match="feedback refers to a missing row"):
        upgrade(database)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(paper_id) FROM feedback").scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    database.close()


@pytest.mark.services
def test_an_old_database_gives_an_error_with_advice(database: Database) -> None:
    command.downgrade(_config(database), "0008")
    try:
        with pytest.raises(StopRun, match="another version; run: digest init"), database.read() as connection:
            connection.execute(select(papers.c.paper_id))
    finally:
        upgrade(database)
