"""The pace (maximum sending rate) of an account whose provider asked to slow down.

Additive increase, multiplicative decrease, as in TCP: each request to slow down halves the pace; then it grows every
minute by a twentieth of the former pace. An hour after the last request, the pace ends. Pure functions.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

SLOWEST = 0.1
"""Mails per second: one in ten seconds."""
REMEMBERED = timedelta(hours=1)
ONE_REQUEST = timedelta(seconds=10)
"""Requests within this time count as one: they answer mails that were in flight at the same time."""
_GROWTH_PER_MINUTE = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """The sending rate of an account after its provider asked to slow down."""

    mails_per_second: float
    """The pace directly after the request."""
    ceiling: float
    """The pace at which the provider asked to slow down."""
    slowed_at: datetime

    def at(self, now: datetime) -> float | None:
        """Return the maximum of mails per second at an instant; None for no limit."""
        quiet = now - self.slowed_at
        if quiet >= REMEMBERED:
            return None
        minutes = max(0.0, quiet.total_seconds()) / 60
        return self.mails_per_second + self.ceiling * _GROWTH_PER_MINUTE * minutes


def slow_down(pace: Pace | None, measured: float, now: datetime) -> Pace:
    """Return the pace after a request to slow down, when `measured` mails per second were sent."""
    present = pace.at(now) if pace else None
    if pace and present and now - pace.slowed_at < ONE_REQUEST:
        return pace
    too_fast = max(measured if present is None else min(present, max(measured, SLOWEST)), SLOWEST)
    return Pace(max(too_fast / 2, SLOWEST), too_fast, now)
