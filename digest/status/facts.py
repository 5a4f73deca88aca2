"""What is known about an installation at one instant. Values only; `gather` reads them, `judge` judges them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from digest.doctor.space import Space
from digest.domain.pace import Pace
from digest.domain.paper import FetchStatus
from digest.store.circuit_breakers import Circuit
from digest.store.health import Queue, Settled
from digest.store.overview import EditionFigures, Growth, ServerAnswers
from digest.store.refusals import DoubtfulEdition


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """A feed of the settings and its last fetch; without a fetch, only the source is given."""

    source: str
    status: FetchStatus | None = None
    finished_at: datetime | None = None
    seen: int = 0
    added: int = 0
    newest_on: date | None = None
    """The newest announcement that the last fetch found."""
    error: str = ""
    last_good_at: datetime | None = None
    newest_known_on: date | None = None
    """The newest announcement that any fetch of the last weeks found."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the announcement calendar and the settings say about feeds."""

    holidays: Collection[date]
    late_feed_wait: timedelta


@dataclass(frozen=True, slots=True)
class Ledger:
    """The deliveries: what is planned, waiting and done."""

    queue: Queue
    unplanned: int
    unplanned_since: datetime | None
    strayed: int
    settled: Settled
    """During the last day."""
    per_minute: float
    """Mails sent, on average of the last five minutes."""
    counts: Sequence[tuple[date, str, str, str, int]]
    """(edition, kind, status, reason, count) of the last week, the newest first."""
    stale_after: timedelta
    sent_until: datetime | None = None
    """When the last mail was sent, as stored outside of the database."""
    recorded_until: datetime | None = None
    """When the last mail was sent, as stored in the database."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The state of sending: circuit breakers, limits, and what servers answered in the last week."""

    circuits: Sequence[Circuit]
    doubtful_editions: Sequence[DoubtfulEdition]
    limits: Sequence[str]
    pace: Pace | None
    answers: ServerAnswers
    inbound: Mapping[tuple[str, str], int]
    """Reports of the last day by (kind, outcome)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of an installation."""

    at: datetime
    papers: int
    newest_on: date | None
    feeds: Sequence[FeedFacts]
    calendar: Calendar
    subscribers: Mapping[str, int]
    """Number of subscribers by status."""
    growth: Sequence[Growth]
    next_due_at: datetime | None
    profiles_waiting: int
    ledger: Ledger
    editions: Sequence[EditionFigures]
    """Of the last thirty days, the oldest first."""
    server: MailServer
    space: Space
    beat: str | None
    """Why the beat is silent; "" if it is not; None where no beat is needed."""

    @property
    def was_used(self) -> bool:
        """Whether a feed was ever read."""
        return any(feed.status is not None for feed in self.feeds)


def as_record(facts: Facts) -> dict[str, Any]:
    """Return the facts for `--json`; dates are not converted."""
    queue, pace = facts.ledger.queue, facts.server.pace
    answers = facts.server.answers
    return {
        "at": facts.at,
        "papers": facts.papers,
        "newest_on": facts.newest_on,
        "feeds": [
            {name: getattr(feed, name) for name in _FEED_KEYS}
            for feed in facts.feeds
            if feed.status is not None
        ],
        "readers": dict(facts.subscribers),
        "next_due_at": facts.next_due_at,
        "circuits": [asdict(one) for one in facts.server.circuits],
        "doubtful_editions": [asdict(one) for one in facts.server.doubtful_editions],
        "inbound": [
            {"kind": kind, "outcome": outcome, "count": count}
            for (kind, outcome), count in sorted(facts.server.inbound.items())
        ],
        "deliveries": [
            {"edition_on": day, "kind": kind, "status": state, "reason": reason, "count": count}
            for day, kind, state, reason, count in facts.ledger.counts
        ],
        "queue": asdict(queue),
        "sent_per_minute": facts.ledger.per_minute,
        "limits": list(facts.server.limits),
        "pace_per_second": pace.at(facts.at) if pace else None,
        "bounce_rate": answers.bounce_rate,
        "complaint_rate": answers.complaint_rate,
        "answers": asdict(answers),
        "profiles_waiting": facts.profiles_waiting,
        "growth": [asdict(day) for day in facts.growth],
        "editions": [asdict(edition) for edition in facts.editions],
        "space": asdict(facts.space),
        "beat": facts.beat,
    }


_FEED_KEYS = ("source", "status", "finished_at", "seen", "added", "newest_on", "error")
