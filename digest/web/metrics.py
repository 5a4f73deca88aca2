"""The metrics at /metrics, in the text format of Prometheus. None of them is about a subscriber.

Everybody may see how many papers there are and how requests were answered. What else this installation counts, and its
state as `digest status` knows it, needs the token of DIGEST_METRICS_TOKEN.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from digest.metrics import WEB_ANSWERS, WEB_SECONDS
from digest.metrics_export import all_metrics, as_text
from digest.status.gauges import StatusGauges, paper_gauges
from digest.store import papers as paper_store
from digest.store.database import Database
from digest.wiring import Container

_PUBLIC = "digest_web_"


def count_answer(scope: Scope, status: int, seconds: float) -> None:
    """Count one response, by the pattern of its route: paths hold subscribers' links."""
    route = getattr(scope.get("route"), "path", "") or ("/static" if "endpoint" in scope else "none")
    WEB_ANSWERS.labels(route, status).inc()
    WEB_SECONDS.labels(route).observe(seconds)


class Metrics:
    """What one web application shows at /metrics."""

    def __init__(self, container: Container) -> None:
        self._papers = _PaperGauges(container.database, container.clock)
        self._status = StatusGauges(container)
        token = container.settings.metrics_token
        self._expected = f"Bearer {token.get_secret_value()}".encode() if token else None

    def allows_all(self, authorization: str) -> bool:
        """Return whether a request with this header may see everything."""
        given = authorization.encode()
        return self._expected is not None and hmac.compare_digest(given, self._expected)

    def public(self) -> bytes:
        """Return what everybody may see. Raises StopRun without a database."""
        registry = CollectorRegistry()
        registry.register(_WebCounts())
        registry.register(self._papers)
        return as_text(registry)

    def all(self) -> bytes:
        """Return everything; without a database, all but what is read from it."""
        return as_text(all_metrics(self._status))


class _WebCounts(Collector):
    """The counts of responses alone."""

    def describe(self) -> list[Metric]:
        """Return nothing: without this, registering would collect."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return the counts of all processes that count together."""
        return (family for family in all_metrics().collect() if family.name.startswith(_PUBLIC))


class _PaperGauges(Collector):
    """The gauges about papers alone, which need no look at the ledger."""

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
        yield from paper_gauges(count, newest_on, now)
