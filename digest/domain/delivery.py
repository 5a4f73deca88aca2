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
    WELCOME = "welcome"
    """The first papers, sent at once after the confirmation."""
    WEEKLY = "weekly"
    """The digest of a weekly subscriber."""
    CATCH_UP = "catch_up"
    """The best of the days of a pause."""
    GOODBYE = "goodbye"
    """After an unsubscription, with a link that undoes it."""
    POST = "post"
    """The digest of a team, posted to a chat channel."""


KINDS = tuple(Kind)
PAPER_KINDS = (Kind.DIGEST, Kind.WELCOME, Kind.WEEKLY, Kind.CATCH_UP, Kind.POST)
"""The kinds that bring papers. Each continues where the last one of them ended."""
PLANNED_KINDS = (Kind.DIGEST, Kind.WEEKLY, Kind.POST)
"""The kinds that the clock plans, one of them for a subscriber and edition."""
TRANSACTIONAL_KINDS = (Kind.CONFIRM, Kind.LINKS, Kind.WELCOME, Kind.GOODBYE)
"""The kinds that somebody has just caused. There are few, so an index finds them fast."""

RECIPIENTS: Mapping[Kind, frozenset[Status]] = {
    Kind.DIGEST: frozenset({Status.ACTIVE}),
    Kind.CONFIRM: frozenset({Status.PENDING}),
    # An unsubscribed person may want to export or erase their data. A pending one of these had confirmed before.
    Kind.LINKS: frozenset({Status.ACTIVE, Status.PAUSED, Status.UNSUBSCRIBED, Status.PENDING}),
    Kind.WELCOME: frozenset({Status.ACTIVE}),
    Kind.WEEKLY: frozenset({Status.ACTIVE}),
    Kind.CATCH_UP: frozenset({Status.ACTIVE}),
    Kind.GOODBYE: frozenset({Status.UNSUBSCRIBED}),
    Kind.POST: frozenset({Status.ACTIVE}),
}
"""The status a subscriber must have to be sent a mail of each kind, checked until the mail is sent."""


class Stream(StrEnum):
    """What is sent separately: the transactional mails, which somebody has just requested, the digests, and the posts."""

    TRANSACTIONAL = "transactional"
    DIGEST = "digest"
    CHAT = "chat"


STREAMS = tuple(Stream)


def stream_of(kind: Kind) -> Stream:
    """Return the stream that a kind of mail is sent in."""
    if kind == Kind.POST:
        return Stream.CHAT
    return Stream.TRANSACTIONAL if kind in TRANSACTIONAL_KINDS else Stream.DIGEST


class Opinion(StrEnum):
    """The answer to "Was this a good digest?"."""

    YES = "yes"
    NO = "no"


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
