"""Measures whether response times reveal known addresses; run by hand:

    python -m tests.web.timing [--requests 200] [--database postgresql://…]

It starts `digest web` in a temporary folder and sends to /subscribe and to /links as many requests for known as for
unknown addresses, in random order. Then it finds the time limit that separates the two best, which needs the
measurements, so an attacker cannot do better. A share of 0.5 is guessing; by chance, the best limit over two times 200
requests gets 0.6 or more once in 1,500 runs. The exit code is 0 if no share is above 0.6.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from statistics import median
from urllib.parse import urlencode
from urllib.request import urlopen

from digest.clock import utc_now
from digest.store.database import Database
from digest.store.schema import upgrade
from digest.subscribers.addresses import parse_address
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import Application, subscribe_many
from digest.web.form_tokens import LEAST
from tests.factories import SECRET
from tests.services.installation import answers, free_port, wait_for
from tests.web.client import form_token_of

MOST = 0.6
DOMAINS = 10
PATHS = ("/subscribe", "/links")


@dataclass(frozen=True)
class Times:
    """Response times in seconds."""

    known: Sequence[float]
    unknown: Sequence[float]

    @property
    def share(self) -> float:
        """The share of requests that the best time limit classifies correctly."""
        return best_share(self.known, self.unknown)


def best_share(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the largest share of values of two equally large groups that one limit classifies correctly."""
    rated = sorted([(value, 1) for value in some] + [(value, -1) for value in others])
    ahead, furthest = 0, 0
    for _, kind in rated:
        ahead += kind
        furthest = max(furthest, abs(ahead))
    return 0.5 + furthest / len(rated)


def join(first: Times, second: Times) -> Times:
    """Return the times of two measurements in one."""
    return Times([*first.known, *second.known], [*first.unknown, *second.unknown])


def measure(
    port: int, path: str, form_token: str, known: Sequence[str], unknown: Sequence[str], rng: Random
) -> Times:
    """Request mail for each address, each from another network, in random order."""
    asked = [(address, True) for address in known] + [(address, False) for address in unknown]
    rng.shuffle(asked)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for number, (address, is_known) in enumerate(asked):
        body = urlencode({"email": address, "form_token": form_token})
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Forwarded-For": f"198.18.{number // 250}.{number % 250 + 1}",
        }
        begun = time.perf_counter()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        seconds[is_known].append(time.perf_counter() - begun)
        assert answer.status == 200, text
        assert b"Once more" not in text
    connection.close()
    return Times(seconds[True], seconds[False])


def old_enough_token(port: int) -> str:
    """Return a form token that is old enough for both forms."""
    with urlopen(f"http://127.0.0.1:{port}/links", timeout=30) as answer:
        form_token = form_token_of(answer.read().decode())
    time.sleep(LEAST.total_seconds())
    return form_token


@contextmanager
def context(folder: Path, database_url: str) -> Iterator[int]:
    """Serve the pages over an initialised database; yield the port."""
    port = free_port()
    settings = {
        "DIGEST_DATABASE_URL": database_url,
        "DIGEST_MAIL_URL": f"maildir:{folder}/outbox",
        "DIGEST_BASE_URL": f"http://127.0.0.1:{port}",
        "DIGEST_SENDER": "Trending papers <digest@papers.example.org>",
        "DIGEST_SECRET_KEY": SECRET.decode(),
    }
    command = [sys.executable, "-c", "from digest.cli import main; main()", "web", "--port", str(port)]
    server = subprocess.Popen(command, cwd=folder, env=settings)
    try:
        wait_for(lambda: answers(port), 60, "the start of digest web")
        yield port
    finally:
        server.terminate()
        server.wait(20)


def people(database: Database, count: int) -> tuple[list[str], list[str]]:
    """Add subscribers; return their addresses, and as many unknown ones."""
    known = [f"known{number}@d{number % DOMAINS}.example" for number in range(count)]
    applications = [Application(parse_address(address)) for address in known]
    with database.begin() as connection:
        subscribe_many(
            connection, ProfileBuilder(), SECRET, applications, utc_now(), confirmed=True, how="test"
        )
    return known, [f"other{number}@d{number % DOMAINS}.example" for number in range(count)]


def measure_all(
    folder: Path, database: Database, database_url: str, count: int, first: int | None = None
) -> dict[str, Times]:
    """Measure each of the two forms with `count` requests of each kind.

    With `first`, the rest of a form's requests is sent only if the first ones exceed MOST: by chance, 80 of each kind
    exceed it once in twelve runs, with a real difference nearly always.
    """
    known, unknown = people(database, count)
    rng = Random(7)
    with context(folder, database_url) as port:
        form_token = old_enough_token(port)
        found = {}
        for path in PATHS:
            head, tail = slice(first), slice(first, None)
            times = measure(port, path, form_token, known[head], unknown[head], rng)
            if first and times.share > MOST:
                times = join(times, measure(port, path, form_token, known[tail], unknown[tail], rng))
            found[path] = times
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="digest-timing-") as name:
        url = options.database or f"sqlite:///{name}/digest.db"
        database = Database(url)
        upgrade(database)
        found = measure_all(Path(name), database, url, options.requests)
        database.close()
    for path, times in found.items():
        sys.stdout.write(
            f"{path}: known {median(times.known) * 1000:.1f} ms, unknown {median(times.unknown) * 1000:.1f} ms, "
            f"{times.share:.0%} classified correctly\n"
        )
    return 0 if all(times.share <= MOST for times in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
