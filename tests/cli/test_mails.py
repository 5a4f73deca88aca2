"""Looking at mails: side by side, sent to one address, in each layout, and what subscribers say of them."""

import email
import re
from email import policy
from html import unescape
from pathlib import Path

import pytest
import typer

from digest.text.languages import LANGUAGES
from tests.cli.shell import Shell

ANA = "ana@example.org"
NOON = "2025-11-20T12:00"


def outbox(shell: Shell) -> list[email.message.EmailMessage]:
    files = sorted((shell.folder / "outbox" / "new").glob("*"), key=lambda one: one.stat().st_mtime_ns)
    return [email.message_from_bytes(one.read_bytes(), policy=policy.default) for one in files]


def test_a_preview_opens_a_page_with_all_views(digest: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    told = digest("preview", ANA, "--now", NOON, "--open").out
    page = Path(opened[0].removeprefix("file://"))
    assert str(page) in told
    html = page.read_text(encoding="utf-8")
    page.unlink()
    frames = [unescape(one) for one in re.findall(r'srcdoc="([^"]*)"', html)]
    assert re.findall(r"<figcaption>([^<]*)", html) == ["Phone", "Desktop", "Phone, dark", "Text"]
    assert re.findall(r'width="(\d+)" sandbox', html) == ["390", "700", "390"]
    assert ["@media all{" in frame for frame in frames] == [False, False, True]
    assert all("<!doctype html>" in frame for frame in frames)
    assert "TRENDING PAPERS" in html
    assert "<script" not in html


def test_a_test_mail_is_sent_and_nothing_is_recorded(digest: Shell) -> None:
    before = (digest.folder / "digest.db").read_bytes()
    assert "Sent to me@example.net" in digest("send-test", "me@example.net").out
    digest("send-test", "me@example.net", "--like", ANA, "--kind", "welcome")
    first, second = outbox(digest)
    assert {mail["To"] for mail in (first, second)} == {"me@example.net"}
    assert second["Subject"].startswith("Welcome")
    assert first["Message-ID"] != second["Message-ID"]
    assert (digest.folder / "digest.db").read_bytes() == before
    assert digest("deliveries", "list", "--json").json == []
    # The links of the mail belong to nobody.
    key = digest("subscribers", "show", ANA, "--json").json
    assert "0000000000000000" in first["List-Unsubscribe"]
    assert key["reader"].get("key", "no key") not in first["List-Unsubscribe"]


def test_a_test_mail_needs_an_address_and_a_kind_with_papers(digest: Shell) -> None:
    assert "choose from" in digest.fails("send-test", "me@example.net", "--kind", "goodbye")
    assert digest.fails("send-test", "nobody")
    assert "digest subscribers list" in digest.fails(
        "send-test", "me@example.net", "--like", "no@example.org"
    )


@pytest.mark.parametrize("layout", ["full", "compact", "text"])
def test_a_layout_is_chosen_and_used(digest: Shell, layout: str) -> None:
    assert digest("subscribers", "edit", ANA, "--layout", layout, "--json").json["layout"] == layout
    raw = digest("preview", ANA, "--now", NOON, "--format", "eml").raw
    mail = email.message_from_bytes(raw, policy=policy.default)
    assert mail.is_multipart() == (layout != "text")
    text = mail.get_body(("plain",))
    assert text is not None
    has_summaries = " · " in text.get_content().partition("FOR YOU")[2].partition("ADDRESSES")[0]
    assert has_summaries == (layout != "compact")
    assert digest("preview", ANA, "--now", NOON, "--format", "html").out


def test_a_language_is_chosen_in_any_case(digest: Shell, pseudo_language: str) -> None:
    edited = digest("subscribers", "edit", ANA, "--language", pseudo_language.upper(), "--json").json
    assert edited["language"] == pseudo_language
    assert digest("subscribers", "show", ANA, "--json").json["reader"]["language"] == pseudo_language
    assert f"language       {pseudo_language}" in digest("subscribers", "show", ANA).out
    added = digest("subscribers", "add", "bo@example.org", "--language", pseudo_language, "--json").json
    assert added["language"] == pseudo_language


def test_an_unknown_language_is_refused_with_those_that_are_known(digest: Shell) -> None:
    said = digest.fails("subscribers", "edit", ANA, "--language", "tlh")
    assert said.strip().endswith(f"There is no language 'tlh'; choose one of {', '.join(LANGUAGES)}.")
    assert digest.fails("subscribers", "add", "bo@example.org", "--language", "tlh")


def test_an_unknown_layout_is_refused(digest: Shell) -> None:
    assert digest.tries("subscribers", "edit", ANA, "--layout", "wide").code != 0


def test_opinions_are_counted(digest: Shell) -> None:
    assert digest("deliveries", "opinions").out == ""
    assert digest("deliveries", "opinions", "--json").json == []
