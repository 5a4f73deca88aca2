"""What happens next, and when. Pure functions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.papers.calendar import EASTERN, announces_on, out_at
from digest.status.facts import Facts

FETCHED_EVERY = timedelta(hours=1)
_DAYS_AHEAD = 12


@dataclass(frozen=True, slots=True)
class Tick:
    """Something that is due; `at` is None when nothing is."""

    what: str
    at: datetime | None


def next_ticks(facts: Facts) -> list[Tick]:
    """Return when the next announcement, fetch, digest and retry are due."""
    fetched = [feed.finished_at for feed in facts.feeds if feed.finished_at is not None]
    retries = [one.try_again_at for one in facts.server.circuits]
    ticks = [
        Tick("announcement", next_announcement(facts)),
        Tick("fetch", max(fetched) + FETCHED_EVERY if fetched else None),
        Tick("digest", facts.next_due_at),
    ]
    return ticks + ([Tick("try of the mail server", min(retries))] if retries else [])


def next_announcement(facts: Facts) -> datetime | None:
    """Return when arXiv's next listing is due."""
    today = facts.at.astimezone(EASTERN).date()
    days = (today + timedelta(days=ahead) for ahead in range(_DAYS_AHEAD))
    return next(
        (
            out_at(day)
            for day in days
            if announces_on(day, facts.calendar.holidays) and out_at(day) > facts.at
        ),
        None,
    )
