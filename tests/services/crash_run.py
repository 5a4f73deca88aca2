"""The long crash run, by hand: everything dies at random while thousands of digests go out.

    python -m tests.services.crash_run [--subscribers 20000] [--kills 30] [--evil 0.06] [--workers 3]
        [--backend-kills 1]

It starts a PostgreSQL, a Redis, an evil mail server and workers of its own in a folder that is gone afterwards,
kills workers and a backend of PostgreSQL with SIGKILL, restarts PostgreSQL twice and Redis once, flushes Redis,
and then counts. The exit code is 0 when every subscriber has exactly one mail or a recorded permanent failure, and
no more mails came twice than were on their way at a kill or whose answer was never given.
"""

import argparse
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pydantic import SecretStr
from sqlalchemy import text

from digest.bench.fixtures import Scale, fill
from digest.clock import utc_now
from digest.delivery.plan import plan_due
from digest.errors import StopRun
from digest.mail.transports import CONNECTIONS
from digest.settings import Settings
from digest.store.database import Database
from digest.store.schema import upgrade
from digest.wiring import Container
from tests.services.installation import Installation, copies, free_port, wait_for


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass
class Cluster:
    """A PostgreSQL of its own, run by an ordinary user as it must be."""

    folder: Path
    port: int

    def __post_init__(self) -> None:
        self.data = self.folder / "data"
        if os.geteuid() == 0:
            os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, -1)
        self._do("initdb", "-D", str(self.data), "-U", "root", "-A", "trust", "--no-sync")
        self.start()
        self.url = f"postgresql://root@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self._do("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, how: str) -> None:
        self._do("pg_ctl", "-D", str(self.data), "-w", "-m", how, "stop")

    def kill_backend(self, rng: Random) -> None:
        """Kill one server process of a client with SIGKILL; PostgreSQL then ends all sessions and recovers."""
        database = Database(self.url)
        with database.read() as connection:
            pids = connection.execute(
                text(
                    "SELECT pid FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid"
                )
            ).scalars()
            victim = rng.choice(list(pids))
        os.kill(victim, signal.SIGKILL)
        database.close()

    def _do(self, program: str, *arguments: str) -> None:
        path = shutil.which(program) or next(
            (str(one) for one in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))), ""
        )
        command = [path, *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL)


def populate(url: str, subscribers: int) -> None:
    database = Database(url)
    upgrade(database)
    database.close()
    settings = Settings.model_construct(database_url=SecretStr(url), secret_key=SecretStr("crash"))
    container = Container(settings, utc_now)
    fill(container, Scale(subscribers, 300), utc_now())
    say(f"planned {plan_due(container.database, utc_now())}")
    container.close()


@dataclass
class Disaster:
    """When, by the share of mails that are out, something happens."""

    at: float
    what: str


def disasters(kills: int, backend_kills: int, rng: Random) -> Sequence[Disaster]:
    fixed = [
        Disaster(0.25, "restart postgresql"),
        Disaster(0.65, "restart postgresql"),
        Disaster(0.35, "restart redis"),
        Disaster(0.5, "flush redis"),
    ]
    killing = [Disaster(rng.uniform(0.02, 0.95), "kill") for _ in range(kills)]
    killing += [Disaster(rng.uniform(0.1, 0.9), "kill backend") for _ in range(backend_kills)]
    return sorted([*fixed, *killing], key=lambda one: one.at)


def befall(installation: Installation, cluster: Cluster, one: Disaster, rng: Random) -> None:
    say(f"{time.strftime('%H:%M:%S')} at {one.at:.0%}: {one.what}")
    if one.what == "kill":
        installation.kill(rng.choice(installation.workers))
        installation.start_worker()
    elif one.what == "kill backend":
        cluster.kill_backend(rng)
    elif one.what == "restart postgresql":
        installation.database.close()
        cluster.stop("fast")
        cluster.start()
    elif one.what == "restart redis":
        installation.restart_redis()
    else:
        installation.flush_redis()


def run(installation: Installation, cluster: Cluster, wish: argparse.Namespace) -> None:
    rng = Random(11)
    coming = list(disasters(wish.kills, wish.backend_kills, rng))
    beats = [installation.start("beat"), installation.start("beat")]
    for _ in range(wish.workers):
        installation.start_worker()
    give_up_at, last_told = time.monotonic() + wish.seconds, 0.0
    while True:
        assert time.monotonic() < give_up_at, f"not done in {wish.seconds:.0f} s: {installation.statuses()}"
        try:
            found = installation.statuses()
        except StopRun:
            time.sleep(0.5)
            continue
        if not found["planned"] + found["claimed"]:
            return
        out = (found["sent"] + found["failed"]) / wish.subscribers
        while coming and coming[0].at <= out:
            befall(installation, cluster, coming.pop(0), rng)
        # A beat that lost its lock to a flush ends, and is started again as a service would be.
        for place, beat in enumerate(beats):
            if beat.poll() is not None:
                beats[place] = installation.start("beat")
        if out > 0.97 or time.monotonic() - last_told > 20:
            installation.hurry()
        if time.monotonic() - last_told > 20:
            last_told = time.monotonic()
            say(f"{time.strftime('%H:%M:%S')} {dict(found)}")
        installation.ask("sweep")
        time.sleep(0.5)


def judge(installation: Installation, wish: argparse.Namespace) -> bool:
    found, received = installation.statuses(), installation.received()
    untold = sum(how == "untold" for _, _, how in received)
    twice = copies(received)
    reached = Counter(recipient for recipient, _, _ in received)
    say(f"ledger: {dict(found)}")
    say(f"received {len(received)} mails by {len(reached)} subscribers, {twice} of them copies;")
    # The end of a backend ends the sessions of all workers.
    kills = wish.kills + wish.backend_kills * wish.workers
    say(f"{wish.kills} kills, {wish.backend_kills} of backends, {untold} mails whose answer was never given")
    good: bool = sum(found.values()) == wish.subscribers
    good &= found["sent"] + found["failed"] == wish.subscribers
    good &= found["sent"] <= len(reached) <= found["sent"] + found["failed"]
    good &= twice <= kills * CONNECTIONS + untold
    say("all is well" if good else "SOMETHING WAS LOST OR DOUBLED")
    return good


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--subscribers", type=int, default=20_000)
    asked.add_argument("--kills", type=int, default=30)
    asked.add_argument("--backend-kills", type=int, default=1)
    asked.add_argument("--evil", type=float, default=0.06)
    asked.add_argument("--workers", type=int, default=3)
    asked.add_argument("--seconds", type=float, default=1800)
    asked.add_argument("--log", type=Path, help="keep what the processes said in this file")
    wish = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="digest-crash-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "postgresql").mkdir()
        cluster = Cluster(folder / "postgresql", free_port())
        try:
            populate(cluster.url, wish.subscribers)
            installation = Installation(
                folder / "site", cluster.url, lease_seconds=20, batch_size=100, evil=wish.evil
            )
            try:
                run(installation, cluster, wish)
                wait_for(lambda: not installation.open(), 60, "the end")
                return 0 if judge(installation, wish) else 1
            finally:
                if wish.log:
                    wish.log.write_text(installation.log())
                installation.close()
        finally:
            cluster.stop("immediate")


if __name__ == "__main__":
    sys.exit(main())
