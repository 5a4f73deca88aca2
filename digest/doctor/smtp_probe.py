"""Probes the mail server: every step up to MAIL FROM, then QUIT. No mail is sent.

The steps are those of `digest.mail.smtp_session`, run one by one, so that the failed step is known. A password is
sent over TLS only.
"""

import base64
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from digest.doctor.check import quoted
from digest.doctor.smtp_facts import Probe, Trouble
from digest.errors import BadInput
from digest.mail.addresses import read_address
from digest.mail.smtp_answers import Answer, read_answer
from digest.mail.smtp_session import Server, Tls, TlsNotOffered, connect, encrypt, log_in

# Some servers delay their greeting by up to ten seconds, against spammers.
TIMEOUT_SECONDS = 15.0
_EXPIRED, _NOT_YET_VALID, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64


class _ProbeFailed(Exception):
    def __init__(self, trouble: Trouble, words: object = "") -> None:
        super().__init__(trouble)
        self.trouble = trouble
        self.words = quoted(words)


def probe(server: Server, sender: str) -> Probe:
    """Probe a server, with `sender` (DIGEST_SENDER) in MAIL FROM. Failures are part of the result, not raised."""
    found = Probe(server)
    with suppress(BadInput):
        found.sender = read_address(sender).mailbox
    try:
        found.address = _reach(server)
        with _greeted(server) as session:
            found.is_open = True
            with _failures_of(server, otherwise=Trouble.TLS_BROKEN):
                encrypt(session, server)
            _record_tls(session, found)
            found.features = dict(session.esmtp_features)
            _log_in(session, found)
            _send_sender(session, found)
    except _ProbeFailed as failure:
        found.trouble, found.words = failure.trouble, _without_password(failure.words, server)
    if found.sender_answer is not None:
        answer = found.sender_answer
        found.sender_answer = Answer(answer.code, _without_password(answer.text, server))
    return found


def _reach(server: Server) -> str:
    """Resolve the host name, open a TCP connection and close it. Return the IP address."""
    try:
        socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        unknown = error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
        kind = Trouble.NAME_UNKNOWN if unknown else Trouble.NAME_NOT_LOOKED_UP
        raise _ProbeFailed(kind, error.strerror) from error
    except UnicodeError as error:
        raise _ProbeFailed(Trouble.NAME_UNKNOWN, "not a host name") from error
    try:
        with socket.create_connection((server.host, server.port), server.timeout_seconds) as connection:
            address: str = connection.getpeername()[0]
            return address
    except ConnectionRefusedError as error:
        raise _ProbeFailed(Trouble.REFUSED, error.strerror) from error
    except TimeoutError as error:
        raise _ProbeFailed(Trouble.NO_WAY, "no answer") from error
    except OSError as error:
        raise _ProbeFailed(Trouble.UNREACHABLE, error.strerror or error) from error


@contextmanager
def _greeted(server: Server) -> Iterator[smtplib.SMTP]:
    """Connect, read the greeting and send EHLO; yield the session; send QUIT at the end."""
    with _failures_of(server):
        session = _connect(server)
    try:
        with _failures_of(server):
            session.ehlo_or_helo_if_needed()
        yield session
        with suppress(OSError, smtplib.SMTPException):
            session.quit()
    finally:
        session.close()


def _connect(server: Server) -> smtplib.SMTP:
    try:
        return connect(server)
    except smtplib.SMTPConnectError as error:
        answer = read_answer(error.smtp_code, error.smtp_error)
        if not 400 <= answer.code < 600:
            raise _ProbeFailed(Trouble.NOT_MAIL, answer.text) from error
        raise _ProbeFailed(Trouble.BUSY if answer.code < 500 else Trouble.NOT_WELCOME, answer) from error
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, smtplib.SMTPServerDisconnected) as error:
        # With smtp:// for smtps:// or the reverse, both sides wait for each other or cannot read each other.
        if server.tls is Tls.IMPLICIT and _greets_in_plain_text(server):
            raise _ProbeFailed(Trouble.PLAIN_FIRST) from error
        if server.tls is not Tls.IMPLICIT and _starts_with_tls(server):
            raise _ProbeFailed(Trouble.TLS_FIRST) from error
        raise


def _greets_in_plain_text(server: Server) -> bool:
    try:
        with socket.create_connection((server.host, server.port), server.timeout_seconds) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


def _starts_with_tls(server: Server) -> bool:
    """Return whether the server accepts a TLS handshake at once, with any certificate."""
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((server.host, server.port), server.timeout_seconds) as connection,
            context.wrap_socket(connection, server_hostname=server.host),
        ):
            return True
    except ssl.SSLCertVerificationError:
        return True
    except OSError:
        return False


def _record_tls(session: smtplib.SMTP, found: Probe) -> None:
    if not isinstance(session.sock, ssl.SSLSocket):
        return
    found.tls = session.sock.version() or "TLS"
    certificate = session.sock.getpeercert() or {}
    until = certificate.get("notAfter")
    if isinstance(until, str):
        found.certificate_until = datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)


def _log_in(session: smtplib.SMTP, found: Probe) -> None:
    server = found.server
    if not server.user:
        return
    if not found.tls:
        raise _ProbeFailed(Trouble.LOGIN_NEEDS_TLS)
    with _failures_of(server, otherwise=Trouble.LOGIN_NOT_OFFERED):
        log_in(session, server)
    found.is_logged_in = True


def _send_sender(session: smtplib.SMTP, found: Probe) -> None:
    if not found.sender:
        return
    with _failures_of(found.server):
        found.sender_answer = read_answer(*session.docmd("MAIL", f"FROM:<{found.sender}>"))
    with suppress(OSError, smtplib.SMTPException):
        session.docmd("RSET")


@contextmanager
def _failures_of(server: Server, otherwise: Trouble = Trouble.NOT_WELCOME) -> Iterator[None]:
    """Turn the exceptions of a step into _ProbeFailed; `otherwise` is the trouble of any other refusal."""
    try:
        yield
    except TlsNotOffered as error:
        raise _ProbeFailed(Trouble.TLS_NOT_OFFERED) from error
    except ssl.SSLCertVerificationError as error:
        raise _ProbeFailed(_certificate_trouble(error.verify_code), error.verify_message) from error
    except ssl.SSLError as error:
        raise _ProbeFailed(Trouble.TLS_BROKEN, error.reason or "handshake failed") from error
    except smtplib.SMTPServerDisconnected as error:
        if isinstance(error.__context__, TimeoutError):
            raise _ProbeFailed(Trouble.SILENT, f"{server.timeout_seconds:g} seconds") from error
        raise _ProbeFailed(Trouble.HUNG_UP) from error
    except smtplib.SMTPResponseException as error:
        answer = read_answer(error.smtp_code, error.smtp_error)
        if answer.code < 500:
            raise _ProbeFailed(Trouble.BUSY, answer) from error
        match error:
            case smtplib.SMTPAuthenticationError():
                raise _ProbeFailed(Trouble.LOGIN_REFUSED, answer) from error
            case smtplib.SMTPHeloError():
                raise _ProbeFailed(Trouble.NOT_WELCOME, answer) from error
        raise _ProbeFailed(otherwise, answer) from error
    except smtplib.SMTPException as error:
        raise _ProbeFailed(otherwise) from error
    except UnicodeError as error:
        raise _ProbeFailed(Trouble.LOGIN_NOT_ASCII) from error
    except TimeoutError as error:
        raise _ProbeFailed(Trouble.SILENT, f"{server.timeout_seconds:g} seconds") from error
    except OSError as error:
        raise _ProbeFailed(Trouble.HUNG_UP, error.strerror or error) from error


def _certificate_trouble(code: int) -> Trouble:
    """Return the trouble of a verification error of OpenSSL (X509_V_ERR_…)."""
    known = {
        _EXPIRED: Trouble.CERTIFICATE_EXPIRED,
        _NOT_YET_VALID: Trouble.CERTIFICATE_TOO_NEW,
        _OTHER_NAME: Trouble.CERTIFICATE_OF_ANOTHER,
        _OTHER_ADDRESS: Trouble.CERTIFICATE_OF_ANOTHER,
    }
    return known.get(code, Trouble.CERTIFICATE_NOT_TRUSTED)


def _without_password(words: str, server: Server) -> str:
    """Return the words of a server, or a replacement if they contain the password."""
    password = server.password
    if not password:
        return words
    # The encodings of AUTH LOGIN and AUTH PLAIN (RFC 4616).
    coded = [base64.b64encode(text.encode()) for text in (password, f"\0{server.user}\0{password}")]
    forms = (password, *(form.decode().rstrip("=") for form in coded))
    if any(form in words for form in forms):
        return "its answer repeats the password and is not shown"
    return words
