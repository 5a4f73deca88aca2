"""The long outage run, by hand: `digest up` sends for minutes while its mail server goes down again and again.

    python -m tests.services.outage_run [--minutes 12] [--subscribers 1000] [--outages 5]

It starts `digest up` on SQLite and a mail server that is stopped and started at even intervals, and then counts.
The exit code is 0 when every mail came, and none twice.
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

from sqlalchemy import func, select, update

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
from tests.services.installation import answers, free_port, wait_for


def say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


@dataclass
class Outages:
    """A `digest up` and a mail server that can be taken away."""

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
        """Have a confirmation wait, too."""
        add_subscriber(self.database, f"{name}@example.org", status=Status.PENDING, now=utc_now())
        self.planned += 1

    def hurry(self) -> None:
        """Let the time pass that the breaker and put-off mails wait for."""
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
        query = select(deliveries.c.status, func.count()).group_by(deliveries.c.status)
        with self.database.read() as connection:
            return Counter(dict(connection.execute(query).all()))

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


def run(scene: Outages, minutes: float, outages: int) -> bool:
    span = minutes * 60 / (2 * outages + 1)
    for number in range(outages):
        scene.start_server()
        say(f"up   {dict(scene.statuses())}")
        time.sleep(span)
        scene.stop_server()
        scene.sign_up(f"new{number}")
        say(f"down {dict(scene.statuses())}")
        time.sleep(span)
    scene.start_server()
    say("up for good")
    began_at = time.monotonic()
    wait_for(lambda: scene.sent() == scene.planned, 3600, "the last mail")
    say(f"the last mail went out {time.monotonic() - began_at:.0f} s after the last outage")
    got = Counter(scene.recipients())
    twice = sum(count - 1 for count in got.values())
    say(
        f"{scene.planned} mails planned, {len(got)} came, {twice} of them twice; ledger {dict(scene.statuses())}"
    )
    return len(got) == scene.planned and not twice and scene.stop() == 0


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=12)
    asked.add_argument("--subscribers", type=int, default=1000)
    asked.add_argument("--outages", type=int, default=5)
    wish = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="digest-outage-") as name:
        # As many a second as keep it busy while the server is up.
        rate = max(1, round(2.5 * wish.subscribers / (wish.minutes * 60)))
        scene = Outages(Path(name), wish.subscribers)
        try:
            scene.start_up(rate)
            return 0 if run(scene, wish.minutes, wish.outages) else 1
        finally:
            sys.stdout.write((scene.folder / "up.log").read_text(errors="replace"))
            scene.close()


if __name__ == "__main__":
    sys.exit(main())
