"""Kinds and states of deliveries, and the claim of a worker on one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from digest.domain.subscriber import Status


class Section(StrEnum):
    """The part of a digest that a pick belongs to."""

    FOR_YOU = "for_you"
    EVERYONE = "everyone"


class Kind(StrEnum):
    """What kind of mail a delivery is."""

    DIGEST = "digest"
    CONFIRM = "confirm"
    LINKS = "links"


KINDS = tuple(Kind)

RECIPIENTS: Mapping[Kind, frozenset[Status]] = {
    Kind.DIGEST: frozenset({Status.ACTIVE}),
    Kind.CONFIRM: frozenset({Status.PENDING}),
    # An unsubscribed person may want to export or erase their data. A pending one of these had confirmed before.
    Kind.LINKS: frozenset({Status.ACTIVE, Status.PAUSED, Status.UNSUBSCRIBED, Status.PENDING}),
}
"""The status a subscriber must have to be sent a mail of each kind, checked until the mail is sent."""


class Stream(StrEnum):
    """The digests, or the transactional mails, which somebody has just requested and which are sent separately."""

    TRANSACTIONAL = "transactional"
    DIGEST = "digest"


STREAMS = tuple(Stream)


class DeliveryStatus(StrEnum):
    """The state of a delivery."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that this worker has claimed until its lease ends."""

    id: int
    subscriber_id: int
    kind: Kind
    edition_on: date
    due_at: datetime
    attempts: int
    """This attempt included."""
    contents: dict[str, Any] | None
    """The content of a mail composed by an earlier attempt, which is sent unchanged; None before composing."""
    in_flight: bool
    """Whether an earlier worker stopped after composing the mail, which may have been sent already."""


LARGEST_ID = 2**63 - 1
"""The largest integer key of the database."""

CONFIRM_DAYS = 7
"""How many days a confirmation link is valid."""
