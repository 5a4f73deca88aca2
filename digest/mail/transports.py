"""Creates the transport that DIGEST_MAIL_URL names.

| URL | Mail goes to |
|---|---|
| `maildir:DIR` | a Maildir (`tmp`, `new`, `cur`) |
| `file:DIR` | `DIR/<delivery>.eml`, one file each |
| `console:` | standard output, headers and text |
| `memory:` | a list in this process |
| `smtp://[user:password@]host[:port]` | a mail server; port 25, or 587 with a user; see `smtp` for TLS |
| `smtps://[user:password@]host[:port]` | the same over TLS from the first byte; port 465 |

User and password are percent-encoded; `:` and `@` may also be left as they are. `?connections=20` is how many
connections each process may have at once (20 is the default). `smtp://` also has `?tls=yes`, which refuses a server
without TLS, and `?tls=no`, which does not use TLS and is allowed for a server on this machine and without a password
only. Options are joined by `&`.
"""

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from digest.errors import BadInput
from digest.mail.envelope import Connection, Envelope, Transport
from digest.mail.file_transports import ConsoleTransport, FileTransport, MaildirTransport, MemoryTransport
from digest.mail.smtp import SmtpTransport
from digest.mail.smtp_session import Server, Tls, is_loopback

__all__ = [
    "Connection",
    "ConsoleTransport",
    "Envelope",
    "FileTransport",
    "MaildirTransport",
    "MemoryTransport",
    "SmtpTransport",
    "Transport",
    "transport_from",
]

CONNECTIONS = 20
"""Default number of connections: usual for a relay, and more than a server on the same machine needs."""
_COUNT = re.compile("[1-9][0-9]?|1[0-9][0-9]|200")
FORMS = "maildir:DIR, file:DIR, console:, memory:, smtp://host:port or smtps://host:port"


def transport_from(url: str, ehlo_name: str = "") -> Transport:
    """Return the transport that `url` names. Raises BadInput, whose message never contains the password.

    `ehlo_name` is the host name that a mail server is told.
    """
    scheme, colon, rest = url.strip().partition(":")
    scheme = scheme.lower()
    if not colon:
        raise BadInput(f"The mail URL needs a scheme before a colon; write {FORMS}.")
    if scheme in {"smtp", "smtps"}:
        return _smtp_from(url.strip(), scheme, ehlo_name)
    if scheme == "console":
        return ConsoleTransport()
    if scheme == "memory":
        return MemoryTransport()
    if scheme not in {"maildir", "file"}:
        raise BadInput(f"There is no mail transport {scheme[:30]!r}; write {FORMS}.")
    if not rest.strip("/ ") and rest.strip() != "/":
        raise BadInput(f"The mail URL {scheme}: needs a folder after the colon, such as {scheme}:outbox.")
    folder = Path(rest.removeprefix("//") if rest.startswith("///") else rest).expanduser()
    return MaildirTransport(folder) if scheme == "maildir" else FileTransport(folder)


def account_of(url: str) -> str:
    """Return the mail account of `url`: server and user, without the password."""
    transport = transport_from(url)
    return transport.server.account if isinstance(transport, SmtpTransport) else url.strip()


def connections_of(url: str) -> int:
    """Return the maximum number of connections per process for `url`."""
    transport = transport_from(url)
    return transport.server.connections if isinstance(transport, SmtpTransport) else 1


def _smtp_from(url: str, scheme: str, ehlo_name: str) -> SmtpTransport:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadInput(
            f"The mail URL {scheme}:// needs a host and a port number; percent-encode / in the password as %2F."
        ) from None
    host = parts.hostname
    if not host:
        raise BadInput(f"The mail URL {scheme}:// has no host; write {scheme}://mail.example.org.")
    if parts.path.strip("/") or parts.fragment:
        raise BadInput(
            f"The mail URL {scheme}:// ends after host and port; percent-encode / and # in the password as %2F and %23."
        )
    if "@" in parts.query:
        raise BadInput(
            f"The mail URL {scheme}:// has a ? before its @; percent-encode ? in the password as %3F."
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls_option, connections = options.pop("tls", ""), options.pop("connections", str(CONNECTIONS))
    if options or tls_option not in {"", "no", "yes"}:
        raise BadInput(f"The mail URL {scheme}:// has the options tls=yes, tls=no and connections=20.")
    if not _COUNT.fullmatch(connections):
        raise BadInput(f"The mail URL {scheme}:// takes connections=1 up to connections=200.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise BadInput(f"The mail URL {scheme}:// needs both user and password, or neither.")
    return SmtpTransport(
        Server(
            host=host,
            port=port or (465 if scheme == "smtps" else 587 if user else 25),
            tls=_tls(scheme, tls_option, host, port, logs_in=bool(user)),
            user=user,
            password=password,
            connections=int(connections),
            ehlo_name=ehlo_name,
        )
    )


def _tls(scheme: str, tls_option: str, host: str, port: int | None, *, logs_in: bool) -> Tls:
    if scheme == "smtps":
        if tls_option == "no":
            raise BadInput("smtps:// always uses TLS; write smtp:// for a connection without it.")
        return Tls.IMPLICIT
    if tls_option == "no":
        if not is_loopback(host):
            raise BadInput("tls=no is for a mail server on this machine only; remove it from the mail URL.")
        if logs_in:
            raise BadInput("A password is never sent without TLS; remove tls=no from the mail URL.")
        return Tls.NONE
    if logs_in or port == 587 or tls_option == "yes":
        return Tls.REQUIRED
    # A loopback connection cannot be read by others, and local servers rarely have a valid certificate.
    return Tls.NONE if is_loopback(host) else Tls.OFFERED
