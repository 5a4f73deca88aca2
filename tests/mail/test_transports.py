"""Mail URLs, and the transports without a server."""

import mailbox
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest

from digest.errors import BadInput, StopRun
from digest.mail.message import Message
from digest.mail.smtp import SmtpTransport
from digest.mail.smtp_session import Tls
from digest.mail.transports import (
    ConsoleTransport,
    Envelope,
    FileTransport,
    MaildirTransport,
    MemoryTransport,
    transport_from,
)

CONTENT = b"From: a@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nA paper.\r\n"


def envelope(name: str = "reader7.2025-11-22", content: bytes = CONTENT) -> Envelope:
    return Envelope("digest@example.org", "subscriber@example.net", content, name)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "user", "password"),
    [
        ("smtp://mail.example.org", "mail.example.org", 25, Tls.OFFERED, "", ""),
        ("smtp://mail.example.org:2525", "mail.example.org", 2525, Tls.OFFERED, "", ""),
        ("smtp://mail.example.org:587", "mail.example.org", 587, Tls.REQUIRED, "", ""),
        ("smtp://me:pw@mail.example.org", "mail.example.org", 587, Tls.REQUIRED, "me", "pw"),
        ("smtp://me:pw@mail.example.org:25", "mail.example.org", 25, Tls.REQUIRED, "me", "pw"),
        (
            "smtp://me%40x.org:p%2F%3A%40@mail.example.org",
            "mail.example.org",
            587,
            Tls.REQUIRED,
            "me@x.org",
            "p/:@",
        ),
        ("smtp://mail.example.org?tls=yes", "mail.example.org", 25, Tls.REQUIRED, "", ""),
        ("smtps://me:pw@mail.example.org", "mail.example.org", 465, Tls.IMPLICIT, "me", "pw"),
        ("SMTPS://mail.example.org:4650/", "mail.example.org", 4650, Tls.IMPLICIT, "", ""),
        ("smtp://localhost:1025", "localhost", 1025, Tls.NONE, "", ""),
        ("smtp://127.0.0.1:587?tls=no", "127.0.0.1", 587, Tls.NONE, "", ""),
        ("smtp://[::1]", "::1", 25, Tls.NONE, "", ""),
        ("smtp://me@x.org:p:w@mail.example.org", "mail.example.org", 587, Tls.REQUIRED, "me@x.org", "p:w"),
        ("smtp://me:p@w@mail.example.org", "mail.example.org", 587, Tls.REQUIRED, "me", "p@w"),
        ("smtp://me:pw@localhost", "localhost", 587, Tls.REQUIRED, "me", "pw"),
    ],
)
def test_a_mail_server_is_parsed_from_its_url(
    url: str, host: str, port: int, tls: Tls, user: str, password: str
) -> None:
    transport = transport_from(url)
    assert isinstance(transport, SmtpTransport)
    server = transport.server
    assert (server.host, server.port, server.tls, server.user, server.password) == (
        host,
        port,
        tls,
        user,
        password,
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "outbox",
        "maildir:",
        "file:",
        "file://",
        "pigeon:coop",
        "smtp:",
        "smtp://",
        "smtp://:25",
        "smtp://mail.example.org:mail",
        "smtp://mail.example.org:99999",
        "smtp://me@mail.example.org",
        "smtp://:hunter2@mail.example.org",
        "smtp://me:hunter2/x@mail.example.org",
        "smtp://me:hunter2#x@mail.example.org",
        "smtp://me:1?hunter2@mail.example.org",
        "smtp://me:hunter2@mail.example.org/path",
        "smtp://me:hunter2@mail.example.org?ssl=1",
        "smtp://me:hunter2@localhost?tls=no",
        "smtp://mail.example.org?tls=no",
        "smtp://mail.example.org?tls=maybe",
        "smtps://localhost?tls=no",
        "smtp://[::1",
    ],
)
def test_an_invalid_url_is_refused_with_a_sentence_without_the_password(url: str) -> None:
    with pytest.raises(BadInput, match=r"\.$") as caught:
        transport_from(url)
    assert "hunter2" not in str(caught.value)


def test_the_maildir_can_be_read_by_other_programs(tmp_path: Path) -> None:
    transport = transport_from(f"maildir:{tmp_path / 'out' / 'box'}")
    assert isinstance(transport, MaildirTransport)
    with transport.open() as connection:
        paths = [connection.send(envelope()) for _ in range(3)]
    assert len(set(paths)) == 3
    assert all(Path(path).read_bytes() == CONTENT for path in paths)
    with_mails = mailbox.Maildir(tmp_path / "out" / "box", create=False)
    assert len(with_mails) == 3
    assert list((tmp_path / "out" / "box" / "tmp").iterdir()) == []
    assert {folder.name for folder in (tmp_path / "out" / "box").iterdir()} == {"tmp", "new", "cur"}


def test_a_file_is_named_by_its_delivery_and_replaced_by_the_same(tmp_path: Path) -> None:
    transport = transport_from(f"file:{tmp_path / 'out'}")
    assert isinstance(transport, FileTransport)
    with transport.open() as connection:
        connection.send(envelope(content=b"first"))
        path = connection.send(envelope())
        connection.send(envelope("other"))
    assert Path(path) == tmp_path / "out" / "reader7.2025-11-22.eml"
    assert Path(path).read_bytes() == CONTENT
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "other.eml",
        "reader7.2025-11-22.eml",
    ]


def test_a_folder_may_be_relative_and_in_the_home_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for url, folder in (
        ("file:out", tmp_path / "out"),
        ("file:~/box", tmp_path / "home" / "box"),
        (f"file://{tmp_path}/abs", tmp_path / "abs"),
    ):
        with transport_from(url).open() as connection:
            connection.send(envelope("mail"))
        assert (folder / "mail.eml").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name", ["", "..", "../up", "a/b", "a\\b", ".hidden", "a\nb", "a b", "é", "x" * 300, "C:a"]
)
@pytest.mark.parametrize("scheme", ["maildir", "file"])
def test_a_file_name_cannot_leave_the_folder(tmp_path: Path, scheme: str, name: str) -> None:
    with (
        transport_from(f"{scheme}:{tmp_path}").open() as connection,
        pytest.raises(ValueError, match="file name"),
    ):
        connection.send(envelope(name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", ["maildir", "file"])
def test_an_unwritable_folder_stops_the_run(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "file").touch()
    with (
        transport_from(f"{scheme}:{tmp_path / 'file'}").open() as connection,
        pytest.raises(StopRun, match="choose another"),
    ):
        connection.send(envelope())


def test_the_console_prints_headers_and_text(
    capsys: pytest.CaptureFixture[str], make_message: Callable[..., Message]
) -> None:
    content = make_message(subject="Grüße: 10 papers", text="Ein Papier — größer.\n").to_bytes()
    transport = transport_from("console:")
    assert isinstance(transport, ConsoleTransport)
    with transport.open() as connection:
        connection.send(envelope(content=content))
    shown = capsys.readouterr().out
    assert "Subject: Grüße: 10 papers\n" in shown
    assert "Ein Papier — größer." in shown
    assert "<p>" not in shown
    assert "quoted-printable" not in shown


def test_memory_stores_the_envelopes() -> None:
    transport = transport_from("memory:")
    assert isinstance(transport, MemoryTransport)
    with transport.open() as connection:
        connection.send(envelope())
    assert transport.envelopes == [envelope()]
    assert message_from_bytes(transport.envelopes[0].content)["From"] == "a@example.org"


def test_written_mails_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    with transport_from(f"file:{tmp_path}").open() as connection:
        path = connection.send(envelope())
    assert Path(path).stat().st_mode & 0o077 == 0
