"""Benchmark of scoring: stored profiles against the papers of an edition, in batches as in delivery."""

import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from digest.bench.database import scratch_database
from digest.bench.fixtures import PATTERNS, Scale, fill
from digest.delivery.candidates import CandidateCache, Window
from digest.ranking.candidates import Candidates
from digest.ranking.profile import Profile
from digest.settings import Settings
from digest.store import terms as term_store
from digest.wiring import Container

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Measured:
    """The result."""

    profiles: int
    papers: int
    workers: int
    seconds: float

    @property
    def rate_per_s(self) -> float:
        """Profiles per second of all processes together."""
        return self.profiles / self.seconds


def bench(profiles: int, papers: int, workers: int, library: Path | None, now: datetime) -> Measured:
    """Score `profiles` against `papers` in `workers` processes. The time to read both is not counted."""
    candidates, stored = _make_fixtures(papers, library, now)
    batches = [_batch(stored, start, min(_BATCH, profiles - start)) for start in range(0, profiles, _BATCH)]
    candidates.score(batches[0])
    begun = time.perf_counter()
    if workers == 1:
        _score(candidates, batches)
    else:
        # Forked processes share the candidates without a copy. Each scores a part of the batches.
        context = multiprocessing.get_context("fork")
        processes = [
            context.Process(target=_score, args=(candidates, batches[place::workers]))
            for place in range(workers)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    return Measured(profiles, len(candidates.papers), workers, time.perf_counter() - begun)


def _score(candidates: Candidates, batches: Sequence[Sequence[Profile]]) -> None:
    for batch in batches:
        candidates.score(batch)


def _batch(stored: Sequence[Profile], start: int, size: int) -> list[Profile]:
    return [stored[place % len(stored)] for place in range(start, start + size)]


def _make_fixtures(papers: int, library: Path | None, now: datetime) -> tuple[Candidates, list[Profile]]:
    with (
        tempfile.TemporaryDirectory(prefix="digest-bench-") as name,
        scratch_database(None, Path(name)) as database_url,
    ):
        settings = Settings.model_construct(
            database_url=SecretStr(database_url), secret_key=SecretStr("the bench has no secrets")
        )
        container = Container(settings, lambda: now)
        try:
            fill(container, Scale(PATTERNS, papers, library=library), now)
            with container.database.read() as connection:
                stored = list(term_store.read_profiles(connection, range(1, PATTERNS + 1)).values())
                window = Window(now.date() - timedelta(days=7), now.date())
                versions = {profile.statistics_version for profile in stored}
                found = CandidateCache().candidates(connection, window, versions, now)
        finally:
            container.close()
    return found.candidates, stored
