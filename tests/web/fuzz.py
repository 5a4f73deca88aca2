"""Requests of every shape by the thousand, by hand: does any of them end in a fault of ours?

    python -m tests.web.fuzz [--requests 20000] [--seed 1] [--database-url postgresql://127.0.0.1/postgres]

A quarter keeps to the interface's own description, and breaks it in every way schemathesis knows; those answers
are held against the description too. The rest are forms, links and addresses of subscribers, whole, tampered with or
made up. The exit code is 0 when no answer had a status of 500 or more, and none broke the description.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.core.failures import FailureGroup

from digest.bench.database import scratch_database
from tests.factories import WEDNESDAY, Clock, at
from tests.web.conftest import make_container
from tests.web.fuzz_requests import QUESTIONS, Question, Target, kinds_of_calls


@dataclass
class Counts:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def send_requests(
    target: Target, strategy: Any, count: int, number: int, ask: Callable[[Target, Any, Counts], None]
) -> Counts:
    """Ask so many questions of a strategy, other ones for another number."""
    counts = Counts()

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def pour(question: Any) -> None:
        ask(target, question, counts)

    pour()
    return counts


def ask_anything(target: Target, question: Question, counts: Counts) -> None:
    """Send a request, and note a fault of ours."""
    answer = question.ask(target)
    counts.statuses[answer.status_code] += 1
    if answer.status_code >= 500:
        counts.faults.append(f"{answer.status_code} for {question}")


def ask_by_the_book(_target: Target, case: Any, counts: Counts) -> None:
    """Send a request to the interface, and note an answer that is not as described."""
    answer = case.call()
    counts.statuses[answer.status_code] += 1
    try:
        case.validate_response(answer)
    except FailureGroup as failure:
        counts.faults.append(str(failure))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def fuzz(target: Target, count: int, number: int) -> Counts:
    """Ask everything; tell what came back."""
    whole = Counts()
    calls = list(kinds_of_calls(target))
    each = count // 4 // len(calls)
    shares: list[tuple[str, Any, int, Callable[[Target, Any, Counts], None]]] = [
        *((name, cases, each, ask_by_the_book) for name, cases in calls),
        ("forms, links and addresses", QUESTIONS, count - each * len(calls), ask_anything),
    ]
    for name, strategy, share, ask in shares:
        found = send_requests(target, strategy, share, number, ask)
        say(f"{name}: {found.statuses.total()} requests, {dict(sorted(found.statuses.items()))}")
        for fault in found.faults[:5]:
            say(f"  FAULT {fault}")
        whole.statuses.update(found.statuses)
        whole.faults.extend(found.faults)
    return whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--database-url", help="a PostgreSQL to make a scratch database in; else an SQLite file"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="digest-storm-") as name:
        folder = Path(name)
        with scratch_database(asked.database_url, folder) as url:
            clock = Clock(at(WEDNESDAY, 12))
            container = make_container(url, clock, folder / "outbox")
            try:
                found = fuzz(Target(container, clock), asked.requests, asked.seed)
            finally:
                container.close()
    say(
        f"{found.statuses.total()} requests, {dict(sorted(found.statuses.items()))}: {len(found.faults)} faults"
    )
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
