"""The start of an SMTP session: connect, encrypt, log in, each failure a sentence for the operator."""

import smtplib
import ssl
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address

from digest.errors import DigestError, StopRun, TryLater
from digest.mail.smtp_answers import read_answer

TIMEOUT_SECONDS = 60.0


class Tls(Enum):
    """When a connection is encrypted."""

    NONE = "none"
    OFFERED = "offered"
    """STARTTLS if the server offers it, and then with a valid certificate."""
    REQUIRED = "required"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and how to speak to it."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_seconds: float = TIMEOUT_SECONDS

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def greet(server: Server) -> smtplib.SMTP:
    """Return a session that is ready for mail. Raises StopRun, or TryLater where the server is only busy."""
    try:
        session = _connect(server)
        try:
            _encrypt(session, server)
            if server.user:
                session.login(server.user, server.password)
        except BaseException:
            session.close()
            raise
    except ssl.SSLCertVerificationError as error:
        raise StopRun(
            f"The certificate of {server} is not valid ({error.verify_message}): use the name it was made "
            "for, or name its authority in SSL_CERT_FILE."
        ) from error
    except ssl.SSLError as error:
        reason = error.reason or "handshake failed"
        raise StopRun(
            f"No TLS with {server} ({reason}): port 465 is smtps://, 587 and 25 are smtp://."
        ) from error
    except smtplib.SMTPException as error:
        raise _sorted(error, server) from error
    except UnicodeError as error:
        raise StopRun("User and password for the mail server must be plain ASCII.") from error
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
        raise StopRun(
            f"No connection to the mail server {server} ({reason}): check DIGEST_MAIL_URL."
        ) from error
    else:
        return session


def _connect(server: Server) -> smtplib.SMTP:
    if server.tls is Tls.IMPLICIT:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_seconds, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)


def _encrypt(session: smtplib.SMTP, server: Server) -> None:
    session.ehlo_or_helo_if_needed()
    if server.tls in {Tls.NONE, Tls.IMPLICIT}:
        return
    if session.has_extn("starttls"):
        session.starttls(context=ssl.create_default_context())
        session.ehlo_or_helo_if_needed()
    elif server.tls is Tls.REQUIRED:
        raise StopRun(f"{server} offers no TLS, which a password and port 587 need: try smtps://.")


def _sorted(error: smtplib.SMTPException, server: Server) -> DigestError:
    """Return what an error of smtplib before the first mail amounts to."""
    if isinstance(error, smtplib.SMTPResponseException):
        answer = read_answer(error.smtp_code, error.smtp_error)
        if answer.code < 500:
            return TryLater(f"The mail server {server} is busy: {answer}.")
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return StopRun(
                f"{server} refuses user or password ({answer}): check DIGEST_MAIL_URL, percent-encoded where needed."
            )
        return StopRun(f"{server} does not let us in ({answer}): ask who runs it.")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        if isinstance(error.__context__, TimeoutError):
            return StopRun(
                f"{server} takes connections and says nothing: port 465 is smtps://, 587 and 25 are smtp://."
            )
        return TryLater(f"{server} closed the connection before it said a word.")
    return StopRun(f"{server} offers no login that we can use here: try another port, or smtps://.")
