"""Small matters: unknown categories are refused, plurals are right, truncated lists say so."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from digest.cli import output
from digest.text.formatting import counted
from tests.cli.shell import Shell


def test_a_category_that_does_not_exist_is_refused_with_a_suggestion(digest: Shell) -> None:
    said = digest.fails("subscribers", "add", "bo@example.org", "--category", "cs.XX")
    assert "no category 'cs.XX'" in said
    assert "cs.CL" in said
    assert "robotics" not in digest("subscribers", "list").out
    said = digest.fails("subscribers", "edit", "ana@example.org", "--category", "robotics")
    assert "cs.RO (Robotics)" in said
    assert "cs.XX" in digest.fails("papers", "list", "--category", "cs.XX")
    assert "cs.XX" in digest.fails("papers", "fetch", DIGEST_ARXIV_CATEGORIES="cs.CL,cs.XX")
    assert ["cs.CL", "Computation and Language"] in digest("papers", "categories", "cs").cells
    assert ["biorxiv:ecology", "Ecology"] in digest("papers", "categories", "biorxiv").cells
    assert "not an id of arXiv" in digest.fails("papers", "fetch", "--id", "10.1101/2026.03.03.123456")


@pytest.mark.parametrize(
    ("number", "thing", "said"),
    [
        (0, "paper", "0 papers"),
        (1, "subscriber", "1 subscriber"),
        (1204, "paper", "1,204 papers"),
        (2, "delivery", "2 deliveries"),
        (1, "delivery", "1 delivery"),
        (2, "process", "2 processes"),
        (3, "category", "3 categories"),
    ],
)
def test_counted_nouns_have_the_right_number(number: int, thing: str, said: str) -> None:
    assert counted(number, thing) == said


def test_one_added_subscriber_is_reported_in_the_singular(digest: Shell) -> None:
    (digest.folder / "one.jsonl").write_text('{"address": "bo@example.org"}\n')
    assert digest("subscribers", "import", "one.jsonl", "--confirmed").out == "1 subscriber added.\n"
    (digest.folder / "paper.jsonl").write_text('{"title": "A tram", "abstract": "It rings."}\n')
    assert digest("papers", "import", "paper.jsonl").out.startswith("paper.jsonl: 1 paper: 1 new")


def test_an_import_shows_done_and_total(digest: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int | None]] = []
    opened: list[int | None] = []

    class Bar:
        def __init__(self, _what: str, total: int | None = None) -> None:
            opened.append(total)

        def __enter__(self) -> output.Progress:
            return lambda done, total=None: seen.append((done, total))

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(output, "progress", Bar)
    lines = [json.dumps({"title": f"Tram {n}", "abstract": f"It rings {n} times."}) for n in range(1, 6)]
    (digest.folder / "trams.jsonl").write_text("\n".join(lines))
    digest("papers", "import", "trams.jsonl")
    assert opened == [5]
    assert (output.done_of(1200, 50_000), output.done_of(47_919, None)) == ("1,200 of 50,000", "47,919")
    people = [json.dumps({"address": f"r{n}@example.org"}) for n in range(1, 8)]
    (digest.folder / "people.jsonl").write_text("\n".join(people))
    digest("subscribers", "import", "people.jsonl")
    assert seen[-1] == (7, 7)


def test_a_preview_can_show_another_time(digest: Shell) -> None:
    then = digest("preview", "ana@example.org", "--now", "2025-11-20T12:00")
    assert "Thursday, 20 November 2025" in then.out
    assert "Splats for rooms" in then.out
    assert "not a time" in digest.fails("preview", "ana@example.org", "--now", "yesterday")


def test_trending_without_a_paper_lists_papers(digest: Shell) -> None:
    assert digest("papers", "trending").out == digest("papers", "list").out
    assert len(digest("papers", "trending", "--top", "1").lines) == 1


def test_papers_without_votes_are_listed_last_as_new(digest: Shell) -> None:
    listed = [(cells[2], cells[5]) for cells in digest("papers", "list").cells]
    assert [section for _, section in listed] == ["trending", "trending", "new"]
    assert listed[-1][0] == "2511.00002"


def test_a_truncated_list_of_subscribers_says_so(digest: Shell) -> None:
    assert digest("subscribers", "list").err == ""
    digest("subscribers", "add", "bo@example.org")
    answer = digest("subscribers", "list", "--top", "1")
    assert len(answer.lines) == 1
    assert answer.err == "These are 1 of 2 subscribers; --page 2 shows more, --top 2 shows all.\n"
    last = digest("subscribers", "list", "--top", "1", "--page", "2")
    assert last.cells[0][0] == "bo@example.org"
    assert last.err == "These are 1 of 2 subscribers; this is the last page of 2, --top 2 shows all.\n"
    assert (
        digest("subscribers", "list", "--top", "1", "--page", "3").err
        == "There is no page 3; the last is 2.\n"
    )
    assert digest("subscribers", "list", "--top", "1", "--status", "pending").err == ""


def test_a_mail_without_votes_has_no_section_everyone(empty: Shell) -> None:
    today = datetime.now(UTC).date()
    lines = [
        json.dumps(
            {
                "id": f"{today - timedelta(days=1):%y%m}.0000{n}",
                "title": f"Tram {n} rings",
                "abstract": f"Bells of tram {n} ring.",
                "date": f"{today}",
            }
        )
        for n in range(1, 4)
    ]
    (empty.folder / "trams.jsonl").write_text("\n".join(lines))
    empty("papers", "import", "trams.jsonl")
    empty("subscribers", "add", "cy@example.org", "--confirmed")
    for form in ("text", "html"):
        mail = empty("preview", "cy@example.org", "--format", form).out
        assert re.search("new this week", mail, re.IGNORECASE)
        assert not re.search("everyone reads", mail, re.IGNORECASE)
    assert {cells[5] for cells in empty("papers", "list").cells} == {"new"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--search", "SPLATS"], ["ana@example.org"]),
        (["--search", "bo_"], ["bo_x@example.org"]),
        (["--search", "example.org"], ["ana@example.org", "bo_x@example.org"]),
        (["--search", "o_x"], ["bo_x@example.org"]),
        (["--search", "a_a"], []),
        (["--search", "%"], []),
        (["--frequency", "weekly"], ["bo_x@example.org"]),
        (["--frequency", "weekly", "--status", "active"], []),
        (["--status", "active", "--search", "example"], ["ana@example.org"]),
    ],
)
def test_subscribers_are_found(digest: Shell, words: list[str], found: list[str]) -> None:
    digest("subscribers", "add", "bo_x@example.org", "--frequency", "weekly")
    assert [one["address"] for one in digest("subscribers", "list", *words, "--json").json] == found


def test_the_failed_mails_of_an_edition_are_retried_by_reason(digest: Shell) -> None:
    digest("subscribers", "add", "bo@example.org", "--confirmed")
    digest("run", "--no-fetch", "--now", "2025-11-20T12:00", DIGEST_MAIL_URL="file:mails")
    with closing(sqlite3.connect(digest.folder / "digest.db")) as connection, connection:
        connection.execute(
            "UPDATE deliveries SET status = 'failed', reason = 'refused', smtp_answer = '450 4.2.2 full'"
        )
    retry = ("deliveries", "retry", "--date")
    for wrong in (["2025-11-20", "--reason", "551"], ["2025-11-21"], ["2025-11-20", "--status", "skipped"]):
        assert "None of these deliveries" in digest.fails(*retry, *wrong)
    assert digest(*retry, "2025-11-20", "--reason", "450 4.2").lines == ["2 planned again."]
    assert {one["status"] for one in digest("deliveries", "list", "--json").json} == {"planned"}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["1", "--date", "2025-11-20"],
        ["1", "--reason", "450"],
        ["--date", "soon"],
        ["--date", "2025-11-20", "--status", "sent"],
    ],
)
def test_what_cannot_be_retried_is_one_line(digest: Shell, words: list[str]) -> None:
    assert digest.fails("deliveries", "retry", *words)


def test_the_tables_go_back_for_a_former_version_and_an_upgrade_leaves_a_backup(digest: Shell) -> None:
    assert "is at 0014; install the former version" in digest("db", "downgrade", "0014").out
    assert "not a revision" in digest.fails("db", "downgrade", "9999")
    upgraded = digest("init").lines
    assert upgraded[0].startswith("Upgraded sqlite:///digest.db from 0014 to ")
    assert upgraded[1] == "The database as it was is in digest.db.0014.backup."
    assert (digest.folder / "digest.db.0014.backup").is_file()
    assert "ana@example.org" in digest("subscribers", "list").out
