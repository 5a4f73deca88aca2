"""SMTP over TLS: certificates, logins, and no password in plain text."""

from collections.abc import Callable
from pathlib import Path

import pytest

from digest.errors import StopRun
from digest.mail.smtp import SmtpTransport
from digest.mail.smtp_session import Tls
from digest.mail.transports import transport_from
from tests.mail.servers import Handler, check_password
from tests.mail.smtp_client import at, envelope


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_login_over_tls_delivers(
    handler: Handler, serve: Callable[..., int], certificate: tuple[Path, Path], scheme: str
) -> None:
    port = serve(
        handler,
        certificate,
        implicit=scheme == "smtps",
        authenticator=check_password,
        auth_required=scheme == "smtp",
        auth_require_tls=scheme == "smtp",
    )
    transport = transport_from(f"{scheme}://me%40example.org:s3cret%2F%2B@localhost:{port}")
    with transport.open() as connection:
        connection.send(envelope())
    assert len(handler.accepted) == 1


@pytest.mark.usefixtures("trusted")
def test_a_bad_password_stops_the_run_and_is_not_repeated(
    handler: Handler, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(handler, certificate, authenticator=check_password, auth_required=True)
    transport = transport_from(f"smtp://me%40example.org:wr0ng@localhost:{port}")
    with transport.open() as connection, pytest.raises(StopRun, match="user or password") as caught:
        connection.send(envelope())
    assert "wr0ng" not in str(caught.value)
    assert "wr0ng" not in repr(transport.server if isinstance(transport, SmtpTransport) else "")
    assert handler.accepted == []


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_an_untrusted_certificate_stops_the_run(
    handler: Handler, serve: Callable[..., int], certificate: tuple[Path, Path], scheme: str
) -> None:
    port = serve(handler, certificate, implicit=scheme == "smtps")
    transport = transport_from(f"{scheme}://me:secret@localhost:{port}")
    with transport.open() as connection, pytest.raises(StopRun, match="certificate"):
        connection.send(envelope())


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_stops_the_run(
    handler: Handler, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(handler, certificate)
    with at(port, Tls.REQUIRED).open() as connection, pytest.raises(StopRun, match="certificate"):
        connection.send(envelope())


def test_a_password_is_never_sent_without_tls(handler: Handler, serve: Callable[..., int]) -> None:
    port = serve(handler, authenticator=check_password, auth_require_tls=False)
    transport = transport_from(f"smtp://me:secret@localhost:{port}")
    with transport.open() as connection, pytest.raises(StopRun, match="no TLS"):
        connection.send(envelope())


@pytest.mark.usefixtures("trusted")
def test_tls_is_used_if_offered(
    serve: Callable[..., int], certificate: tuple[Path, Path], handler: Handler
) -> None:
    port = serve(handler, certificate, require_starttls=True)
    with at(port, Tls.OFFERED, host="localhost").open() as connection:
        connection.send(envelope())
    assert len(handler.accepted) == 1


def test_tls_on_a_plain_text_port_stops_the_run(handler: Handler, serve: Callable[..., int]) -> None:
    with at(serve(handler), Tls.IMPLICIT).open() as connection, pytest.raises(StopRun, match=r"No TLS with"):
        connection.send(envelope())
