"""What can be found out about a mail server by visiting it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from digest.mail.smtp_answers import Answer
from digest.mail.smtp_session import Server


class Trouble(Enum):
    """The step that failed, and how."""

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
    """What a visit found out, step by step; what comes after `trouble` was not looked at."""

    server: Server
    sender: str = ""
    """The mailbox for MAIL FROM; "" when DIGEST_SENDER is none, and then it is not asked."""
    trouble: Trouble | None = None
    words: str = ""
    """What the server or the system said about the trouble, one line."""
    address: str = ""
    """The IP address that was reached."""
    is_open: bool = False
    """Whether the server greeted us."""
    tls: str = ""
    """The version of TLS; "" for none."""
    certificate_until: datetime | None = None
    features: dict[str, str] = field(default_factory=dict)
    """What EHLO last advertised, by lower-case name."""
    is_logged_in: bool = False
    sender_answer: Answer | None = None
