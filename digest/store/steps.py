"""What a connection records and checks between two mails."""

from dataclasses import dataclass
from datetime import datetime

from digest.domain.delivery import Delivery


@dataclass(frozen=True, slots=True)
class AcceptedMail:
    """A mail that the server accepted, with its answer and the hash of the sent bytes."""

    delivery_id: int
    content_sha256: str
    answer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """What one connection records and checks between two mails."""

    slot: int
    """The number of the connection within its process, from 0."""
    accepted: AcceptedMail | None
    """The mail that the server has just accepted; None if there is none."""
    next_delivery: Delivery | None
    """The next mail; None if there is none yet."""
