"""A fetcher whose waits are recorded instead of slept."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from digest.papers.sources.http import Fetcher, user_agent

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class Waits:
    """Replaces sleeping and records the durations."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def make_fetcher(waits: Waits, **options: Any) -> Fetcher:
    return Fetcher(
        user_agent=user_agent("1.2", "https://papers.example.org", "ops@example.org"),
        now=lambda: NOW,
        sleep=waits,
        random=Random(1),
        **{"timeout": timedelta(seconds=5)} | options,
    )
