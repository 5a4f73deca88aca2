"""The long outage test, run by hand: `digest up` sends for minutes while its mail server stops repeatedly.

    python -m tests.services.outage_run [--minutes 12] [--subscribers 1000] [--outages 5]

It starts `digest up` on SQLite and a mail server that is stopped and started at even intervals, and counts
the mails. The exit code is 0 if every mail was received exactly once.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from digest.clock import utc_now
from digest.delivery.plan import plan_due
from digest.domain.subscriber import Status
from digest.store.circuit_breakers import open_circuits
from digest.store.database import Database
from digest.store.mail_server_models import circuits
from digest.store.models import deliveries
from digest.store.schema import upgrade
from digest.subscribers.profiles import ProfileBuilder
from tests.conftest import ROOT
from tests.factories import add_papers, add_subscriber, make_papers
from tests.services.installation import answers, count_by_status, free_port, wait_for


def say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


@dataclass
class Outages:
    """A `digest up` and a mail server that can be stopped."""

    folder: Path
    subscribers: int
    port: int = field(default_factory=free_port)
    server: subprocess.Popen[bytes] | None = None
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.url = f"sqlite:///{self.folder / 'digest.db'}"
        self.database = Database(self.url)
        upgrade(self.database)
        now = utc_now()
        add_papers(self.database, *make_papers(40, announced_on=now.date() - timedelta(days=1)), now=now)
        builder = ProfileBuilder()
        for number in range(self.subscribers):
            add_subscriber(self.database, f"r{number:04}@example.org", builder=builder, now=now)
        self.planned = plan_due(self.database, now)

    def start_up(self, mails_per_second: int) -> None:
        """Start `digest up`."""
        environment = {
            "PYTHONPATH": str(ROOT),
            "DIGEST_DATABASE_URL": self.url,
            "DIGEST_MAIL_URL": f"smtp://127.0.0.1:{self.port}",
            "DIGEST_MAIL_LIMITS": f"{mails_per_second}/second",
            "DIGEST_HUGGINGFACE_URL": "http://127.0.0.1:1",
            "DIGEST_ARXIV_RSS_URL": "http://127.0.0.1:1",
            "DIGEST_FETCH_TRIES": "1",
        }
        with (self.folder / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from digest.cli import main; main()", "up", "--no-web"],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )

    @property
    def notes(self) -> Path:
        return self.folder / "received.txt"

    def start_server(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.services.mail_server", str(self.port), str(self.notes)], cwd=ROOT
        )
        wait_for(lambda: answers(self.port), 20, "the mail server's start")

    def stop_server(self) -> None:
        assert self.server is not None
        self.server.terminate()
        self.server.wait(10)
        self.server = None

    def sign_up(self, name: str) -> None:
        """Add a pending subscriber, whose confirmation waits."""
        add_subscriber(self.database, f"{name}@example.org", status=Status.PENDING, now=utc_now())
        self.planned += 1

    def skip_waits(self) -> None:
        """Make the turn of the half-open breaker and all delayed mails due."""
        now = utc_now()
        with self.database.begin() as connection:
            connection.execute(update(circuits).values(try_again_at=now))
            connection.execute(
                update(deliveries).where(deliveries.c.status == "planned").values(next_try_at=now)
            )

    def is_open(self) -> bool:
        with self.database.read() as connection:
            return bool(open_circuits(connection))

    def statuses(self) -> Counter[str]:
        return count_by_status(self.database)

    def sent(self) -> int:
        return self.statuses()["sent"]

    def recipients(self) -> list[str]:
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [line.split("\t")[0] for line in lines]

    def stop(self) -> int:
        """Stop `digest up` as an operator would; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def close(self) -> None:
        for process in (self.process, self.server):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait(10)
        self.database.close()


def run(outage_setup: Outages, minutes: float, outages: int) -> bool:
    span = minutes * 60 / (2 * outages + 1)
    for number in range(outages):
        outage_setup.start_server()
        say(f"up   {dict(outage_setup.statuses())}")
        time.sleep(span)
        outage_setup.stop_server()
        outage_setup.sign_up(f"new{number}")
        say(f"down {dict(outage_setup.statuses())}")
        time.sleep(span)
    outage_setup.start_server()
    say("up for good")
    began_at = time.monotonic()
    wait_for(lambda: outage_setup.sent() == outage_setup.planned, 3600, "the last mail")
    say(f"the last mail went out {time.monotonic() - began_at:.0f} s after the last outage")
    got = Counter(outage_setup.recipients())
    twice = sum(count - 1 for count in got.values())
    say(
        f"{outage_setup.planned} mails planned, {len(got)} received, {twice} of them twice; ledger {dict(outage_setup.statuses())}"
    )
    return len(got) == outage_setup.planned and not twice and outage_setup.stop() == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--outages", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="digest-outage-") as name:
        # A rate that keeps it busy while the server is up.
        rate = max(1, round(2.5 * options.subscribers / (options.minutes * 60)))
        outage_setup = Outages(Path(name), options.subscribers)
        try:
            outage_setup.start_up(rate)
            return 0 if run(outage_setup, options.minutes, options.outages) else 1
        finally:
            sys.stdout.write((outage_setup.folder / "up.log").read_text(errors="replace"))
            outage_setup.close()


if __name__ == "__main__":
    sys.exit(main())
