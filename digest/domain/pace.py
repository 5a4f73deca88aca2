"""The pace of an account whose provider asked to slow down: pure arithmetic.

Additive increase, multiplicative decrease, as in TCP: each request to slow down halves the pace, and without one it
grows by a twentieth of what it was before, every minute. After an hour without a request there is no pace any more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

SLOWEST = 0.1
"""Mails per second: one in ten seconds."""
REMEMBERED = timedelta(hours=1)
ONE_REQUEST = timedelta(seconds=10)
"""Requests so close together are one: they answer mails that were on their way side by side."""
_GROWTH_PER_MINUTE = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast mail may go to an account since its provider asked to slow down."""

    mails_per_second: float
    """Right after the request."""
    ceiling: float
    """The pace that was too fast."""
    slowed_at: datetime

    def at(self, now: datetime) -> float | None:
        """Return the mails per second that may go at an instant; None for no limit."""
        quiet = now - self.slowed_at
        if quiet >= REMEMBERED:
            return None
        minutes = max(0.0, quiet.total_seconds()) / 60
        return self.mails_per_second + self.ceiling * _GROWTH_PER_MINUTE * minutes


def slow_down(pace: Pace | None, measured: float, now: datetime) -> Pace:
    """Return the pace after a request to slow down, when `measured` mails a second went to the account."""
    present = pace.at(now) if pace else None
    if pace and present and now - pace.slowed_at < ONE_REQUEST:
        return pace
    too_fast = max(measured if present is None else min(present, max(measured, SLOWEST)), SLOWEST)
    return Pace(max(too_fast / 2, SLOWEST), too_fast, now)
