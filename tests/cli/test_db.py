"""`digest db`: a database is backed up, restored and moved; what cannot be done is one line."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.shell import Shell


def addresses(shell: Shell, **environment: str) -> list[str]:
    return [cells[0] for cells in shell("subscribers", "list", **environment).cells]


def test_a_backup_restores_what_was_there_and_reaches_nobody_who_left(digest: Shell) -> None:
    said = digest("db", "backup", "first.backup").lines
    assert said[0].startswith("Wrote first.backup (")
    assert (digest.folder / "first.backup").stat().st_mode & 0o777 == 0o600
    digest("subscribers", "add", "bo@example.org", "--confirmed")
    digest("subscribers", "remove", "ana@example.org", "--yes")
    told = digest("db", "restore", "first.backup").lines
    assert told[0].startswith("Saved the database as it was in ")
    assert told[1] == "Restored first.backup."
    assert "1 erased" in told[-1]
    assert "ana@example.org" not in addresses(digest)
    saved = told[0].removeprefix("Saved the database as it was in ").removesuffix(".")
    with closing(sqlite3.connect(digest.folder / saved)) as connection:
        assert connection.execute("SELECT address FROM subscribers").fetchall() == [("bo@example.org",)]


def test_a_restore_needs_to_know_who_left(digest: Shell, tmp_path: Path) -> None:
    digest("db", "backup", "first.backup")
    other = {"DIGEST_DATABASE_URL": f"sqlite:///{tmp_path / 'other.db'}"}
    assert "--without-suppressions" in digest.fails("db", "restore", "first.backup", **other)
    done = digest("db", "restore", "first.backup", "--without-suppressions", "--json", **other).json
    assert done["saved_as"] is None
    assert addresses(digest, **other) == ["ana@example.org"]


def test_a_database_restored_by_other_means_is_reconciled(digest: Shell) -> None:
    digest("subscribers", "add", "bo@example.org", "--confirmed")
    digest("db", "backup", "first.backup")
    digest("subscribers", "remove", "bo@example.org", "--yes")
    digest("suppressions", "export", "log.jsonl")
    for file in digest.folder.glob("digest.db*"):
        file.unlink()
    (digest.folder / "first.backup").rename(digest.folder / "digest.db")
    said = digest("db", "reconcile", "--suppressions", "log.jsonl").lines
    assert said[0].startswith("Deliveries that may have been sent already, and are not sent again: ")
    assert "1 erased" in said[1]
    assert addresses(digest) == ["ana@example.org"]


def test_a_database_is_moved_and_every_table_compared(digest: Shell) -> None:
    answer = digest("db", "move", "sqlite:///moved.db")
    tables = {cells[0]: cells[1] for cells in answer.cells[:-1]}
    assert (tables["papers"], tables["subscribers"]) == ("3", "1")
    assert "Now set DIGEST_DATABASE_URL to sqlite:///moved.db" in answer.lines[-1]
    assert answer.err == ""
    moved = {"DIGEST_DATABASE_URL": "sqlite:///moved.db"}
    assert digest("subscribers", "export", **moved).out == digest("subscribers", "export").out
    assert digest.fails("db", "move", "sqlite:///moved.db")


@pytest.mark.parametrize(
    "words",
    [
        ("backup", "digest.db"),
        ("backup", "absent/first.backup"),
        ("restore", "absent.backup", "--without-suppressions"),
        ("restore", "papers.jsonl", "--without-suppressions"),
        ("reconcile", "--suppressions", "absent.jsonl"),
        ("move", "nonsense"),
        ("move", "sqlite:///digest.db"),
        ("move", "postgresql://nobody:s3cret@127.0.0.1:1/digest"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(digest: Shell, words: tuple[str, ...]) -> None:
    (digest.folder / "papers.jsonl").write_text("{}")
    before = digest("subscribers", "export").out
    assert "s3cret" not in digest.fails("db", *words)
    assert digest("subscribers", "export").out == before
