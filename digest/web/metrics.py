"""The figures at /metrics, in the text format of Prometheus. None of them is about a subscriber.

Where PROMETHEUS_MULTIPROC_DIR names a folder, each process counts in a file of that folder, and every process
returns the sum. `digest web` sets it when it starts more than one process.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time

from prometheus_client import CollectorRegistry, Counter, Metric, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from digest.store import papers as paper_store
from digest.store.database import Database

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The counters of one web application, and the gauges that are read from the database."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._gauges = _PaperGauges(database, clock)
        self._answers = Counter("digest_web_answers", "HTTP responses by status.", ["status"], registry=None)

    def count_answer(self, status: int) -> None:
        """Count one response."""
        self._answers.labels(status).inc()

    def text(self) -> bytes:
        """Return all figures in the text format, version 0.0.4. Raises StopRun without a database."""
        registry = CollectorRegistry()
        registry.register(self._gauges)
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        else:
            registry.register(self._answers)
        return generate_latest(registry)


class _PaperGauges(Collector):
    """How many papers are stored, and how old the newest is."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def describe(self) -> list[Metric]:
        """Return nothing: without this, registering would read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges as of now."""
        now = self._clock()
        with self._database.read() as connection:
            count = paper_store.count_papers(connection)
            newest_on = paper_store.newest_announcement(connection, now.date())
        yield GaugeMetricFamily("digest_papers", "Stored papers.", count)
        if newest_on is not None:
            age = now - datetime.combine(newest_on, time(), UTC)
            yield GaugeMetricFamily(
                "digest_newest_paper_age_seconds",
                "Seconds since the day of the newest announcement began (UTC).",
                age.total_seconds(),
            )
