import base64
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.doctor.check import Check, lines
from digest.doctor.mail_server import judge_certificate, judge_features, judge_probe, judge_sender_answer
from digest.doctor.smtp_facts import Probe, Trouble
from digest.doctor.smtp_probe import probe
from digest.mail.smtp_answers import Answer
from digest.mail.smtp_session import Server, Tls
from tests.doctor.helpers import FAR, NOW, REAL_SENDER, closed_port
from tests.mail import conftest as mail_fixtures
from tests.mail.servers import SILENCE, Handler, check_password

scripted = mail_fixtures.scripted
dripping = mail_fixtures.dripping


def state_of(checks: Sequence[Check], name: str) -> str:
    return next(check.state for check in checks if check.name == name)


# The mail server


def probed(
    port: int,
    tls: Tls = Tls.NONE,
    *,
    host: str = "localhost",
    user: str = "",
    seconds: float = 5,
    password: str = "",
) -> tuple[Probe, list[Check]]:
    found = probe(Server(host, port, tls, user, password, seconds), REAL_SENDER)
    return found, judge_probe(found, datetime.now(UTC))


def trouble(probed: tuple[Probe, list[Check]], kind: Trouble) -> Check:
    """Return the bad check, which must be the only one and have advice."""
    found, checks = probed
    assert found.trouble is kind, (found.trouble, found.words)
    # The test's certificate is valid for two days only, which is a warning.
    (told,) = [check for check in checks if check.state != "good" and "left." not in check.finding]
    assert told.finding
    assert told.advice
    assert not any("{" in check.finding + check.advice for check in checks)
    return told


def test_every_trouble_has_a_message() -> None:
    for kind in Trouble:
        found = Probe(FAR, trouble=kind, words="said so", is_open=True)
        assert judge_probe(found, NOW)[-1].advice


# The test's server does not know that its connection uses implicit TLS.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("implicit", [True, False])
def test_all_checks_of_a_working_server_are_good(
    implicit: bool, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    handler = Handler()
    port = serve(
        handler,
        certificate,
        implicit=implicit,
        authenticator=check_password,
        auth_required=True,
        auth_require_tls=not implicit,
        data_size_limit=10 * 2**20,
    )
    found, checks = probed(
        port, Tls.IMPLICIT if implicit else Tls.REQUIRED, user="me@example.org", password="s3cret/+"
    )
    assert found.trouble is None
    assert [check.name for check in checks] == [
        "mail server",
        "mail TLS",
        "mail certificate",
        "mail login",
        "mail sender",
        "mail abilities",
    ]
    # The test's certificate is valid for two days.
    assert [check.name for check in checks if check.state != "good"] == ["mail certificate"]
    assert found.certificate_until is not None
    assert timedelta(days=1) < found.certificate_until - datetime.now(UTC) <= timedelta(days=2)
    assert checks[-1].finding == "The server offers 8BITMIME, mails up to 10.0 MB."
    assert handler.accepted == []


def test_a_server_on_this_machine_needs_no_tls(serve: Callable[..., int]) -> None:
    _, checks = probed(serve(Handler()))
    assert {check.state for check in checks} == {"good"}


def test_a_server_elsewhere_without_tls_is_a_warning(serve: Callable[..., int]) -> None:
    found, _ = probed(serve(Handler()), Tls.OFFERED)
    found.server = Server("mail.example.org", 25, Tls.OFFERED)
    assert state_of(judge_probe(found, NOW), "mail TLS") == "warning"


def test_an_unknown_host_name_is_reported() -> None:
    check = trouble(probed(25, host="no such host.invalid"), Trouble.NAME_UNKNOWN)
    assert "percent-encoded" in check.advice


def test_a_host_name_that_is_too_long_is_reported() -> None:
    trouble(probed(25, host="a" * 64 + ".invalid"), Trouble.NAME_UNKNOWN)


def test_a_closed_port_is_reported() -> None:
    assert "587" in trouble(probed(closed_port()), Trouble.REFUSED).advice


def test_implicit_tls_to_a_plain_text_port_is_reported(
    serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate)
    check = trouble(probed(port, Tls.IMPLICIT), Trouble.PLAIN_FIRST)
    assert check.name == "mail TLS"
    assert f"smtp:// in DIGEST_MAIL_URL for port {port}" in check.advice


@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.OFFERED, Tls.NONE])
def test_plain_text_to_an_implicit_tls_port_is_reported(
    tls: Tls, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate, implicit=True)
    check = trouble(probed(port, tls, seconds=1), Trouble.TLS_FIRST)
    assert f"smtps:// in DIGEST_MAIL_URL for port {port}" in check.advice


def test_a_server_that_offers_no_tls_gets_no_password(serve: Callable[..., int]) -> None:
    asked: list[object] = []

    def remember(*words: object) -> AuthResult:
        asked.append(words)
        return AuthResult(success=True)

    port = serve(Handler(), authenticator=remember, auth_require_tls=False)
    trouble(probed(port, Tls.REQUIRED, user="me", password="s3cret"), Trouble.TLS_NOT_OFFERED)
    for tls in (Tls.NONE, Tls.OFFERED):
        trouble(probed(port, tls, user="me", password="s3cret"), Trouble.LOGIN_NEEDS_TLS)
    assert asked == []


@pytest.mark.parametrize("implicit", [True, False])
def test_an_untrusted_certificate_is_reported(
    implicit: bool, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate, implicit=implicit)
    tls = Tls.IMPLICIT if implicit else Tls.REQUIRED
    check = trouble(probed(port, tls), Trouble.CERTIFICATE_NOT_TRUSTED)
    assert check.name == "mail certificate"
    assert "SSL_CERT_FILE" in check.advice


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_of_another_name_is_reported(
    implicit: bool, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate, implicit=implicit)
    tls = Tls.IMPLICIT if implicit else Tls.REQUIRED
    trouble(probed(port, tls, host="127.0.0.1"), Trouble.CERTIFICATE_OF_ANOTHER)


def test_an_expired_certificate_is_reported(
    serve: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, key, request = (str(tmp_path / name) for name in ("old.pem", "key.pem", "request.pem"))
    names = tmp_path / "names"
    names.write_text("subjectAltName=DNS:localhost", encoding="utf-8")
    for words in (
        [
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            key,
            "-out",
            request,
        ],
        ["x509", "-req", "-in", request, "-signkey", key, "-days", "-1", "-extfile", str(names), "-out", old],
    ):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", old)
    check = trouble(probed(serve(Handler(), (old, key)), Tls.REQUIRED), Trouble.CERTIFICATE_EXPIRED)
    assert "has expired" in check.finding


@pytest.mark.parametrize(("days", "state"), [(90, "good"), (8, "good"), (6, "warning"), (0, "warning")])
def test_a_certificate_that_expires_soon_is_a_warning(days: int, state: str) -> None:
    assert judge_certificate(NOW + timedelta(days=days, hours=1), NOW).state == state


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("user", "password"), [("me@example.org", "wrong"), ("you", "s3cret/+")])
def test_a_wrong_password_is_reported(
    user: str, password: str, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate, authenticator=check_password)
    probe_and_checks = probed(port, Tls.REQUIRED, user=user, password=password)
    check = trouble(probe_and_checks, Trouble.LOGIN_REFUSED)
    assert "app password" in check.advice
    assert password not in repr(probe_and_checks[1])


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("coded", [False, True])
def test_a_server_that_repeats_the_password_is_not_quoted(
    coded: bool, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    class Parrot(Handler):
        async def auth_PLAIN(self, _server: SMTP, _arguments: list[str]) -> AuthResult:  # noqa: N802
            told = base64.b64encode(b"s3cret/+").decode() if coded else "s3cret/+"
            return AuthResult(success=False, handled=False, message=f"535 5.7.8 {told} is wrong")

        async def auth_LOGIN(self, server: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802
            return await self.auth_PLAIN(server, arguments)

    port = serve(Parrot(), certificate, authenticator=check_password)
    found, checks = probed(port, Tls.REQUIRED, user="me", password="s3cret/+")
    assert found.trouble is Trouble.LOGIN_REFUSED
    assert "not shown" in checks[-1].finding
    assert "s3cret" not in repr(checks)
    assert base64.b64encode(b"s3cret/+").decode() not in repr(checks)


@pytest.mark.usefixtures("trusted")
def test_a_server_without_login_is_reported(
    serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(
        Handler(), certificate, auth_exclude_mechanism=["LOGIN", "PLAIN"], authenticator=check_password
    )
    trouble(probed(port, Tls.REQUIRED, user="me", password="x"), Trouble.LOGIN_NOT_OFFERED)


@pytest.mark.usefixtures("trusted")
def test_a_password_that_is_not_ascii_is_reported(
    serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate, authenticator=check_password)
    trouble(probed(port, Tls.REQUIRED, user="me", password="geheimnißvoll"), Trouble.LOGIN_NOT_ASCII)


@pytest.mark.parametrize(
    ("answer", "state", "advice"),
    [
        ("550 5.7.1 not your address", "bad", "DIGEST_SENDER"),
        ("530 5.7.0 authenticate first", "bad", "DIGEST_MAIL_URL"),
        ("451 4.3.0 later", "warning", "later"),
        ("250 2.1.0 fine", "good", ""),
    ],
)
def test_the_answer_to_mail_from_is_judged(
    answer: str, state: str, advice: str, serve: Callable[..., int]
) -> None:
    handler = Handler()
    handler.mail = answer
    _, checks = probed(serve(handler))
    (check,) = [check for check in checks if check.name == "mail sender"]
    assert check.state == state
    assert advice in check.advice
    assert handler.accepted == []


def test_an_invalid_sender_is_not_sent(serve: Callable[..., int]) -> None:
    found = probe(Server("127.0.0.1", serve(Handler()), Tls.NONE, timeout_seconds=5), "a@b>\r\nRCPT TO:<c@d")
    assert found.trouble is None
    assert found.sender_answer is None


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ([SILENCE, SILENCE, SILENCE], Trouble.SILENT),
        ([b"", b"", b"", b""], Trouble.HUNG_UP),
        ([b"", b"554 5.7.1 your address is on a list"], Trouble.NOT_WELCOME),
        ([b"", b"421 4.3.2 too many connections"], Trouble.BUSY),
        ([b"", b"HTTP/1.1 400 Bad Request"], Trouble.NOT_MAIL),
        ([b"", b"220 ready", b"550 who are you", b"550 who are you"], Trouble.NOT_WELCOME),
        ([b"", b"220 ready"], Trouble.HUNG_UP),
        ([b"", b"220 ready", SILENCE], Trouble.SILENT),
        ([b"", b"220 ready", b"250-me\r\n250 STARTTLS", b"454 not now"], Trouble.BUSY),
        ([b"", b"220 ready", b"250-me\r\n250 STARTTLS", b"503 no"], Trouble.TLS_BROKEN),
        ([b"", b"220 ready", b"250-me\r\n250 STARTTLS", b"220 go", b"no TLS"], Trouble.TLS_BROKEN),
    ],
)
def test_faulty_servers_are_reported(
    said: list[bytes], kind: Trouble, scripted: Callable[[list[bytes]], int]
) -> None:
    told = trouble(probed(scripted(said), Tls.OFFERED, seconds=1), kind)
    assert told.state == ("warning" if kind is Trouble.BUSY else "bad")


@pytest.mark.parametrize("answers", [[b"220 ready"], [b"220 ready", b"250 ok"]], ids=["EHLO", "MAIL"])
def test_an_endless_answer_does_not_block_the_doctor(
    answers: list[bytes], dripping: Callable[[list[bytes]], int]
) -> None:
    began_at = time.monotonic()
    found = probe(Server("127.0.0.1", dripping([b"", *answers]), Tls.NONE, timeout_seconds=0.4), REAL_SENDER)
    assert found.trouble is Trouble.SILENT
    assert time.monotonic() - began_at < 3


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=300))
def test_any_answer_gives_a_check(said: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        for _ in range(3):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(said)

    thread = threading.Thread(target=talk)
    thread.start()
    _, checks = probed(listener.getsockname()[1], Tls.OFFERED, host="127.0.0.1", seconds=0.2)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    assert checks
    assert all(line.isprintable() for check in checks for line in lines(check))


@pytest.mark.parametrize(
    ("features", "state", "finding"),
    [
        ({}, "good", "The server offers no SMTP extensions."),
        ({"size": "0", "pipelining": ""}, "good", "The server offers PIPELINING."),
        ({"size": "what", "8bitmime": ""}, "good", "The server offers 8BITMIME."),
        ({"size": "102400"}, "warning", "The server offers mails up to 100 kB."),
        ({"size": "52428800"}, "good", "The server offers mails up to 50.0 MB."),
    ],
)
def test_the_extensions_of_a_server_are_judged(features: dict[str, str], state: str, finding: str) -> None:
    check = judge_features(features)
    assert (check.state, check.finding) == (state, finding)


def test_a_long_answer_is_shortened() -> None:
    check = judge_sender_answer("a@b.example", Answer(550, "no " * 1000))
    assert len(check.finding) < 400
