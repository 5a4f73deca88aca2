"""Mail servers for the tests: a real one with configurable answers, and one that plays a script."""

import socket
from typing import BinaryIO

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SILENCE = b"..."


class Handler:
    """The answers of a mail server at each step, and the mails it accepted."""

    def __init__(self, *, pipelining: bool = False) -> None:
        self.pipelining = pipelining
        self.accepted: list[Envelope] = []
        self.rcpt: dict[str, str] = {}
        """Answers by recipient; "drop" closes the connection."""
        self.data: list[str] = []
        """Answers to the next mails, in order; "drop" closes the connection; after them, 250."""
        self.mail = ""
        """The answer to MAIL FROM, if not 250."""
        self.connections = 0
        self.names: list[str] = []
        """What the clients called themselves."""

    async def handle_EHLO(  # noqa: N802 - the server library names it
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        self.names.append(hostname)
        session.host_name = hostname
        # After the first line, which names the server and is no extension.
        return [responses[0], "250-PIPELINING", *responses[1:]] if self.pipelining else responses

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.mail:
            return self.mail
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.rcpt.get(address, "250 OK")
        if answer == "drop":
            hang_up(server)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.data.pop(0) if self.data else "250 OK queued as 7"
        if answer.startswith("250"):
            self.accepted.append(envelope)
        if answer == "drop":
            hang_up(server)
        return answer


def hang_up(server: SMTP) -> None:
    """Close the connection without an answer."""
    assert server.transport is not None
    server.transport.close()


def check_password(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data == LoginPassword(b"me@example.org", b"s3cret/+"), handled=False)


def play(connection: socket.socket, heard: BinaryIO, lines: list[bytes]) -> None:
    """Answer each received line with the next of `lines`; see the fixture `scripted`."""
    while lines:
        line = lines.pop(0)
        if line == SILENCE:
            heard.read()
        if line in {b"", SILENCE}:
            return
        connection.sendall(line + b"\r\n")
        if line.startswith(b"354"):
            while heard.readline() not in {b".\r\n", b""}:
                pass
        elif line[3:4] != b"-":
            heard.readline()
