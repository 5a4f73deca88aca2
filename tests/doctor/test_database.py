import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, text

from digest.doctor.database import Schema, examine_database, in_words, judge_clock, judge_schema
from digest.errors import StopRun
from digest.store.database import Database
from digest.store.models import papers, subscribers
from tests.doctor.helpers import NOW, TODAY, a_paper, a_subscriber


def test_a_sound_database_reports_its_contents(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(papers), [a_paper(TODAY)])
        connection.execute(insert(subscribers), [a_subscriber(1), a_subscriber(2, status="pending")])
    checks = examine_database(database, lambda: datetime.now(UTC))
    assert {check.state for check in checks} == {"good"}
    assert "1 paper and 2 subscribers, 1 of them active" in checks[0].finding
    assert [check.name for check in checks[1:]] == [
        "disk",
        *([] if database.is_sqlite else ["database clock"]),
    ]
    assert " The database has " in checks[1].finding


@pytest.mark.services
def test_a_clock_difference_to_the_database_server_is_reported(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    checks = examine_database(database, lambda: datetime.now(UTC) - timedelta(minutes=5))
    database.close()
    clock = next(check for check in checks if check.name == "database clock")
    assert clock.state == "warning"
    assert "ahead of" in clock.finding


@given(st.integers(-(10**6), 10**6))
def test_clocks_agree_within_a_minute(seconds: int) -> None:
    check = judge_clock(timedelta(seconds=seconds))
    assert check.state == ("good" if abs(seconds) <= 60 else "warning")


def test_checking_a_missing_database_does_not_create_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none.db'}")
    (check,) = examine_database(database, lambda: NOW)
    database.close()
    assert check.state == "bad"
    assert "digest init" in check.advice
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_and_an_invalid_file_are_reported(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    (check,) = examine_database(database, lambda: NOW)
    database.close()
    assert (check.state, check.advice) == ("bad", "Create its tables with: digest init")

    (tmp_path / "letter.db").write_text("Dear subscriber, " * 1000, encoding="utf-8")
    database = Database(f"sqlite:///{tmp_path / 'letter.db'}")
    with pytest.raises(StopRun, match="not a database"):
        examine_database(database, lambda: NOW)
    database.close()


def test_a_database_of_a_later_version_asks_for_that_version(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    (check,) = examine_database(database, lambda: NOW)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :was"), {"was": "0001"})
    assert check.state == "bad"
    assert "later version" in check.finding


def test_an_old_database_asks_for_an_upgrade() -> None:
    check = judge_schema("sqlite:///x", Schema("0001", "0002", is_known=True))
    assert check is not None
    assert "digest init" in check.advice
    assert judge_schema("sqlite:///x", Schema("0002", "0002", is_known=True)) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "less than a minute"),
        (60, "1 minute"),
        (3600, "60 minutes"),
        (7200, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_durations_are_rounded_in_words(seconds: int, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words
