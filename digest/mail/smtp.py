"""Mail over SMTP (RFC 5321): one connection for many mails, each refusal sorted by what to do about it.

| Answer | Raised | What it means |
|---|---|---|
| cannot connect, name unknown | NoConnection | the server is away |
| 4xx at the greeting, 421 on a new connection | ServerFull | it lets no further connection in |
| certificate not valid, TLS not offered where it is needed | StopRun | settings or server need a person |
| 530, 534, 535, 538, or no AUTH offered | StopRun | user or password |
| 421 or 4.7.x that speaks of a rate or of too many, but at the greeting | SlowDown | mail comes too fast |
| any other 4xx at MAIL | StopRun | the server takes no mail now |
| MAIL FROM refused for good (5xx) | StopRun | the sender address |
| 5.7.x, or "relay" in a refusal of a recipient or mail, before this connection has taken any mail | PolicyRefused | one mail against a policy, or the server does not want our mail |
| the same after it has taken some | TryLater | this one mail against a policy |
| RCPT 5.1.x, 5.2.1; 550, 551, 553 without such a code | NeverSend | no such mailbox |
| DATA 5.1.x, 5.2.1 | NeverSend | the same, found out late |
| 5.2.2, 4.2.2, and 552 without a code | MailboxFull | a full mailbox |
| all other 5xx | TryLater | one mail's trouble |
| 4xx at RCPT or DATA | TryLater | grey-listing, a busy server |
| connection lost, or no whole answer within 60 s | ConnectionLost | the next mail gets a new connection |

A server that says goodbye between two mails (421, or a closed connection before it has the whole mail) is
called once more for the same mail. Once the last byte of a mail is out and no answer comes, it
may have been taken: that is ConnectionLost, and the Message-ID tells the copies apart.

TLS (`Tls`): certificates are always verified, against the system's authorities or those in the
environment variable SSL_CERT_FILE. A password is never sent without TLS. Without user, on a port other
than 587, TLS is used where the server offers it; to a server on this machine it is not.

MAIL, RCPT and DATA go out in one packet where the server offers PIPELINING (RFC 2920): two round trips
a mail instead of four. 8BITMIME would gain nothing, as our mails are ASCII.
"""

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from digest.errors import BadInput, ConnectionLost, NeverSend, ServerFull, SlowDown, StopRun, TryLater
from digest.mail.addresses import read_address
from digest.mail.envelope import Envelope
from digest.mail.smtp_answers import Answer, is_too_fast, read_answer, sort_refusal
from digest.mail.smtp_session import Server, greet

GO_ON = 354


class _Gone(Exception):
    """The server ended the connection before it had the whole mail."""

    def __init__(self, reason: str, goodbye: Answer | None = None) -> None:
        """`goodbye`: what it said, with 421."""
        super().__init__(reason)
        self.goodbye = goodbye


class SmtpTransport:
    """`smtp://` and `smtps://`: a mail server. Holds no connection: `open()` does."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @contextmanager
    def open(self) -> Iterator["SmtpConnection"]:
        """Return a connection that is made at the first mail and closed at the end of the `with`."""
        connection = SmtpConnection(self.server)
        try:
            yield connection
        finally:
            connection.close()


class SmtpConnection:
    """One connection at a time to one server; not for two threads at once."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session: smtplib.SMTP | None = None
        self._has_taken_mail = False
        self._pipelining = False

    def send(self, envelope: Envelope) -> str:
        """Hand one mail to the server; see `Connection.send` and the table above."""
        commands = _commands(envelope)
        content = _stuffed(envelope.content)
        is_used = self._session is not None
        try:
            try:
                return self._deliver(commands, content)
            except _Gone as gone:
                if not is_used or (gone.goodbye and is_too_fast(gone.goodbye)):
                    raise
                return self._deliver(commands, content)
        except _Gone as gone:
            if gone.goodbye and is_too_fast(gone.goodbye):
                raise SlowDown(f"The mail server asks to slow down: {gone}.") from gone
            if gone.goodbye:
                raise ServerFull(f"The mail server takes no mail now: {gone}.") from gone
            raise ConnectionLost(f"The mail server ended the connection ({gone}).") from gone

    def close(self) -> None:
        """Say goodbye, if there is still somebody to say it to."""
        session, self._session = self._session, None
        if session is None:
            return
        with suppress(OSError, smtplib.SMTPException):
            if session.sock is not None:
                session.sock.settimeout(5)
            session.quit()
        session.close()

    def _deliver(self, commands: list[bytes], content: bytes) -> str:
        session = self._session or self._connect()
        answers = self._exchange(session, commands)
        for step, answer in zip(("MAIL", "RCPT", "DATA"), answers, strict=False):
            if not (answer.code == GO_ON if step == "DATA" else answer.is_yes):
                self._reset(session, waits_for_mail=answers[-1].code == GO_ON)
                raise sort_refusal(step, answer, has_taken_mail=self._has_taken_mail)
        self._write(session, content)
        answer = self._answer_to_content(session)
        if not answer.is_yes:
            if answer.code == 421:
                self._drop()
            raise sort_refusal("DATA", answer, has_taken_mail=self._has_taken_mail)
        self._has_taken_mail = True
        return str(answer)

    def _exchange(self, session: smtplib.SMTP, commands: list[bytes]) -> list[Answer]:
        """Send commands and return their answers: all at once if the server can, else up to a refusal."""
        if self._pipelining:
            self._write(session, b"".join(commands))
            return [self._read(session) for _ in commands]
        answers: list[Answer] = []
        for command in commands:
            self._write(session, command)
            answers.append(self._read(session))
            if not answers[-1].is_yes:
                break
        return answers

    def _write(self, session: smtplib.SMTP, data: bytes) -> None:
        try:
            session.send(data)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self._lost(error)

    def _read(self, session: smtplib.SMTP) -> Answer:
        try:
            answer = read_answer(*session.getreply())
        except (OSError, smtplib.SMTPException) as error:
            self._lost(error)
        if answer.code == 421:
            self._drop()
            raise _Gone(str(answer), answer)
        return answer

    def _answer_to_content(self, session: smtplib.SMTP) -> Answer:
        """Read what became of the mail. No answer leaves that open: the mail must not be sent again now."""
        try:
            return read_answer(*session.getreply())
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise ConnectionLost("The mail server did not say whether it took the mail.") from error

    def _lost(self, error: Exception) -> NoReturn:
        self._drop()
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            seconds = self._server.timeout_seconds
            raise ConnectionLost(
                f"The mail server gave no whole answer within {seconds:.0f} seconds."
            ) from error
        raise _Gone("connection lost") from error

    def _reset(self, session: smtplib.SMTP, *, waits_for_mail: bool) -> None:
        """Clear a refused transaction. A connection that cannot even do that is given up."""
        try:
            if waits_for_mail:  # RFC 2920 § 3.1: it said yes to DATA without a recipient
                self._exchange(session, [b".\r\n"])
            if not self._exchange(session, [b"RSET\r\n"])[0].is_yes:
                self._drop()
        except (_Gone, TryLater):
            self._drop()

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def _connect(self) -> smtplib.SMTP:
        session = greet(self._server)
        if session.sock is not None:
            session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._session = session
        self._has_taken_mail = False
        self._pipelining = session.has_extn("pipelining")
        return session


def _commands(envelope: Envelope) -> list[bytes]:
    """Return MAIL, RCPT and DATA. Addresses are checked here, as nobody else stands between them and a line."""
    try:
        sender = read_address(envelope.sender).mailbox
    except BadInput as error:
        raise StopRun(f"DIGEST_SENDER cannot be used: {error}") from error
    try:
        recipient = read_address(envelope.recipient).mailbox
    except BadInput as error:
        raise NeverSend(str(error)) from error
    return [f"MAIL FROM:<{sender}>\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode(), b"DATA\r\n"]


def _stuffed(content: bytes) -> bytes:
    """Return the mail as DATA takes it: dots at line starts doubled, the end marked (RFC 5321 § 4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")
