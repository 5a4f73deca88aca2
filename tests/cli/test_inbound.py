"""`digest inbound` and `digest bounces`: what they print, and how they end."""

import mailbox
import re
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.mail.inbound_shapes import HEAD, dsn, failed, plain

ANA = "ana@example.net"
SETTINGS = {
    "DIGEST_SECRET_KEY": "a secret of the tests",
    "DIGEST_SENDER": "Papers <digest@papers.example.org>",
    "DIGEST_RETURN_PATH": "bounces@papers.example.org",
    "DIGEST_OPERATOR": "Ada <ada@example.org>",
    "DIGEST_MAIL_URL": "maildir:outbox",
}


@pytest.fixture
def shell(tmp_path: Path, sqlite_url: str) -> Shell:
    shell = Shell(tmp_path, {**SETTINGS, "DIGEST_DATABASE_URL": sqlite_url})
    shell("subscribers", "add", ANA, "--confirmed")
    return shell


def test_mails_are_processed_once_and_listed(shell: Shell, tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "inbox")
    # It names an address and nothing else, so it is no evidence.
    shell("subscribers", "add", "bo@example.net", "--confirmed")
    box.add(dsn(failed("5.1.1", "550 no such user", recipient="nobody@example.net"), head=HEAD, original=""))
    box.add(plain("Re: Papers", "Thank you!"))
    done = shell("inbound", "process", "maildir:inbox").cells
    assert sorted((row[0], row[1]) for row in done) == [("bounce", "unmatched"), ("reply", "forwarded")]
    assert "There is no new mail." in shell("inbound", "process", "maildir:inbox").err
    (forwarded,) = (tmp_path / "outbox" / "new").iterdir()
    assert b"Thank you!" in forwarded.read_bytes()
    (listed,) = shell("bounces", "list", "--json").json
    assert (listed["severity"], listed["status_code"], listed["words"]) == (
        "hard",
        "5.1.1",
        "550 no such user",
    )
    shown = shell("bounces", "show", str(listed["id"])).out
    assert re.search(r"outcome +unmatched", shown)
    assert len(shell("bounces", "list", "--kind", "reply", "--json").json) == 1


def test_a_setting_names_the_source(shell: Shell, tmp_path: Path) -> None:
    mailbox.Maildir(tmp_path / "inbox").add(plain("Re: Papers", "Thank you!"))
    answer = shell("inbound", "process", DIGEST_INBOUND_URL="maildir:inbox")
    assert answer.cells[0][:2] == ["reply", "forwarded"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("inbound", "process"), "DIGEST_INBOUND_URL"),
        (("inbound", "process", "maildir:missing"), "maildir:DIR"),
        (("inbound", "watch"), "--listen"),
        (("inbound", "watch", "--listen", "8024"), "lmtp://127.0.0.1:8024"),
        (("bounces", "show", "7"), "digest bounces list"),
        (("bounces", "list", "--kind", "pigeon"), "complaint"),
        (("dkim", "keygen", "--selector", "s1", "--type", "dsa"), "ed25519"),
        (("dkim", "keygen", "--selector", "-"), "letters"),
    ],
)
def test_what_cannot_be_done_is_one_line(shell: Shell, words: tuple[str, ...], hint: str) -> None:
    assert hint in shell.fails(*words)


def test_a_mail_server_that_pipes_a_mail_in_keeps_it_on_any_failure(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(plain("Re: Papers", "Thank you!"))
    with mail.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        answer = shell.tries("inbound", "process", "-", DIGEST_OPERATOR="")
    assert answer.code == 75
    assert "DIGEST_OPERATOR" in answer.err
    with mail.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert shell("inbound", "process", "-").cells[0][:2] == ["reply", "forwarded"]
