"""The curves of the last thirty days, filled up to one value for each day. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from digest.status.facts import Facts
from digest.store.overview import EditionFigures, Growth

DAYS = 30
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Curves:
    """One value for each day, the oldest first."""

    days: Sequence[date]
    editions: Sequence[EditionFigures | None]
    """None: no digest was planned that day."""
    subscribers: Sequence[int]
    """Confirmed subscribers who had not left, at the end of each day (UTC)."""

    @property
    def gained(self) -> int:
        """How many more subscribers there are than at the end of the first day."""
        return self.subscribers[-1] - self.subscribers[0]


def curves_of(facts: Facts) -> Curves:
    """Return the curves up to today, or up to tomorrow if its edition has begun in the east."""
    today = facts.at.date()
    newest = max([edition.edition_on for edition in facts.editions] + [today])
    days = [newest - back * _DAY for back in range(DAYS - 1, -1, -1)]
    by_day = {edition.edition_on: edition for edition in facts.editions}
    present = facts.subscribers.get("active", 0) + facts.subscribers.get("paused", 0)
    return Curves(days, [by_day.get(day) for day in days], subscribers_by_day(present, facts.growth, days))


def subscribers_by_day(present: int, growth: Sequence[Growth], days: Sequence[date]) -> list[int]:
    """Return how many subscribers there were on each day, counted back from how many there are now.

    Those who came back after they had left count once only, so an old figure can be a little too low.
    """
    changes: Mapping[date, int] = {one.day: one.joined - one.left for one in growth}
    counts, left = [], present
    for day in reversed(days):
        counts.append(max(0, left))
        left -= changes.get(day, 0)
    return counts[::-1]
