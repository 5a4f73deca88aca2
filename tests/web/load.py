"""A load test of sign-ups and requests for links, run by hand: the limits must hold and pages be served.

    python -m tests.web.load [--posts 10000] [--processes 1] [--callers 32]

It starts `digest web` in a temporary folder (SQLite and a Maildir; with more than one process also a Redis), sends
forms with a valid token from many network addresses for many mail addresses, and requests the home page meanwhile. The
exit code is 0 if no limit was exceeded, no mail was sent without an accepted form, and the home page was always served.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random

import httpx

from digest.clock import utc_now
from digest.papers.ingest import ingest
from digest.sample import sample_items
from digest.store import delivery_reports
from digest.store.database import Database
from digest.store.schema import upgrade
from digest.web.form_tokens import LEAST
from digest.web.limits import mail_limits
from tests.factories import SECRET, add_subscribers
from tests.services.installation import answers, free_port, wait_for
from tests.web.client import form_token_of

ACCEPTED = "Check your inbox"
SUBSCRIBERS = 20


@dataclass(frozen=True)
class Post:
    """One form to be sent."""

    host: str
    path: str
    address: str

    @property
    def limits(self) -> dict[str, int]:
        return mail_limits(self.host, self.address.rpartition("@")[2])


def posts(count: int, networks: int, people: int, rng: Random) -> list[Post]:
    """Return `count` forms of `people` addresses from `networks` networks, unevenly distributed.

    Most addresses have the same mail provider. One form in five requests links, half of those for a subscriber.
    """
    made = []
    for _ in range(count):
        network = int(networks * rng.random() ** 2)
        host = f"198.18.{network // 250}.{network % 250 + 1}"
        person = rng.randrange(people)
        if rng.random() < 0.8:
            domain = "mail.example" if person % 5 else f"d{person}.example"
            made.append(Post(host, "/subscribe", f"a{person}@{domain}"))
        else:
            made.append(Post(host, "/links", f"r{rng.randrange(2 * SUBSCRIBERS) + 1:03}@example.org"))
    return made


def allowed(asked: Sequence[Post]) -> list[Post]:
    """Return the forms that the limits accept, sent in order within an hour."""
    counts = Counter[str]()
    through = []
    for post in asked:
        if all(counts[key] < limit for key, limit in post.limits.items()):
            counts.update(post.limits.keys())
            through.append(post)
    return through


def exceeded(through: Sequence[Post]) -> dict[str, int]:
    """Return the keys of exceeded limits, with their counts."""
    counts = Counter(key for post in through for key in post.limits)
    limits = {key: limit for post in through for key, limit in post.limits.items()}
    return {key: count for key, count in counts.items() if count > limits[key]}


def mails_of(database: Database) -> list[tuple[str, str]]:
    """Return (kind, address) of every mail in the ledger."""
    with database.read() as connection:
        return [(row.kind, row.address) for row in delivery_reports.find(connection, limit=1_000_000)]


@dataclass
class Counts:
    """The responses to the forms."""

    through: list[Post] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


def load_test(url: str, asked: Sequence[Post], callers: int) -> Counts:
    """Send all forms over `callers` connections."""
    return asyncio.run(_load_test(url, asked, callers))


async def _load_test(url: str, asked: Sequence[Post], callers: int) -> Counts:
    counts, queue = Counts(), iter(asked)
    limits = httpx.Limits(max_connections=callers, max_keepalive_connections=callers)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        form_token = form_token_of((await client.get("/subscribe")).text)
        await asyncio.sleep(LEAST.total_seconds())
        await asyncio.gather(*(_call(client, queue, form_token, counts) for _ in range(callers)))
    return counts


async def _call(client: httpx.AsyncClient, queue: Iterator[Post], form_token: str, counts: Counts) -> None:
    for post in queue:
        begun = time.perf_counter()
        answer = await client.post(
            post.path,
            data={"email": post.address, "form_token": form_token},
            headers={"X-Forwarded-For": post.host},
        )
        counts.seconds.append(time.perf_counter() - begun)
        counts.statuses[answer.status_code] += 1
        if ACCEPTED in answer.text:
            counts.through.append(post)


@dataclass
class Requests:
    """The responses of the home page meanwhile."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def request_home(self, client: httpx.Client) -> None:
        begun = time.perf_counter()
        self.statuses[client.get("/").status_code] += 1
        self.seconds.append(time.perf_counter() - begun)


def at_share(seconds: Sequence[float], share: float) -> str:
    return f"{sorted(seconds)[int(share * (len(seconds) - 1))] * 1000:.0f} ms"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def judge(counts: Counts, requests: Requests, database: Database, outbox: Path) -> bool:
    planned = mails_of(database)
    sent = len(list((outbox / "new").glob("*"))) if outbox.exists() else 0
    accepted = {
        ("confirm" if post.path == "/subscribe" else "links", post.address) for post in counts.through
    }
    say(f"answers: {dict(counts.statuses)}; {len(counts.through)} accepted")
    say(f"mails: {len(planned)} planned, {sent} sent by `digest web`")
    say(f"a post took {at_share(counts.seconds, 0.5)}, at worst {at_share(counts.seconds, 1)}")
    say(
        f"the home page, {len(requests.seconds)} times: median {at_share(requests.seconds, 0.5)}, "
        f"p99 {at_share(requests.seconds, 0.99)}, at worst {at_share(requests.seconds, 1)}"
    )
    faults = {
        "a limit was exceeded": exceeded(counts.through),
        "a mail was sent without an accepted form": set(planned) - accepted,
        "a mail was planned twice": len(planned) - len(set(planned)),
        "a post was answered with an error": set(counts.statuses) - {200, 429},
        "the home page was not served": set(requests.statuses) - {200},
    }
    for fault, found in faults.items():
        if found:
            say(f"{fault.upper()}: {found}")
    return not any(faults.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--callers", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="digest-load-") as name:
        folder = Path(name)
        database = Database(f"sqlite:///{folder}/digest.db")
        upgrade(database)
        ingest(database, sample_items(utc_now()), utc_now())
        add_subscribers(database, SUBSCRIBERS, now=utc_now())
        servers: list[subprocess.Popen[bytes]] = []
        try:
            url = start(folder, options.processes, servers)
            made = posts(options.posts, options.posts // 10, options.posts, Random(7))
            counts, requests = watch(url, made, options.callers)
            return 0 if judge(counts, requests, database, folder / "outbox") else 1
        finally:
            for server in servers:
                server.terminate()
                server.wait(20)
            database.close()


def watch(url: str, made: Sequence[Post], callers: int) -> tuple[Counts, Requests]:
    """Send the forms from another process, and request the home page meanwhile."""
    requests = Requests()
    begun = time.perf_counter()
    with ProcessPoolExecutor(1, get_context("spawn")) as others, httpx.Client(base_url=url) as client:
        sending = others.submit(load_test, url, made, callers)
        while not sending.done():
            requests.request_home(client)
            time.sleep(0.02)
        say(f"{len(made)} posts in {time.perf_counter() - begun:.1f} s")
        return sending.result(), requests


def start(folder: Path, processes: int, servers: list[subprocess.Popen[bytes]]) -> str:
    """Start `digest web`, with a Redis for several processes; return its URL."""
    port, redis_port = free_port(), free_port()
    settings = {
        "DIGEST_DATABASE_URL": f"sqlite:///{folder}/digest.db",
        "DIGEST_MAIL_URL": f"maildir:{folder}/outbox",
        "DIGEST_BASE_URL": f"http://127.0.0.1:{port}",
        "DIGEST_SENDER": "Trending papers <digest@papers.example.org>",
        "DIGEST_SECRET_KEY": SECRET.decode(),
    }
    if processes > 1:
        program = shutil.which("redis-server")
        assert program is not None, "more than one process needs a redis-server on this machine"
        command = [
            program,
            "--port",
            str(redis_port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(folder),
        ]
        servers.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        settings["DIGEST_BROKER_URL"] = f"redis://127.0.0.1:{redis_port}/0"
        wait_for(lambda: answers(redis_port), 10, "the start of Redis")
    command = [sys.executable, "-c", "from digest.cli import main; main()"]
    command += ["web", "--port", str(port), "--processes", str(processes)]
    servers.append(subprocess.Popen(command, cwd=folder, env=settings))
    wait_for(lambda: answers(port), 60, "the start of digest web")
    return settings["DIGEST_BASE_URL"]


if __name__ == "__main__":
    sys.exit(main())
