"""The facts that a probe of the mail server gathers."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from digest.mail.smtp_answers import Answer
from digest.mail.smtp_session import Server


class Trouble(Enum):
    """Why a probe failed."""

    NAME_UNKNOWN = auto()
    NAME_NOT_LOOKED_UP = auto()
    REFUSED = auto()
    NO_WAY = auto()
    UNREACHABLE = auto()
    SILENT = auto()
    HUNG_UP = auto()
    NOT_WELCOME = auto()
    BUSY = auto()
    NOT_MAIL = auto()
    TLS_FIRST = auto()
    PLAIN_FIRST = auto()
    TLS_NOT_OFFERED = auto()
    TLS_BROKEN = auto()
    CERTIFICATE_EXPIRED = auto()
    CERTIFICATE_TOO_NEW = auto()
    CERTIFICATE_OF_ANOTHER = auto()
    CERTIFICATE_NOT_TRUSTED = auto()
    LOGIN_NOT_OFFERED = auto()
    LOGIN_NEEDS_TLS = auto()
    LOGIN_REFUSED = auto()
    LOGIN_NOT_ASCII = auto()


@dataclass(slots=True)
class Probe:
    """The result of a probe. Steps after the one that failed were not run."""

    server: Server
    sender: str = ""
    """The mailbox for MAIL FROM. "" if DIGEST_SENDER is invalid; then MAIL FROM is not sent."""
    trouble: Trouble | None = None
    words: str = ""
    """The message of the server or the system about the trouble, on one line."""
    address: str = ""
    """The IP address of the server."""
    is_open: bool = False
    """Whether the server greeted and answered EHLO."""
    tls: str = ""
    """The version of TLS, "" without TLS."""
    certificate_until: datetime | None = None
    features: dict[str, str] = field(default_factory=dict)
    """The extensions of the last answer to EHLO, by lower-case name."""
    is_logged_in: bool = False
    sender_answer: Answer | None = None
