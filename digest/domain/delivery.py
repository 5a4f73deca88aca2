"""What kinds of mail there are, for whom, and a delivery that a worker has taken on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from digest.domain.subscriber import Status
from digest.errors import BadInput

Kind = Literal["digest", "confirm", "links"]

KINDS: tuple[Kind, ...] = get_args(Kind)

RECIPIENTS: Mapping[Kind, frozenset[Status]] = {
    "digest": frozenset({"active"}),
    "confirm": frozenset({"pending"}),
    # Who left may want to take along or erase what is kept; who waits here had confirmed once before.
    "links": frozenset({"active", "paused", "unsubscribed", "pending"}),
}
"""Whose subscribers may be sent a mail of each kind, up to the moment it is sent."""

Stream = Literal["transactional", "digest"]
"""Mails that somebody has just asked for and waits for, apart from the digests, which may be a million."""

STREAMS: tuple[Stream, ...] = get_args(Stream)

DeliveryStatus = Literal["planned", "claimed", "sent", "skipped", "failed"]

STATUSES: tuple[DeliveryStatus, ...] = get_args(DeliveryStatus)


def parse_delivery_status(text: str | None) -> DeliveryStatus | None:
    """Read a status as typed. Raises BadInput."""
    for status in STATUSES:
        if text == status:
            return status
    if text is None:
        return None
    raise BadInput(f"No delivery is ever {text!r}; choose from {', '.join(STATUSES)}.")


def parse_kind(text: str | None) -> Kind | None:
    """Read a kind as typed. Raises BadInput."""
    for kind in KINDS:
        if text == kind:
            return kind
    if text is None:
        return None
    raise BadInput(f"There are no mails of the kind {text!r}; choose from {', '.join(KINDS)}.")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery this worker has taken on until its lease is over."""

    id: int
    subscriber_id: int
    kind: Kind
    edition_on: date
    due_at: datetime
    attempts: int
    """Counts this one."""
    contents: dict[str, Any] | None
    """What the mail says, if it was composed before: then it is sent again just so."""
    in_flight: bool
    """Whoever had it before vanished after composing it: it may have been sent."""


CONFIRM_DAYS = 7
"""How long a confirmation link is good."""
