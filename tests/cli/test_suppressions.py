"""The commands of `digest suppressions`."""

import shutil
from pathlib import Path

import pytest

from tests.cli.shell import Shell

ANA = "ana@example.org"
KEY = {"DIGEST_SECRET_KEY": "0123456789abcdef0123456789abcdef"}


def test_an_address_is_suppressed_explained_and_lifted(digest: Shell) -> None:
    assert digest.tries("suppressions", "list").err == "No such address is suppressed.\n"
    assert "not suppressed" in digest.fails("suppressions", "show", ANA)
    assert "not suppressed" in digest.fails("suppressions", "lift", ANA)
    told = digest("suppressions", "add", ANA, "--reason", "asked by phone")
    assert told.lines == [f"{ANA} is suppressed: no mail is sent to it."]
    assert "already" in digest.fails("suppressions", "add", ANA)
    (cells,) = digest("suppressions", "list").cells
    assert cells[:2] == [ANA, "asked by phone"]
    assert digest("suppressions", "list", "--reason", "phone", "--json").json[0]["address"] == ANA
    assert digest("suppressions", "list", "--reason", "refused", "--json").json == []
    shown = digest("suppressions", "show", ANA, "--json").json
    assert (shown["is_suppressed"], shown["subscriber"], shown["former_status"]) == (
        True,
        "suppressed",
        "active",
    )
    assert digest("run", "--no-fetch", "--json").json["planned"] == 0
    lifted = digest("suppressions", "lift", ANA, "--json").json
    assert lifted == {"address": ANA, "subscriber": "active"}
    events = digest("suppressions", "show", ANA, "--json").json["history"]
    assert [one["event"] for one in events] == ["suppressed", "lifted"]
    assert "happened" not in digest("suppressions", "show", ANA).out
    assert digest("run", "--no-fetch", "--json").json["planned"] == 1


def test_an_address_without_a_subscriber_can_be_suppressed(digest: Shell) -> None:
    digest("suppressions", "add", "bo@example.org")
    assert "is suppressed" in digest.fails("subscribers", "add", "bo@example.org")
    line = digest("suppressions", "lift", "bo@example.org").lines[0]
    assert "no subscriber has this address" in line
    digest("subscribers", "add", "bo@example.org")
    assert "not a mail address" in digest.fails("suppressions", "add", "bo")


def test_a_truncated_list_says_so(digest: Shell) -> None:
    for name in ("a", "b", "c"):
        digest("suppressions", "add", f"{name}@example.org")
    answer = digest("suppressions", "list", "--top", "2")
    assert len(answer.lines) == 2
    assert "newest 2 of 3" in answer.err


def test_deliveries_list_shows_suppressed_addresses_and_reasons(digest: Shell) -> None:
    digest("run", "--no-fetch", "--now", "2025-11-20T12:00")
    digest("suppressions", "add", ANA, "--reason", "asked by phone")
    (row,) = digest("deliveries", "list", "--json").json
    assert row["suppressed"] == "asked by phone"
    assert digest("deliveries", "list").cells[0][-1] == "asked by phone"


def test_the_log_is_applied_to_a_restored_backup(digest: Shell, tmp_path: Path) -> None:
    digest("subscribers", "add", "bo@example.org", "--confirmed", **KEY)
    shutil.copy(tmp_path / "digest.db", tmp_path / "backup.db")
    digest("subscribers", "remove", ANA, "--yes", **KEY)
    digest("suppressions", "add", "bo@example.org", **KEY)
    digest("suppressions", "export", "log.jsonl", **KEY)
    assert (tmp_path / "log.jsonl").stat().st_mode & 0o077 == 0
    assert "example.org" not in (tmp_path / "log.jsonl").read_text()
    for ending in ("", "-wal", "-shm"):
        (tmp_path / f"digest.db{ending}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", tmp_path / "digest.db")
    assert len(digest("subscribers", "list", **KEY).lines) == 2
    done = digest("suppressions", "apply", "log.jsonl", **KEY)
    assert done.lines == ["2 entries, 2 of them new here: 0 unsubscribed, 1 erased, 1 suppressed, 0 lifted."]
    assert [row[:2] for row in digest("subscribers", "list", **KEY).cells] == [
        ["bo@example.org", "suppressed"]
    ]
    assert digest("suppressions", "apply", "log.jsonl", "--json", **KEY).json["added"] == 0


def test_bad_lines_and_bad_files_are_reported(digest: Shell, tmp_path: Path) -> None:
    digest("suppressions", "add", ANA)
    digest("suppressions", "export", "log.jsonl")
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write("nonsense\n")
    answer = digest.tries("suppressions", "apply", "log.jsonl")
    assert (answer.code, answer.err.startswith("log.jsonl:3: ")) == (1, True)
    assert "cannot be read" in digest.fails("suppressions", "apply", "none.jsonl")
    assert "DIGEST_SECRET_KEY" in digest.fails("suppressions", "apply", "log.jsonl", **KEY)


@pytest.mark.parametrize("words", [("subscribers", "export"), ("suppressions", "export")])
def test_exports_to_stdout_and_to_a_file_are_equal(
    digest: Shell, tmp_path: Path, words: tuple[str, ...]
) -> None:
    digest("suppressions", "add", "bo@example.org")
    (tmp_path / "out.jsonl").write_text("old\n" * 99)
    (tmp_path / "out.jsonl").chmod(0o644)
    digest(*words, "out.jsonl")
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o600
    here = digest(*words).lines
    there = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [line for line in there if "exported_at" not in line] == [
        line for line in here if "exported_at" not in line
    ]
