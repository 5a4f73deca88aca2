"""Where inbound mail is read from: every mail once, and none lost that could not be processed."""

import io
import mailbox
import smtplib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.errors import BadInput, StopRun, TryLater
from digest.mail.inbound_listener import Listener
from digest.mail.inbound_sources import read_source
from tests.mail.inbound_shapes import plain
from tests.services.installation import free_port

MAILS = [plain(f"Re: {number}", f"From here on, {number}.") for number in range(3)]


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    box = mailbox.Maildir(tmp_path / "Maildir")
    for content in MAILS:
        box.add(content)
    return tmp_path / "Maildir"


@pytest.mark.parametrize("form", ["maildir:{}", "{}"])
def test_a_mail_of_a_maildir_is_read_until_it_is_done(maildir: Path, form: str) -> None:
    source = form.format(maildir)
    first, *_ = read_source(source)
    first.done()
    left = list(read_source(source))
    assert sorted([first.content, *(mail.content for mail in left)]) == MAILS
    for mail in left:
        mail.done()
        mail.done()
    assert list(read_source(source)) == []
    assert len(list((maildir / "cur").iterdir())) == 3


def test_a_mail_that_somebody_moved_to_cur_unseen_is_read(maildir: Path) -> None:
    for path in (maildir / "new").iterdir():
        path.rename(maildir / "cur" / f"{path.name}:2,")
    assert len(list(read_source(str(maildir)))) == 3


@pytest.mark.parametrize("form", ["mbox:{}", "{}"])
def test_all_mails_of_an_mbox_are_read(tmp_path: Path, form: str) -> None:
    path = tmp_path / "box"
    box = mailbox.mbox(path)
    for content in MAILS:
        box.add(content)
    box.close()
    contents = [mail.content for mail in read_source(form.format(path))]
    assert [b"Re: 0" in contents[0], b"Re: 2" in contents[2], len(contents)] == [True, True, 3]


def test_a_file_and_standard_input_are_one_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(MAILS[0])
    assert [mail.content for mail in read_source(str(path))] == [MAILS[0]]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MAILS[1])))
    assert [mail.content for mail in read_source("-")] == [MAILS[1]]


@pytest.mark.parametrize(
    "source", ["maildir:missing", "mbox:missing", "missing.eml", "imaps://mail.example.org"]
)
def test_a_source_that_is_not_there_is_one_line(source: str) -> None:
    with pytest.raises(BadInput) as refused:
        list(read_source(source))
    assert "\n" not in str(refused.value)


def test_an_imap_server_that_is_away_is_one_line_without_the_password() -> None:
    with pytest.raises(StopRun, match="DIGEST_INBOUND_URL") as refused:
        list(read_source(f"imap://ana:hunter2@127.0.0.1:{free_port()}/INBOX"))
    assert "hunter2" not in str(refused.value)


class Received:
    """Accepts mails, except those that it is told to refuse."""

    def __init__(self) -> None:
        self.mails: list[tuple[bytes, str]] = []
        self.error: Exception | None = None

    def __call__(self, content: bytes, recipient: str) -> None:
        if self.error:
            raise self.error
        self.mails.append((content, recipient))


@pytest.fixture(params=["lmtp", "smtp"])
def listening(request: pytest.FixtureRequest) -> Iterator[tuple[smtplib.SMTP, Received]]:
    received, port = Received(), free_port()
    listener = Listener(f"{request.param}://127.0.0.1:{port}", received)
    listener.start()
    kind = smtplib.LMTP if request.param == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", port) as session:
        yield session, received
    listener.stop()


def test_a_mail_server_hands_over_mail(listening: tuple[smtplib.SMTP, Received]) -> None:
    session, received = listening
    session.sendmail("", ["bounces+1-a@papers.example.org"], MAILS[0])
    ((content, recipient),) = received.mails
    assert recipient == "bounces+1-a@papers.example.org"
    assert content.startswith(b"Return-Path: <>\r\nDelivered-To: bounces+1-a@papers.example.org\r\n")
    assert content.rstrip().endswith(MAILS[0].rstrip())


@pytest.mark.parametrize("error", [TryLater("The mail server asks to wait."), ValueError("a fault of ours")])
def test_a_mail_that_cannot_be_processed_stays_with_the_mail_server(
    listening: tuple[smtplib.SMTP, Received], error: Exception
) -> None:
    session, received = listening
    received.error = error
    with pytest.raises(smtplib.SMTPDataError) as refused:
        session.sendmail("", ["digest@papers.example.org"], MAILS[0])
    assert refused.value.smtp_code == 451
    received.error = None
    session.sendmail("", ["digest@papers.example.org"], MAILS[0])
    assert len(received.mails) == 1


def test_each_mail_has_one_recipient(listening: tuple[smtplib.SMTP, Received]) -> None:
    session, received = listening
    refused = session.sendmail("", ["a@papers.example.org", "b@papers.example.org"], MAILS[0])
    assert refused["b@papers.example.org"][0] == 452
    assert len(received.mails) == 1


@pytest.mark.parametrize("url", ["lmtp://127.0.0.1", "http://127.0.0.1:80", "8024", "lmtp://127.0.0.1:x"])
def test_a_listener_needs_host_and_port(url: str) -> None:
    with pytest.raises(BadInput, match=r"lmtp://127\.0\.0\.1:8024"):
        Listener(url, Received())
