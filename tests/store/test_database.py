"""Transactions are atomic, reading transactions have one view, and instants are aware."""

import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import StatementError

from digest.store import secrets as secret_store
from digest.store.database import Database
from digest.store.models import fetches, papers, secrets
from tests.factories import TUESDAY, add_papers, at, make_papers, together


def test_an_error_rolls_back_the_whole_transaction(database: Database) -> None:
    def fail() -> None:
        with database.begin() as connection:
            secret_store.secret(connection, "links", "abc")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as connection:
        assert connection.execute(select(secrets)).all() == []


def test_a_reading_transaction_sees_one_view_while_others_write(database: Database) -> None:
    add_papers(database, *make_papers(3))
    count = select(func.count()).select_from(papers)
    with database.read() as connection:
        assert connection.execute(count).scalar_one() == 3
        add_papers(database, *make_papers(5, first=50))
        assert connection.execute(count).scalar_one() == 3
    with database.read() as connection:
        assert connection.execute(count).scalar_one() == 8


def test_a_secret_is_generated_once(database: Database) -> None:
    def ask(fresh: str) -> str:
        with database.begin() as connection:
            return secret_store.secret(connection, "links", fresh)

    assert len(set(together(*[lambda fresh=fresh: ask(fresh) for fresh in "abcd"]))) == 1


def test_instants_are_read_as_aware_utc(database: Database) -> None:
    elsewhere = datetime(2026, 3, 3, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    values = {
        "source": "x",
        "status": "running",
        "seen": 0,
        "added": 0,
        "changed": 0,
        "rejected": 0,
        "error": "",
    }
    with database.begin() as connection:
        connection.execute(fetches.insert().values(started_at=elsewhere, **values))
        started_at = connection.execute(select(fetches.c.started_at)).scalar_one()
    assert started_at == at(TUESDAY, 6, 30)
    assert started_at.utcoffset() == timedelta(0)


def test_an_instant_without_a_zone_is_refused(database: Database) -> None:
    naive = at(TUESDAY).replace(tzinfo=None)
    with pytest.raises(StatementError, match="without a time zone"), database.read() as connection:
        connection.execute(select(fetches).where(fetches.c.started_at == naive))


def test_the_address_is_shown_without_its_password() -> None:
    database = Database("postgresql://ada:hunter2@127.0.0.1/digest")
    assert "hunter2" not in database.shown_url
    database.close()


COUNT_SECRETS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM secrets").fetchone()[0])
connection.close()
"""


def test_a_process_that_closes_the_database_leaves_it_to_the_others(sqlite_url: str) -> None:
    database = Database(sqlite_url)

    def count_elsewhere() -> int:
        file = str(database.engine.url.database)
        return int(subprocess.check_output([sys.executable, "-c", COUNT_SECRETS, file], timeout=30))

    # Two connections at once, both of which the pool keeps open.
    with database.read(), database.read():
        pass
    assert count_elsewhere() == 0
    with database.begin() as connection:
        secret_store.secret(connection, "links", "abc")
    assert count_elsewhere() == 1
    database.close()
