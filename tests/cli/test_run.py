"""`digest run` on real papers: four days, six subscribers, and a Saturday."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.cli.real_papers import EDITIONS, FIRST_ON, LAST_ON, ON_TOPIC, QUIET, TOPICS, papers_between
from tests.cli.shell import Answer, Shell

_LEFT_OVER = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|\\[a-zA-Z]+|\\[\"'^`~]|\$|&amp;amp;|\bNone\b(?=<)")
ONCE = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "List-Id", "List-Unsubscribe",
    "List-Unsubscribe-Post", "Auto-Submitted",
)  # fmt: skip


@dataclass(frozen=True)
class BuiltMail:
    raw: bytes
    message: EmailMessage
    edition_on: date

    @property
    def subscriber(self) -> str:
        return str(self.message["To"])

    def part(self, kind: str) -> str:
        body = self.message.get_body((kind,))
        assert body is not None
        text: str = body.get_content()
        return text


@dataclass(frozen=True)
class FourDays:
    """The state after four days; tests that change it work on a copy."""

    shell: Shell
    mails: list[BuiltMail]
    reports: list[dict[str, Any]]


def run_on(shell: Shell, day: date, *words: str, **environment: str) -> Answer:
    return shell("run", "--no-fetch", "--now", f"{day}T12:00", *words, **environment)


@pytest.fixture(scope="session")
def before(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a shell over three weeks of real papers and six subscribers without digests."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "papers.jsonl").write_text("".join(papers_between(shared, FIRST_ON, LAST_ON)))
    environment = {"DIGEST_MAIL_URL": "file:mails", "DIGEST_BASE_URL": "https://papers.example.org"}
    shell = Shell(folder, {**environment, "DIGEST_SENDER": "Trending papers <digest@papers.example.org>"})
    shell("init")
    shell("papers", "import", "papers.jsonl")
    for address, topics in TOPICS.items():
        shell("subscribers", "add", address, "--topics", topics, "--confirmed")
    return shell


@pytest.fixture(scope="session")
def four_days(before: Shell, tmp_path_factory: pytest.TempPathFactory) -> FourDays:
    """Run four consecutive days."""
    shell = copied(before, tmp_path_factory.mktemp("four-days"))
    reports = [run_on(shell, day, "--json").json for day in EDITIONS]
    mails = [
        BuiltMail(
            raw := file.read_bytes(),
            message_from_bytes(raw, policy=policy.default),
            date.fromisoformat(file.name[:10]),
        )
        for file in sorted((shell.folder / "mails").glob("*.eml"))
    ]
    return FourDays(shell, mails, reports)


def copied(shell: Shell, folder: Path) -> Shell:
    for file in shell.folder.glob("digest.db*"):
        shutil.copy(file, folder)
    return Shell(folder, shell.environment)


@pytest.fixture
def after(four_days: FourDays, tmp_path: Path) -> Shell:
    """Return a shell for this test, over a copy of the state after four days."""
    return copied(four_days.shell, tmp_path)


def dump(shell: Shell) -> list[str]:
    with closing(sqlite3.connect(shell.folder / "digest.db")) as connection:
        return list(connection.iterdump())


def carried(days: FourDays, address: str) -> list[dict[str, Any]]:
    received: list[dict[str, Any]] = days.shell("subscribers", "show", address, "--json").json["received"]
    return received


def test_each_subscriber_gets_one_mail_a_day_or_a_recorded_reason(four_days: FourDays) -> None:
    rows = four_days.shell("deliveries", "list", "--json").json
    assert sorted((row["edition_on"], row["address"]) for row in rows) == sorted(
        (f"{day}", address) for day in EDITIONS for address in TOPICS
    )
    sent = {(row["edition_on"], row["address"]) for row in rows if row["status"] == "sent"}
    assert {(f"{mail.edition_on}", mail.subscriber) for mail in four_days.mails} == sent
    assert [report["sent"] for report in four_days.reports] == [
        sum(day == f"{edition}" for day, _ in sent) for edition in EDITIONS
    ]
    assert four_days.reports[0]["sent"] == len(TOPICS)
    # On some days no paper fits a narrow topic; then no digest is sent, and the ledger has the reason.
    assert len(sent) >= 16
    assert {(row["status"], row["reason"]) for row in rows} <= {("sent", ""), ("skipped", "nothing fits")}


def test_no_paper_is_sent_to_a_subscriber_twice(four_days: FourDays) -> None:
    papers = 0
    for address in TOPICS:
        ids = [paper["id"] for paper in carried(four_days, address)]
        assert len(ids) == len(set(ids)) >= 5
        papers += len(ids)
    assert papers >= 10 * len(TOPICS)


def test_digests_have_no_later_papers_and_after_the_first_only_new_ones(four_days: FourDays) -> None:
    announced = {
        row["id"]: date.fromisoformat(row["announced_on"])
        for row in four_days.shell("papers", "list", "--since", FIRST_ON, "--top", "1000", "--json").json
    }
    seen = 0
    for address in TOPICS:
        for paper in carried(four_days, address):
            edition_on, listed_on = date.fromisoformat(paper["edition_on"]), announced.get(paper["id"])
            if listed_on is None:
                continue
            seen += 1
            assert listed_on <= edition_on
            if edition_on > EDITIONS[0]:
                assert listed_on == edition_on
            else:
                assert (edition_on - listed_on).days <= 7
    assert seen


def holds_a_word(days: FourDays, address: str, paper_id: str) -> bool:
    paper = days.shell("papers", "show", paper_id, "--json").json["paper"]
    text = f"{paper['title']} {paper['abstract']}".lower()
    return any(word in text for word in ON_TOPIC[address])


@pytest.mark.parametrize("address", TOPICS)
def test_the_best_three_of_each_day_are_on_topic_and_have_reasons(four_days: FourDays, address: str) -> None:
    papers = [one for one in carried(four_days, address) if one["section"] == "for_you"]
    assert all(one["because"] for one in papers)
    best: list[bool] = []
    for day in EDITIONS:
        chosen = [one for one in papers if one["edition_on"] == f"{day}"]
        first = sorted(chosen, key=lambda one: -one["score"])[:3]
        best += [holds_a_word(four_days, address, one["id"]) for one in first]
    # The first digest selects from a week of papers, the others from one day's.
    assert best[:3] == [True] * 3
    assert sum(best) >= 0.8 * len(best)


def test_subscribers_with_different_topics_get_different_papers(four_days: FourDays) -> None:
    chosen = [
        {paper["id"] for paper in carried(four_days, address) if paper["section"] == "for_you"}
        for address in TOPICS
    ]
    for place, one in enumerate(chosen):
        for other in chosen[:place]:
            assert len(one & other) <= 0.25 * len(one | other)


def every(check: Callable[[BuiltMail], None]) -> Callable[[FourDays], None]:
    """Return a test that checks every sent mail."""

    def test(four_days: FourDays) -> None:
        for mail in four_days.mails:
            check(mail)

    return test


def _has_every_header_once(mail: BuiltMail) -> None:
    names = [name.lower() for name in mail.message.keys()]  # noqa: SIM118 - a header may come twice, a key may not
    assert {name: names.count(name.lower()) for name in ONCE} == dict.fromkeys(ONCE, 1)
    assert not mail.message.defects
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    ways = [way.strip() for way in str(mail.message["List-Unsubscribe"]).split(",")]
    assert [way.partition(":")[0] for way in ways] == ["<https", "<mailto"]
    assert re.fullmatch(r".+ <[a-z0-9.-]+>", str(mail.message["List-Id"]))
    assert str(mail.message["Message-ID"]).endswith("@papers.example.org>")


def _is_a_text_and_a_page(mail: BuiltMail) -> None:
    assert mail.message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.message.iter_parts()] == ["text/plain", "text/html"]
    assert all(not part.defects for part in mail.message.walk())


def _fits_the_wire(mail: BuiltMail) -> None:
    lines = mail.raw.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert mail.raw.isascii()
    assert len(mail.part("html").encode()) <= 85_000


def _has_no_left_overs(mail: BuiltMail) -> None:
    for kind in ("plain", "html"):
        text = re.sub(r"<style.*?</style>|https?://\S+", "", mail.part(kind), flags=re.DOTALL)
        found = _LEFT_OVER.search(text)
        assert found is None, text[max(0, found.start() - 60) : found.end() + 60]
    assert not _LEFT_OVER.search(str(mail.message["Subject"]))


def _links_are_absolute(mail: BuiltMail) -> None:
    links = re.findall(r'(?:href|src)="([^"]*)"', mail.part("html"))
    assert links
    assert {link.partition(":")[0] for link in links} <= {"https", "http", "mailto"}
    assert re.search(r"<html[^>]* lang=", mail.part("html"))


def _text_is_a_digest_of_its_own(mail: BuiltMail) -> None:
    text = mail.part("plain")
    assert not re.search(r"</?(?:a|p|div|table|td|span)\b", text)
    assert "https://papers.example.org/" in text
    assert "https://arxiv.org/abs/" in text


test_every_mail_has_each_header_once = every(_has_every_header_once)
test_every_mail_is_a_text_and_a_page = every(_is_a_text_and_a_page)
test_every_mail_fits_the_wire = every(_fits_the_wire)
test_no_mail_has_template_or_tex_left_overs = every(_has_no_left_overs)
test_every_link_in_a_mail_is_absolute = every(_links_are_absolute)
test_the_text_of_a_mail_is_a_digest_of_its_own = every(_text_is_a_digest_of_its_own)


def test_message_ids_are_unique(four_days: FourDays) -> None:
    assert len({mail.message["Message-ID"] for mail in four_days.mails}) == len(four_days.mails)


def test_a_second_run_on_the_same_day_sends_nothing(after: Shell) -> None:
    report = run_on(after, EDITIONS[-1], "--json").json
    assert (report["planned"], report["sent"]) == (0, 0)
    again = after("run", "--no-fetch", "--date", f"{EDITIONS[-1]}", "--json").json
    assert (again["planned"], again["sent"]) == (0, 0)
    assert not (after.folder / "mails").exists()


def test_a_dry_run_lists_what_a_run_sends_and_changes_nothing(before: Shell, tmp_path: Path) -> None:
    shell = copied(before, tmp_path)
    day = EDITIONS[0]
    state = dump(shell)
    rehearsed = run_on(shell, day, "--dry-run", "--json").json
    assert dump(shell) == state
    assert not (shell.folder / "mails").exists()
    run_on(shell, day)
    sent = {row["address"]: row["id"] for row in shell("deliveries", "list", "--json").json}
    for one in rehearsed:
        papers = shell("deliveries", "show", str(sent[one["address"]]), "--json").json["papers"]
        assert (one["edition_on"], one["papers"], one["first"]) == (f"{day}", len(papers), papers[0]["title"])


def test_reading_commands_change_nothing(after: Shell) -> None:
    state = dump(after)
    for words in (
        ("preview", "speech@example.org", "--date", f"{EDITIONS[1]}"),
        ("explain", "speech@example.org", after("papers", "list", "--json").json[0]["id"]),
        ("deliveries", "list"),
        ("subscribers", "list"),
        ("subscribers", "show", "speech@example.org"),
        ("papers", "search", "speech"),
        ("status",),
    ):
        answer = after.tries(*words)
        # The old mails are a fault for `status`, which says so by its exit code.
        assert answer.code == 0 or words == ("status",), answer
    assert dump(after) == state


def test_on_a_saturday_nothing_is_sent_and_the_reason_is_recorded(after: Shell) -> None:
    report = run_on(after, QUIET, "--json").json
    assert (report["planned"], report["sent"]) == (len(TOPICS), 0)
    assert sum(report["skipped"].values()) == len(TOPICS)
    rows = after("deliveries", "list", "--date", f"{QUIET}", "--json").json
    assert [row["status"] for row in rows] == ["skipped"] * len(TOPICS)
    assert {row["reason"] for row in rows} == {"no announcement"}


def test_on_a_saturday_a_note_is_sent_if_configured(after: Shell) -> None:
    report = run_on(after, QUIET, "--json", DIGEST_QUIET_DAY="note").json
    assert report["sent"] == len(TOPICS)
    for file in (after.folder / "mails").glob("*.eml"):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        body = message.get_body(("plain",))
        assert body is not None
        assert "arXiv announced nothing" in " ".join(body.get_content().split())


def test_a_run_can_be_restricted_to_one_subscriber(before: Shell, tmp_path: Path) -> None:
    shell = copied(before, tmp_path)
    report = run_on(shell, EDITIONS[0], "--subscriber", "Speech@Example.org", "--json").json
    assert (report["planned"], report["sent"]) == (1, 1)
    assert [file.name for file in (shell.folder / "mails").iterdir()] == [
        f"{EDITIONS[0]}.speech@example.org.digest.eml"
    ]


def test_mails_go_to_a_maildir_by_default(before: Shell, tmp_path: Path) -> None:
    run_on(Shell(copied(before, tmp_path).folder), EDITIONS[0])
    assert len(list((tmp_path / "outbox" / "new").iterdir())) == len(TOPICS)
