"""The start of an SMTP session: connect, start TLS, log in. Error messages are for the operator."""

import smtplib
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address
from typing import Any

from digest.errors import NoConnection, ServerFull, StopRun
from digest.mail.smtp_answers import read_answer

TIMEOUT_SECONDS = 60.0
"""For opening a connection, and for each complete answer."""
_MOST_OCTETS = 2**16


def limit_waits(sock: socket.socket, seconds: float) -> None:
    """Limit each wait for the network to so many seconds; then the socket raises BlockingIOError or, with TLS, SSLWantReadError.

    By the kernel: with `settimeout`, Python adds two system calls to each one. Every call hands the interpreter lock to
    another thread, and with twenty connections that took a quarter of the time of a mail.
    """
    sock.setblocking(True)
    # Zero would mean no limit.
    limit = struct.pack("ll", *divmod(max(1, round(seconds * 1e6)), 1_000_000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def is_timeout(error: BaseException | None) -> bool:
    """Return whether an error says that a wait was longer than its limit."""
    return isinstance(error, TimeoutError | BlockingIOError | ssl.SSLWantReadError | ssl.SSLWantWriteError)


class Tls(Enum):
    """When a connection is encrypted."""

    NONE = "none"
    OFFERED = "offered"
    """STARTTLS if the server offers it, and then with a valid certificate."""
    REQUIRED = "required"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server, and how to connect to it."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_seconds: float = TIMEOUT_SECONDS
    connections: int = 1
    """Maximum number of connections per process."""
    ehlo_name: str = ""
    """The name in EHLO; empty for the name of this machine, which is often not a public one."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def account(self) -> str:
        """The name of the account (server and user), to which mail limits and circuit breakers belong."""
        scheme = "smtps" if self.tls is Tls.IMPLICIT else "smtp"
        return f"{scheme}://{self.user}{'@' if self.user else ''}{self}"


class _Answers:
    """Reads a server's answers line by line, each whole answer within a time limit."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._seconds = seconds
        self._buffer = b""
        self._give_up_at = 0.0
        self._octets = 0
        self._is_short = False

    def begin(self) -> None:
        """Start the time limit of an answer."""
        self._give_up_at = time.monotonic() + self._seconds
        self._octets = 0

    def readline(self, limit: int) -> bytes:
        """Return the next line, its end included, or the first `limit` bytes of it. Raises OSError."""
        while b"\n" not in self._buffer and len(self._buffer) < limit:
            received = self._receive()
            if not received:
                break
            self._buffer += received
        end = self._buffer.find(b"\n", 0, limit) + 1 or limit
        line, self._buffer = self._buffer[:end], self._buffer[end:]
        return line

    def _receive(self) -> bytes:
        # The first piece of an answer has the whole time, which the socket has anyway.
        if self._octets or self._is_short:
            left = self._give_up_at - time.monotonic() if self._octets else self._seconds
            if left <= 0:
                raise TimeoutError("timed out")
            limit_waits(self._sock, left)
            self._is_short = bool(self._octets)
        try:
            received = self._sock.recv(8192)
        except OSError as error:
            if is_timeout(error):
                raise TimeoutError("timed out") from error
            raise
        self._octets += len(received)
        if self._octets > _MOST_OCTETS:
            raise OSError("the answer is too long")
        return received

    def close(self) -> None:
        """Do nothing: the socket is closed by its owner."""


class TlsNotOffered(StopRun):
    """The server has no STARTTLS, and the settings require TLS."""


class _Deadlines:
    """Adds a time limit for a whole answer; smtplib's own limit applies to each received piece."""

    file: Any
    sock: socket.socket | None

    timeout: float

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            limit_waits(self.sock, self.timeout)
            self.file = _Answers(self.sock, self.timeout)
        if self.file is not None:
            self.file.begin()
        reply: tuple[int, bytes] = super().getreply()  # type: ignore[misc]  # smtplib's, behind this class
        return reply


class _PlainSession(_Deadlines, smtplib.SMTP):
    pass


class _TlsSession(_Deadlines, smtplib.SMTP_SSL):
    pass


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def greet(server: Server) -> smtplib.SMTP:
    """Return a session that is ready for mail. Raises StopRun or one of its subclasses."""
    try:
        session = connect(server)
        try:
            encrypt(session, server)
            log_in(session, server)
        except BaseException:
            session.close()
            raise
    except ssl.SSLCertVerificationError as error:
        raise StopRun(
            f"The certificate of {server} is not valid ({error.verify_message}): use the host name of the "
            "certificate, or set SSL_CERT_FILE to the file of its authority."
        ) from error
    except ssl.SSLWantReadError as error:
        raise NoConnection(f"{server} did not answer in time while TLS started.") from error
    except ssl.SSLError as error:
        reason = error.reason or "handshake failed"
        raise StopRun(
            f"No TLS with {server} ({reason}): port 465 is smtps://, 587 and 25 are smtp://."
        ) from error
    except smtplib.SMTPException as error:
        raise _start_error(error, server) from error
    except UnicodeError as error:
        raise StopRun("User and password for the mail server must be plain ASCII.") from error
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
        raise NoConnection(
            f"No connection to the mail server {server} ({reason}): check DIGEST_MAIL_URL."
        ) from error
    else:
        return session


def connect(server: Server) -> smtplib.SMTP:
    """Connect, with TLS for smtps://, and read the greeting. Raises OSError and SMTPException."""
    if server.tls is Tls.IMPLICIT:
        context = ssl.create_default_context()
        return _TlsSession(
            server.host,
            server.port,
            server.ehlo_name or None,
            timeout=server.timeout_seconds,
            context=context,
        )
    return _PlainSession(server.host, server.port, server.ehlo_name or None, timeout=server.timeout_seconds)


def encrypt(session: smtplib.SMTP, server: Server) -> None:
    """Send EHLO, and STARTTLS if `server.tls` requires or allows it. Raises TlsNotOffered, OSError and SMTPException."""
    session.ehlo_or_helo_if_needed()
    if server.tls in {Tls.NONE, Tls.IMPLICIT}:
        return
    if session.has_extn("starttls"):
        session.starttls(context=ssl.create_default_context())
        session.ehlo_or_helo_if_needed()
    elif server.tls is Tls.REQUIRED:
        raise TlsNotOffered(f"{server} offers no TLS, which a password and port 587 need: try smtps://.")


def log_in(session: smtplib.SMTP, server: Server) -> None:
    """Log in if there is a user. Raises OSError, SMTPException, and UnicodeError for a non-ASCII password."""
    if server.user:
        session.login(server.user, server.password)


def _start_error(error: smtplib.SMTPException, server: Server) -> StopRun:
    """Return the error for an exception of smtplib before the first mail."""
    if isinstance(error, smtplib.SMTPResponseException):
        answer = read_answer(error.smtp_code, error.smtp_error)
        if answer.code < 500:
            return ServerFull(f"The mail server {server} accepts no mail now: {answer}.")
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return StopRun(
                f"{server} refuses user or password ({answer}): check DIGEST_MAIL_URL, percent-encoded where needed."
            )
        return StopRun(f"{server} refuses this machine ({answer}): ask its operator.")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        if is_timeout(error.__context__):
            return NoConnection(
                f"{server} accepts connections but sends nothing: port 465 is smtps://, 587 and 25 are smtp://."
            )
        return NoConnection(f"{server} closed the connection without an answer.")
    return StopRun(f"{server} offers no supported login: try another port, or smtps://.")
