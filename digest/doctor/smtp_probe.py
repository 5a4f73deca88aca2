"""A visit to the mail server: every step up to MAIL FROM, and then goodbye. No mail is sent.

The steps are those of `digest.mail.smtp_session`, taken one by one, so that the one that fails has a name.
A password goes over TLS or not at all.
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
from digest.mail.smtp_session import Server, Tls

# Servers that make spammers impatient wait up to ten seconds before they speak.
TIMEOUT_SECONDS = 15.0
_EXPIRED, _NOT_YET_VALID, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64


class _Stopped(Exception):
    def __init__(self, trouble: Trouble, words: object = "") -> None:
        super().__init__(trouble)
        self.trouble = trouble
        self.words = quoted(words)


def probe(server: Server, sender: str) -> Probe:
    """Visit a server in the name of DIGEST_SENDER; whatever fails is told, not raised."""
    found = Probe(server)
    with suppress(BadInput):
        found.sender = read_address(sender).mailbox
    try:
        found.address = _reach(server)
        with _greeted(server) as session:
            found.is_open = True
            _encrypt(session, server)
            _note_tls(session, found)
            found.features = dict(session.esmtp_features)
            _log_in(session, found)
            _offer_sender(session, found)
    except _Stopped as stop:
        found.trouble, found.words = stop.trouble, _without_password(stop.words, server)
    if found.sender_answer is not None:
        answer = found.sender_answer
        found.sender_answer = Answer(answer.code, _without_password(answer.text, server))
    return found


def _reach(server: Server) -> str:
    """Look the name up and connect once; return the address reached."""
    try:
        socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        unknown = error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
        kind = Trouble.NAME_UNKNOWN if unknown else Trouble.NAME_NOT_LOOKED_UP
        raise _Stopped(kind, error.strerror) from error
    except UnicodeError as error:
        raise _Stopped(Trouble.NAME_UNKNOWN, "not a host name") from error
    try:
        with socket.create_connection((server.host, server.port), server.timeout_seconds) as connection:
            address: str = connection.getpeername()[0]
            return address
    except ConnectionRefusedError as error:
        raise _Stopped(Trouble.REFUSED, error.strerror) from error
    except TimeoutError as error:
        raise _Stopped(Trouble.NO_WAY, "no answer") from error
    except OSError as error:
        raise _Stopped(Trouble.UNREACHABLE, error.strerror or error) from error


@contextmanager
def _greeted(server: Server) -> Iterator[smtplib.SMTP]:
    """Give a session that was greeted, and EHLOed; say goodbye at the end."""
    with _sorted(server):
        session = _open(server)
    try:
        with _sorted(server):
            session.ehlo_or_helo_if_needed()
        yield session
        with suppress(OSError, smtplib.SMTPException):
            session.quit()
    finally:
        session.close()


def _open(server: Server) -> smtplib.SMTP:
    seconds = server.timeout_seconds
    try:
        if server.tls is not Tls.IMPLICIT:
            return smtplib.SMTP(server.host, server.port, timeout=seconds)
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
    except smtplib.SMTPConnectError as error:
        answer = read_answer(error.smtp_code, error.smtp_error)
        if not 400 <= answer.code < 600:
            raise _Stopped(Trouble.NOT_MAIL, answer.text) from error
        raise _Stopped(Trouble.BUSY if answer.code < 500 else Trouble.NOT_WELCOME, answer) from error
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, smtplib.SMTPServerDisconnected) as error:
        # Both sides of a wrong choice of TLS wait for the other, or take its first words for nonsense.
        if server.tls is Tls.IMPLICIT and _speaks_first(server):
            raise _Stopped(Trouble.PLAIN_FIRST) from error
        if server.tls is not Tls.IMPLICIT and _starts_with_tls(server):
            raise _Stopped(Trouble.TLS_FIRST) from error
        raise


def _speaks_first(server: Server) -> bool:
    """Tell whether the server greets in plain text."""
    try:
        with socket.create_connection((server.host, server.port), server.timeout_seconds) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


def _starts_with_tls(server: Server) -> bool:
    """Tell whether the server takes a TLS handshake as the first thing, whatever its certificate."""
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


def _encrypt(session: smtplib.SMTP, server: Server) -> None:
    if server.tls in {Tls.NONE, Tls.IMPLICIT}:
        return
    if not session.has_extn("starttls"):
        if server.tls is Tls.REQUIRED:
            raise _Stopped(Trouble.TLS_NOT_OFFERED)
        return
    with _sorted(server, otherwise=Trouble.TLS_BROKEN):
        session.starttls(context=ssl.create_default_context())
    with _sorted(server):
        session.ehlo_or_helo_if_needed()


def _note_tls(session: smtplib.SMTP, found: Probe) -> None:
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
        raise _Stopped(Trouble.LOGIN_NEEDS_TLS)
    with _sorted(server, otherwise=Trouble.LOGIN_NOT_OFFERED):
        session.login(server.user, server.password)
    found.is_logged_in = True


def _offer_sender(session: smtplib.SMTP, found: Probe) -> None:
    if not found.sender:
        return
    with _sorted(found.server):
        found.sender_answer = read_answer(*session.docmd("MAIL", f"FROM:<{found.sender}>"))
    with suppress(OSError, smtplib.SMTPException):
        session.docmd("RSET")


@contextmanager
def _sorted(server: Server, otherwise: Trouble = Trouble.NOT_WELCOME) -> Iterator[None]:
    """Turn what goes wrong with a server into the trouble it is; `otherwise` names what is left."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise _Stopped(_certificate_trouble(error.verify_code), error.verify_message) from error
    except ssl.SSLError as error:
        raise _Stopped(Trouble.TLS_BROKEN, error.reason or "handshake failed") from error
    except smtplib.SMTPServerDisconnected as error:
        if isinstance(error.__context__, TimeoutError):
            raise _Stopped(Trouble.SILENT, f"{server.timeout_seconds:g} seconds") from error
        raise _Stopped(Trouble.HUNG_UP) from error
    except smtplib.SMTPResponseException as error:
        answer = read_answer(error.smtp_code, error.smtp_error)
        if answer.code < 500:
            raise _Stopped(Trouble.BUSY, answer) from error
        is_login = isinstance(error, smtplib.SMTPAuthenticationError)
        raise _Stopped(Trouble.LOGIN_REFUSED if is_login else otherwise, answer) from error
    except smtplib.SMTPException as error:
        raise _Stopped(otherwise) from error
    except UnicodeError as error:
        raise _Stopped(Trouble.LOGIN_NOT_ASCII) from error
    except TimeoutError as error:
        raise _Stopped(Trouble.SILENT, f"{server.timeout_seconds:g} seconds") from error
    except OSError as error:
        raise _Stopped(Trouble.HUNG_UP, error.strerror or error) from error


def _certificate_trouble(code: int) -> Trouble:
    """Sort the verification errors of OpenSSL (X509_V_ERR_…)."""
    known = {
        _EXPIRED: Trouble.CERTIFICATE_EXPIRED,
        _NOT_YET_VALID: Trouble.CERTIFICATE_TOO_NEW,
        _OTHER_NAME: Trouble.CERTIFICATE_OF_ANOTHER,
        _OTHER_ADDRESS: Trouble.CERTIFICATE_OF_ANOTHER,
    }
    return known.get(code, Trouble.CERTIFICATE_NOT_TRUSTED)


def _without_password(words: str, server: Server) -> str:
    """Return a server's words, unless it was so careless as to repeat the password in them."""
    password = server.password
    if not password:
        return words
    # As AUTH LOGIN and AUTH PLAIN send it (RFC 4616).
    coded = [base64.b64encode(text.encode()) for text in (password, f"\0{server.user}\0{password}")]
    forms = (password, *(form.decode().rstrip("=") for form in coded))
    if any(form in words for form in forms):
        return "its answer repeats the password and is not shown"
    return words
