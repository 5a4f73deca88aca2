"""A delivery that a worker has taken on."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from digest.errors import BadInput

Kind = Literal["digest", "confirm"]
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


@dataclass(frozen=True, slots=True)
class Claimed:
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
