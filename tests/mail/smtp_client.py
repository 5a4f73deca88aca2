"""A small mail, and the transport that sends it to a server of the tests."""

from digest.mail.envelope import Envelope
from digest.mail.smtp import SmtpTransport
from digest.mail.smtp_session import Server, Tls

CONTENT = b"Subject: Papers\r\n\r\n.a dot\r\n..two\r\n.\r\nend\r\n"


def envelope(recipient: str = "subscriber@example.net", content: bytes = CONTENT) -> Envelope:
    return Envelope("digest@example.org", recipient, content, "delivery-1")


def at(port: int, tls: Tls = Tls.NONE, host: str = "127.0.0.1", **more: object) -> SmtpTransport:
    return SmtpTransport(Server(host, port, tls, **{"timeout_seconds": 5.0, **more}))  # type: ignore[arg-type]
