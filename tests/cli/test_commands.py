"""Each command over a small library: plain lines in a pipe, a stable JSON format, and its effect."""

import email
import json
import os
import pty
import subprocess
import sys
import termios
from email import policy
from pathlib import Path

import pytest

from tests.cli.shell import Shell

BRIEF = {"announced_on", "id", "title", "authors", "categories"}
SUBSCRIBER = {
    "address", "status", "topics", "must", "mute", "follow", "categories",
    "timezone", "hour", "frequency", "max_papers", "layout", "next_due_at", "paused_until",
    "team", "language",
}  # fmt: skip
DELIVERY = {
    "id", "edition_on", "kind", "address", "status", "reason", "attempts", "due_at", "next_try_at",
    "settled_at", "papers_after", "papers_through", "message_id", "smtp_answer",
}  # fmt: skip
RUN = {"fetched_by_id", "fetched", "rebuilt", "planned", "sent", "skipped", "waiting", "failed", "stopped"}
STATUS = {
    "at",
    "circuits",
    "doubtful_editions",
    "inbound",
    "papers",
    "newest_on",
    "feeds",
    "readers",
    "next_due_at",
    "deliveries",
    "verdict",
    "checks",
    "queue",
    "sent_per_minute",
    "limits",
    "pace_per_second",
    "bounce_rate",
    "complaint_rate",
    "answers",
    "profiles_waiting",
    "growth",
    "editions",
    "space",
    "beat",
    "next",
}
PERSONAL_DATA_KEYS = {
    "library",
    "opinions",
    "pending",
    "reader",
    "feedback",
    "profile",
    "received",
    "received_earlier",
    "consents",
}
EXPLANATION = {
    "id", "title", "score", "floor", "interest", "reason", "reasons", "closest", "obstacles", "received_on",
    "second_opinion",
}  # fmt: skip
REHEARSAL = {"address", "edition_on", "papers", "first"}
ANA = "ana@example.org"
NOON = "2025-11-20T12:00"

LISTS = {
    "papers list": (("papers", "list"), BRIEF | {"trend", "popularity", "section"}),
    "papers search": (("papers", "search", "gaussian splats"), BRIEF | {"score"}),
    "papers similar": (("papers", "similar", "2511.00001"), BRIEF | {"score"}),
    "subscribers list": (("subscribers", "list"), SUBSCRIBER),
    "settings": (("settings",), {"setting", "value", "help"}),
    "run --dry-run": (("run", "--dry-run", "--now", NOON), REHEARSAL),
}
OBJECTS = {
    "papers trending": (
        ("papers", "trending", "--explain", "2511.00001"),
        BRIEF
        | {"score", "points", "velocity", "typical", "standing", "age_days", "snapshots", "field", "weekday"},
    ),
    "papers show": (("papers", "show", "2511.00001"), {"paper", "first_seen_at", "popularity"}),
    "subscribers add": (("subscribers", "add", "bo@example.org"), SUBSCRIBER | {"pending"}),
    "subscribers show": (("subscribers", "show", ANA), PERSONAL_DATA_KEYS),
    "subscribers edit": (("subscribers", "edit", ANA, "--hour", "9"), SUBSCRIBER),
    "subscribers pause": (("subscribers", "pause", ANA), SUBSCRIBER),
    "subscribers resume": (("subscribers", "resume", ANA), SUBSCRIBER),
    "subscribers confirm": (("subscribers", "confirm", ANA), SUBSCRIBER),
    "explain": (("explain", ANA, "2511.00001"), EXPLANATION),
    "run": (("run", "--no-fetch", "--now", NOON), RUN),
    "status": (("status",), STATUS),
}


@pytest.mark.parametrize(("words", "keys"), LISTS.values(), ids=LISTS.keys())
def test_a_list_as_json_and_as_plain_lines(digest: Shell, words: tuple[str, ...], keys: set[str]) -> None:
    records = digest(*words, "--json").json
    assert records
    assert all(set(record) == keys for record in records)
    plain = digest(*words)
    assert plain.err == ""
    assert "\x1b" not in plain.out
    assert len(plain.cells) == len(records)
    assert len({len(cells) for cells in plain.cells}) == 1


@pytest.mark.parametrize(("words", "keys"), OBJECTS.values(), ids=OBJECTS.keys())
def test_an_object_as_json_and_as_plain_lines(digest: Shell, words: tuple[str, ...], keys: set[str]) -> None:
    answer = digest(*words, "--json")
    assert set(answer.json) == keys
    assert answer.err == ""


EMPTY = [("papers", "list"), ("papers", "search", "gulls"), ("subscribers", "list"), ("deliveries", "list")]


@pytest.mark.parametrize("words", EMPTY, ids=" ".join)
def test_no_results_give_an_empty_list_and_a_message_on_stderr(empty: Shell, words: tuple[str, ...]) -> None:
    assert empty(*words, "--json").json == []
    plain = empty(*words)
    assert plain.raw == b""
    assert plain.err.count("\n") == 1


def test_a_record_in_a_pipe_is_one_line_for_any_title(empty: Shell) -> None:
    record = {
        "title": "Tabs\tand\nlines \u2028 \x1b[31mred",
        "abstract": "Words enough.",
        "date": "2025-11-20",
    }
    (empty.folder / "odd.jsonl").write_text(json.dumps(record))
    empty("papers", "import", "odd.jsonl")
    answer = empty("papers", "search", "tabs lines")
    assert len(answer.lines) == 1
    assert len(answer.cells[0]) == 4
    assert "\x1b" not in answer.out


def test_papers_are_found_by_words_by_similarity_and_by_any_form_of_id(digest: Shell) -> None:
    hits = digest("papers", "search", "noisy speech", "--json").json
    assert hits[0]["id"] == "2511.00003"
    alike = digest("papers", "similar", "arXiv:2511.00001v3", "--json").json
    assert alike[0]["id"] == "2511.00002"
    for form in ("2511.00002", "https://arxiv.org/abs/2511.00002v2", "arXiv:2511.00002"):
        assert digest("papers", "show", form, "--json").json["paper"]["title"] == "Splats for gardens"
    assert "Bo Li, Ada Fern" in digest("papers", "show", "2511.00002").out


def test_lists_can_be_filtered_by_day_and_category_and_limited(digest: Shell) -> None:
    def found(*words: str) -> set[str]:
        return {row["id"] for row in digest("papers", *words, "--json").json}

    everything = {"2511.00001", "2511.00002", "2511.00003"}
    assert found("list") == everything
    assert found("list", "--since", "2025-11-20") == {"2511.00002", "2511.00003"}
    assert found("list", "--category", "eess") == {"2511.00003"}
    assert found("search", "splats", "--category", "cs.GR") == {"2511.00002"}
    assert found("search", "splats", "--since", "2025-11-20") == {"2511.00002"}
    assert len(found("search", "splats", "--top", "1")) == 1


def test_a_subscriber_can_be_added_changed_paused_and_removed(digest: Shell) -> None:
    name = "bo@example.org"
    digest("subscribers", "add", name, "--topics", "speech", "--topics", "trams", "--like", "2511.00003")
    assert "pending" in digest("subscribers", "list", "--status", "pending").out
    assert digest("subscribers", "confirm", name, "--json").json["status"] == "active"
    edited = digest(
        "subscribers", "edit", name, "--hour", "6", "--timezone", "Asia/Kolkata", "--mute", "gulls",
        "--clear", "topics", "--less", "2511.00001", "--json",
    ).json  # fmt: skip
    assert (edited["hour"], edited["timezone"], edited["mute"], edited["topics"]) == (
        6,
        "Asia/Kolkata",
        ["gulls"],
        [],
    )
    told = digest("subscribers", "show", name, "--json").json["feedback"]
    assert {(one["verdict"], one["id"]) for one in told} == {("more", "2511.00003"), ("less", "2511.00001")}
    assert digest("subscribers", "pause", name, "--until", "2099-01-01", "--json").json["status"] == "paused"
    assert digest("subscribers", "resume", name, "--json").json["status"] == "active"
    digest("subscribers", "remove", name, "--yes")
    assert "digest subscribers list" in digest.fails("subscribers", "show", name)


def test_exported_subscribers_can_be_imported_elsewhere(digest: Shell, tmp_path: Path) -> None:
    digest("subscribers", "edit", ANA, "--like", "2511.00001", "--follow", "Ada Fern", "--hour", "5")
    digest("subscribers", "export", "subscribers.jsonl")
    assert digest("subscribers", "export").out == (tmp_path / "subscribers.jsonl").read_text()
    digest("subscribers", "remove", ANA, "--yes")
    digest("subscribers", "import", "subscribers.jsonl", "--confirmed")
    back = digest("subscribers", "export").out
    assert back == (tmp_path / "subscribers.jsonl").read_text()


def test_bad_lines_of_an_import_affect_only_themselves(digest: Shell, tmp_path: Path) -> None:
    (tmp_path / "subscribers.csv").write_text(
        "email,topics,timezone,hour\n"
        "bo@example.org,speech;trams,Europe/Paris,6\n"
        "nobody,speech,,\n"
        "chi@example.org,speech,Mars/Base,6\n"
        "dee@example.org,speech,,seven\n"
        "eve@example.org,gulls,,\n"
    )
    answer = digest.tries("subscribers", "import", "subscribers.csv", "--json")
    assert answer.code == 1
    assert answer.json["added"] == 2
    assert {line.split(":")[1] for line in answer.json["rejected"]} == {"3", "4", "5"}
    assert len(answer.err.splitlines()) == 3
    again = digest.tries("subscribers", "import", "subscribers.csv")
    assert (again.code, again.lines) == (2, ["0 subscribers added, 5 left out."])


def test_a_preview_has_three_formats_and_changes_nothing(digest: Shell) -> None:
    digest("init")
    before = (digest.folder / "digest.db").read_bytes()
    words = ("preview", ANA, "--date", "2025-11-20", "--format")
    assert digest(*words, "text").out.startswith("Subject: ")
    assert digest(*words, "html").out.lstrip().lower().startswith("<!doctype html>")
    message = email.message_from_bytes(digest(*words, "eml").raw, policy=policy.default)
    assert message["To"] == ANA
    assert "Splats for" in message["Subject"] + digest(*words, "text").out
    assert not (digest.folder / "outbox").exists()
    assert digest("deliveries", "list", "--json").json == []
    assert (digest.folder / "digest.db").read_bytes() == before


def test_an_explanation_names_terms_and_obstacles(digest: Shell) -> None:
    good = digest("explain", ANA, "2511.00001", "--json").json
    assert good["score"] > good["floor"]
    assert any("splat" in reason["term"] for reason in good["reasons"])
    assert digest("explain", ANA, "2511.00003", "--json").json["score"] < good["score"]
    digest("subscribers", "edit", ANA, "--mute", "rooms")
    assert digest("explain", ANA, "2511.00001", "--json").json["obstacles"]
    assert "is excluded" in digest("explain", ANA, "2511.00001").out


def test_deliveries_show_rebuilds_a_mail_byte_for_byte(digest: Shell) -> None:
    assert (
        digest("run", "--no-fetch", "--now", NOON, DIGEST_MAIL_URL="file:mails").lines[-1].endswith("1 sent.")
    )
    (row,) = digest("deliveries", "list", "--json").json
    assert set(row) == DELIVERY | {"suppressed"}
    assert (row["status"], row["address"], row["edition_on"]) == ("sent", ANA, "2025-11-20")
    shown = digest("deliveries", "show", str(row["id"]), "--json").json
    assert set(shown) == DELIVERY | {"papers"}
    assert {paper["id"] for paper in shown["papers"]} >= {"2511.00001", "2511.00002"}
    (mail,) = (digest.folder / "mails").glob("*.eml")
    assert digest("deliveries", "show", str(row["id"]), "--format", "eml").raw == mail.read_bytes()
    assert "Splats for rooms" in digest("deliveries", "show", str(row["id"])).out
    assert len(digest("subscribers", "show", ANA, "--json").json["received"]) == len(shown["papers"])


def test_failed_deliveries_can_be_retried(digest: Shell) -> None:
    (digest.folder / "blocked").write_text("a file where a folder should be")
    stopped = digest.tries("run", "--no-fetch", "--now", NOON, DIGEST_MAIL_URL="file:blocked")
    assert stopped.code == 2
    assert "blocked" in stopped.error
    assert digest("run", "--no-fetch", "--now", "2025-11-20T13:00", "--json").json["sent"] == 1
    digest("run", "--no-fetch", "--now", "2025-11-22T12:00")
    (quiet,) = digest("deliveries", "list", "--status", "skipped", "--json").json
    assert digest("deliveries", "list", "--kind", "digest", "--status", "skipped", "--json").json == [quiet]
    assert digest("deliveries", "list", "--kind", "links", "--json").json == []
    assert quiet["reason"]
    assert digest("deliveries", "retry", str(quiet["id"])).lines == ["1 of 1 planned again."]


def test_a_pending_subscriber_gets_one_confirmation_and_no_digest(empty: Shell) -> None:
    empty("subscribers", "add", "bo@example.org", "--topics", "gulls")
    report = empty("run", "--no-fetch", "--json", DIGEST_MAIL_URL="file:mails").json
    assert (report["planned"], report["sent"]) == (0, 1)
    (mail,) = (empty.folder / "mails").glob("*.eml")
    message = email.message_from_bytes(mail.read_bytes(), policy=policy.default)
    assert message["List-Unsubscribe"] is None
    assert empty("run", "--no-fetch", "--json", DIGEST_MAIL_URL="file:mails").json["sent"] == 0


def test_the_status_of_an_empty_installation_shows_no_data(empty: Shell) -> None:
    told = empty("status").lines
    assert told[0] == "Everything is all right."
    assert {"papers\t0", "subscribers\tnone"} <= set(told)


def test_the_status_shows_papers_feeds_subscribers_and_mails(digest: Shell) -> None:
    told = digest("status").lines
    assert "papers\t3, the newest of 2025-11-20" in told
    assert "subscribers\t1 active; +1 in 30 days" in told
    assert "digest at the next run" in next(line for line in told if line.startswith("next\t"))


def test_the_doctor_prints_a_list_of_findings(digest: Shell) -> None:
    answer = digest.tries("doctor", "--json")
    assert answer.code in {0, 1, 2}
    assert answer.err == ""
    assert len({frozenset(finding) for finding in answer.json}) == 1
    plain = digest.tries("doctor")
    assert plain.code == answer.code
    assert "\x1b" not in plain.out


def test_init_creates_the_database_once(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert shell("init").lines == ["Created sqlite:///digest.db."]
    assert shell("init").lines == ["sqlite:///digest.db is up to date."]


def test_the_installed_command_works_like_the_module(digest: Shell) -> None:
    command = Path(sys.executable).with_name("digest")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *words], cwd=digest.folder, capture_output=True, text=True, check=False
        )

    assert run("papers", "show", "2511.00001").stdout == digest("papers", "show", "2511.00001").out
    failed = run("papers", "show", "2511.99999")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("digest: There is no paper 2511.99999")
    assert failed.stderr.count("\n") == 1


def test_output_works_on_an_ascii_terminal(digest: Shell) -> None:
    (digest.folder / "odd.jsonl").write_text('{"title": "Möwen zählen 鷗", "abstract": "Gulls, gulls."}\n')
    digest("papers", "import", "odd.jsonl")
    answer = subprocess.run(
        [Path(sys.executable).with_name("digest"), "papers", "search", "gulls"],
        cwd=digest.folder,
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert b"hlen" in answer.stdout


def test_a_table_is_shown_on_a_terminal_and_lines_in_a_pipe(digest: Shell) -> None:
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    command = Path(sys.executable).with_name("digest")
    subprocess.run(
        [command, "papers", "list"], cwd=digest.folder, stdout=terminal, stderr=subprocess.DEVNULL, check=True
    )
    os.close(terminal)
    shown = os.read(screen, 100_000).decode()
    os.close(screen)
    assert "announced on" in shown
    assert "\t" not in shown
    assert "announced" not in digest("papers", "list").out


def test_a_library_is_added_from_a_file(digest: Shell, tmp_path: Path) -> None:
    (tmp_path / "library.bib").write_text(
        "@misc{a, title={One Title That Nobody Knows}}\n@misc{b, eprint={2511.00003}}\n@misc{c, year=2020}"
    )
    told = digest("subscribers", "edit", ANA, "--library", "library.bib").out
    assert "2 of 3 understood: 1 known paper, 1 learned from its title; not understood: “c”." in told
    report = digest("subscribers", "add", "new@example.org", "--library", "library.bib", "--json").json
    assert (report["library"]["known"], report["library"]["learned"]) == (1, 1)
    assert "library" in digest("subscribers", "show", ANA).out
    assert "cannot be read" in digest.fails("subscribers", "edit", ANA, "--library", "missing.bib")
    (tmp_path / "library.bib").write_text("dear diary")
    assert "no paper" in digest.fails("subscribers", "edit", ANA, "--library", "library.bib")
