"""The state of an installation as metrics: what `digest status` knows, read from the database when they are collected."""

import time as timer
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from threading import Lock

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from digest.doctor.check import State
from digest.domain.delivery import STREAMS
from digest.domain.subscriber import Status
from digest.errors import DigestError
from digest.status.facts import Facts, Ledger, MailServer
from digest.status.gather import gather
from digest.status.judge import Freshness, freshness, judge
from digest.wiring import Container

CACHED_SECONDS = 15.0
"""How long the facts are kept: on a large installation reading them takes a second."""


class StatusGauges(Collector):
    """The gauges of an installation. Thread-safe."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._reading = Lock()
        self._facts: Facts | None = None
        self._read_at = 0.0

    def describe(self) -> list[Metric]:
        """Return nothing: without this, registering would read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; if the database cannot be read, only that."""
        facts = self._recent_facts()
        yield _gauge("digest_database_up", "Whether the database can be read.", facts is not None)
        if facts is not None:
            yield from families(facts)

    def _recent_facts(self) -> Facts | None:
        with self._reading:
            if self._facts is None or timer.monotonic() - self._read_at > CACHED_SECONDS:
                try:
                    self._facts = gather(self._container)
                except DigestError:
                    self._facts = None
                self._read_at = timer.monotonic()
            return self._facts


def families(facts: Facts) -> Iterator[Metric]:
    """Yield the gauges of these facts."""
    yield from paper_gauges(facts.papers, facts.newest_on, facts.at)
    yield from _feed_gauges(facts)
    found = {status: facts.subscribers.get(status, 0) for status in Status}
    yield _labelled("digest_subscribers", "Subscribers by status.", "status", found.items())
    yield _gauge("digest_waiting_profiles", "Profiles to be rebuilt.", facts.profiles_waiting)
    yield from _ledger_gauges(facts.ledger, facts.at)
    yield from _server_gauges(facts.server)
    states = Counter(check.state for check in judge(facts))
    findings = [(state, states[state]) for state in (State.WARNING, State.BAD)]
    yield _labelled("digest_findings", "Findings of `digest status` that need action.", "state", findings)
    if facts.space.free_bytes is not None:
        yield _gauge("digest_disk_free_bytes", "Free space for the SQLite file.", facts.space.free_bytes)
    if facts.beat is not None:
        yield _gauge("digest_beat_up", "Whether a beat starts tasks.", not facts.beat)


def paper_gauges(count: int, newest_on: date | None, now: datetime) -> Iterator[Metric]:
    """Yield how many papers are stored, and how old the newest is."""
    yield _gauge("digest_papers", "Stored papers.", count)
    if newest_on is not None:
        age = (now - datetime.combine(newest_on, time(), UTC)).total_seconds()
        help_text = "Seconds since the day of the newest announcement began (UTC)."
        yield _gauge("digest_newest_paper_age_seconds", help_text, age)


def _feed_gauges(facts: Facts) -> Iterator[Metric]:
    ages = [
        (feed.source, (facts.at - feed.last_good_at).total_seconds())
        for feed in facts.feeds
        if feed.last_good_at is not None
    ]
    yield _labelled("digest_feed_age_seconds", "Seconds since a feed was read well.", "source", ages)
    states = GaugeMetricFamily(
        "digest_feed_state", "1 for the state of a feed by the calendar.", labels=["source", "state"]
    )
    for feed in facts.feeds:
        found = freshness(feed, facts.calendar, facts.at)
        for state in Freshness:
            states.add_metric([feed.source, state], state == found)
    yield states


def _ledger_gauges(ledger: Ledger, now: datetime) -> Iterator[Metric]:
    queue, since = ledger.queue, ledger.queue.overdue_since
    yield _gauge("digest_open_deliveries", "Deliveries that are not settled.", queue.open)
    yield _gauge("digest_ready_deliveries", "Deliveries that could be sent now.", queue.overdue)
    yield _gauge("digest_retried_deliveries", "Deliveries that wait for another attempt.", queue.to_retry)
    age = (now - since).total_seconds() if since else 0
    yield _gauge("digest_queue_age_seconds", "Seconds that the oldest of the ready deliveries waits.", age)
    yield _gauge(
        "digest_unplanned_subscribers", "Subscribers whose digest is due and not planned.", ledger.unplanned
    )


def _server_gauges(server: MailServer) -> Iterator[Metric]:
    names = [circuit.name for circuit in server.circuits]
    # The name of a circuit breaker starts with the account, which may be an address.
    streams = [next((one for one in STREAMS if name.endswith(f" {one}")), "all") for name in names]
    opened = [(stream, stream in streams) for stream in ("all", *STREAMS)]
    yield _labelled("digest_circuit_open", "1 for an open circuit breaker.", "stream", opened)
    answers = server.answers
    yield _gauge(
        "digest_bounce_ratio", "Refused and returned mails of a week, of those sent.", answers.bounce_rate
    )
    yield _gauge("digest_complaint_ratio", "Complaints of a week, of accepted mails.", answers.complaint_rate)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, float(value))


def _labelled(name: str, help_text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, number in values:
        family.add_metric([value], float(number))
    return family
