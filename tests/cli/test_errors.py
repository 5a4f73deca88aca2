"""Errors on the command line: one line with advice, exit code 2, no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import Shell

READS = [
    ("papers", "list"),
    ("papers", "search", "gulls"),
    ("papers", "similar", "2511.00001"),
    ("papers", "show", "2511.00001"),
    ("papers", "fetch"),
    ("subscribers", "list"),
    ("subscribers", "show", "ana@example.org"),
    ("subscribers", "add", "bo@example.org"),
    ("subscribers", "edit", "ana@example.org", "--hour", "8"),
    ("subscribers", "pause", "ana@example.org"),
    ("subscribers", "resume", "ana@example.org"),
    ("subscribers", "confirm", "ana@example.org"),
    ("subscribers", "remove", "ana@example.org", "--yes"),
    ("subscribers", "export"),
    ("run", "--no-fetch"),
    ("run", "--dry-run"),
    ("preview", "ana@example.org"),
    ("explain", "ana@example.org", "2511.00001"),
    ("deliveries", "list"),
    ("deliveries", "show", "1"),
    ("deliveries", "retry", "1"),
    ("status",),
]
"""Every command that needs a database."""

WRONG = {
    "no such command": (("frobnicate",), "digest --help"),
    "no such subcommand": (("papers", "frobnicate"), "digest papers --help"),
    "no such option": (("papers", "list", "--frobnicate"), "--frobnicate"),
    "an argument too many": (("run", "now"), "digest run --help"),
    "an argument too few": (("subscribers", "add"), "EMAIL"),
    "a number that is none": (("papers", "list", "--top", "many"), "--top"),
    "a number too small": (("papers", "list", "--top", "0"), "--top"),
    "a day that is none": (("papers", "list", "--since", "2025-02-30"), "2026-11-22"),
    "a word for a day": (("papers", "fetch", "--since", "yesterday"), "2026-11-22"),
    "an instant that is none": (("run", "--now", "noonish"), "2026-11-22T07:00"),
    "a day out of reach": (("papers", "list", "--since", "0001-01-01"), "2026-11-22"),
    "an instant out of reach": (("run", "--now", "9999-12-31T23:59-12:00"), "2026-11-22T07:00"),
    "an edition out of reach": (("run", "--date", "9999-12-31"), "2026-11-22"),
    "a number out of reach": (("deliveries", "show", "9" * 30), "ID"),
    "a list out of reach": (("deliveries", "list", "--top", "9" * 30), "--top"),
    "a list of subscribers out of reach": (("subscribers", "list", "--top", "9" * 30), "--top"),
    "bytes that are no text": (("subscribers", "add", "\udcff@example.org"), "UTF-8"),
    "an edition on no day": (("run", "--date", "0"), "2026-11-22"),
    "a paper that is not here": (("papers", "show", "2511.99999"), "fetch or import"),
    "a paper like one that is not here": (("papers", "similar", "2511.99999"), "fetch or import"),
    "an id that is none": (("papers", "show", "the gulls one"), "2508.13426"),
    "a feed that is none": (("papers", "fetch", "newspaper"), "huggingface"),
    "a stranger": (("subscribers", "show", "nobody@example.org"), "digest subscribers list"),
    "a stranger's preview": (("preview", "nobody@example.org"), "digest subscribers list"),
    "a run for a stranger": (("run", "--subscriber", "nobody@example.org"), "digest subscribers list"),
    "no address": (("subscribers", "add", "nobody"), "@"),
    "an address with a line break": (("subscribers", "add", "a@example.org\nBcc: b@example.org"), "address"),
    "an address twice": (("subscribers", "add", "Ana@Example.org"), "digest subscribers edit"),
    "no time zone": (("subscribers", "edit", "ana@example.org", "--timezone", "Mars/Base"), "Europe/Berlin"),
    "a place outside": (("subscribers", "edit", "ana@example.org", "--timezone", "../x"), "Europe/Berlin"),
    "no category": (("subscribers", "edit", "ana@example.org", "--category", "gulls!"), "cs.CL"),
    "no frequency": (("subscribers", "edit", "ana@example.org", "--frequency", "hourly"), "weekly"),
    "no hour": (("subscribers", "edit", "ana@example.org", "--hour", "24"), "23"),
    "too many papers": (("subscribers", "edit", "ana@example.org", "--max-papers", "51"), "50"),
    "nothing to clear": (("subscribers", "edit", "ana@example.org", "--clear", "all"), "topics"),
    "an unknown liked paper": (
        ("subscribers", "edit", "ana@example.org", "--like", "gulls"),
        "not a paper id",
    ),
    "a pause in the past": (("subscribers", "pause", "ana@example.org", "--until", "2020-01-01"), "later"),
    "no status": (("subscribers", "list", "--status", "happy"), "active"),
    "no status of a mail": (("deliveries", "list", "--status", "happy"), "planned"),
    "no kind of mail": (("deliveries", "list", "--kind", "letters"), "confirm"),
    "a delivery that is not here": (("deliveries", "show", "999"), "digest deliveries list"),
    "nothing to retry": (("deliveries", "retry", "999"), "digest deliveries list"),
    "no format": (("preview", "ana@example.org", "--format", "pdf"), "html"),
    "no paper to explain": (("explain", "ana@example.org", "2511.99999"), "fetch or import"),
    "a file that is not there": (("papers", "import", "gone.jsonl"), "gone.jsonl cannot be read"),
    "a folder for a file": (("papers", "import", "."), "cannot be read"),
    "subscribers that are not there": (("subscribers", "import", "gone.csv"), "gone.csv"),
    "a place that is not there": (("subscribers", "export", "gone/subscribers.jsonl"), "gone"),
    "a place for the demo in a file": (("demo", "--outbox", "digest.db/x"), "digest.db"),
}

SETTINGS = {
    "a feed that is none": ("DIGEST_SOURCES", "newspaper", "huggingface"),
    "an address without http": ("DIGEST_BASE_URL", "papers.example.org", "https://"),
    "a feed's address": ("DIGEST_ARXIV_RSS_URL", "file:///etc/passwd", "https://"),
    "a number that is none": ("DIGEST_FETCH_LIMIT_MB", "lots", "integer"),
    "a number out of range": ("DIGEST_SCORE_FLOOR", "7", "less than or equal to 1"),
    "a time that is none": ("DIGEST_FETCH_TIMEOUT", "soonish", "30s"),
    "a word of none": ("DIGEST_QUIET_DAY", "sing", "skip"),
    "no database": ("DIGEST_DATABASE_URL", "a shoe box", "sqlite:///"),
    "another database": ("DIGEST_DATABASE_URL", "mysql://host/name", "postgresql://"),
    "a database out of reach": ("DIGEST_DATABASE_URL", "sqlite:////nowhere/at/all.db", "DIGEST_DATABASE_URL"),
}


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_an_uninitialised_database_is_reported(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert "run: digest init" in Shell(tmp_path).fails(*words)


@pytest.mark.parametrize(("words", "hint"), WRONG.values(), ids=WRONG.keys())
def test_usage_errors_are_one_line(digest: Shell, words: tuple[str, ...], hint: str) -> None:
    assert hint in digest.fails(*words)


@pytest.mark.parametrize(("name", "value", "hint"), SETTINGS.values(), ids=SETTINGS.keys())
def test_a_bad_setting_is_named(digest: Shell, name: str, value: str, hint: str) -> None:
    message = digest.fails("status", **{name: value})
    assert name in message
    assert hint in message


def test_a_bad_value_in_the_env_file_is_named(digest: Shell) -> None:
    (digest.folder / ".env").write_text("DIGEST_QUIET_DAY=sing\n")
    assert "DIGEST_QUIET_DAY" in digest.fails("status")


def test_an_env_file_that_is_not_text_is_named(digest: Shell) -> None:
    (digest.folder / ".env").write_bytes(b"DIGEST_CONTACT=\xff\xfe\n")
    assert ".env" in digest.fails("status")


def test_the_environment_overrides_the_env_file(digest: Shell) -> None:
    (digest.folder / ".env").write_text("DIGEST_QUIET_DAY=sing\nDIGEST_FOR_YOU=4\n")
    shown = {
        row["setting"]: row["value"] for row in digest("settings", "--json", DIGEST_QUIET_DAY="note").json
    }
    assert (shown["DIGEST_QUIET_DAY"], shown["DIGEST_FOR_YOU"]) == ("note", "4")


@pytest.mark.parametrize("url", ["carrier pigeon", "pigeon:loft", "file:", "smtp://", "smtp://user@host"])
def test_an_invalid_mail_url_stops_a_run_with_one_line(digest: Shell, url: str) -> None:
    digest.fails("run", "--no-fetch", DIGEST_MAIL_URL=url)


def test_an_invalid_sender_stops_a_run_before_planning(digest: Shell) -> None:
    assert "address" in digest.fails("run", "--no-fetch", DIGEST_SENDER="nobody")
    assert digest("deliveries", "list", "--json").json == []


@pytest.mark.parametrize("secret", ["hunter2", "p%40ss"])
def test_an_error_never_repeats_a_password(digest: Shell, secret: str) -> None:
    url = f"postgresql://user:{secret}@127.0.0.1:1/digest"
    assert secret not in digest.fails("status", DIGEST_DATABASE_URL=url)
    assert secret not in digest.fails("run", "--no-fetch", DIGEST_MAIL_URL=f"smtp://u:{secret}@host:x")


def test_removing_a_subscriber_asks_for_confirmation(digest: Shell) -> None:
    answer = subprocess.run(
        [Path(sys.executable).with_name("digest"), "subscribers", "remove", "ana@example.org"],
        cwd=digest.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[-1].startswith("digest: ")
    assert [row["address"] for row in digest("subscribers", "list", "--json").json] == ["ana@example.org"]


def test_a_closed_pipe_causes_no_traceback(digest: Shell) -> None:
    command = Path(sys.executable).with_name("digest")
    answer = subprocess.run(
        f"'{command}' settings | head -n 1",
        shell=True,
        cwd=digest.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stderr == ""
    assert answer.stdout.count("\n") == 1
