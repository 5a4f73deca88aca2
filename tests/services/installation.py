"""An installation for one test: Redis, a mail server and worker processes that can be killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from celery import Celery
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import func, select, update

from digest.settings import Settings
from digest.store.database import Database
from digest.store.models import deliveries
from tests.conftest import ROOT, missing
from tests.factories import BASE_URL, SECRET
from workers.app import configured


def count_by_status(database: Database) -> Counter[str]:
    """Count the deliveries by status."""
    query = select(deliveries.c.status, func.count()).group_by(deliveries.c.status)
    with database.read() as connection:
        return Counter(dict(connection.execute(query).all()))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, f"{what} did not happen in {seconds} s"
        time.sleep(0.05)


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@dataclass
class Installation:
    """All services that a worker needs, separate for each test."""

    folder: Path
    database_url: str
    lease_seconds: int = 3
    batch_size: int = 20
    fault_rate: float = 0.0
    redis_port: int = field(default_factory=free_port)
    mail_port: int = field(default_factory=free_port)
    extra: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.redis = self.start_redis()
        self._spawn(
            "-m",
            "tests.services.mail_server",
            str(self.mail_port),
            str(self.notes),
            str(self.fault_rate),
            cwd=ROOT,
        )
        wait_for(lambda: answers(self.mail_port), 10, "the mail server's start")
        self.database = Database(self.database_url)
        settings = Settings.model_construct(broker_url=SecretStr(self.redis_url))
        self.client = Celery()
        self.client.conf.update(configured(settings))

    @property
    def notes(self) -> Path:
        return self.folder / "received.txt"

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/0"

    def start_redis(self) -> subprocess.Popen[bytes]:
        program = shutil.which("redis-server")
        if program is None:
            missing("redis-server")
        assert program
        arguments = [
            "--port",
            str(self.redis_port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self.folder),
        ]
        process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, start_new_session=True)
        self.processes.append(process)
        wait_for(lambda: answers(self.redis_port), 10, "the start of Redis")
        return process

    def restart_redis(self) -> None:
        self.redis.terminate()
        self.redis.wait(10)
        self.redis = self.start_redis()

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        return inherited | {
            "DIGEST_DATABASE_URL": self.database_url,
            "DIGEST_BROKER_URL": self.redis_url,
            "DIGEST_MAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
            "DIGEST_BASE_URL": BASE_URL,
            "DIGEST_SENDER": "Trending papers <digest@papers.example.org>",
            "DIGEST_SECRET_KEY": SECRET.decode(),
            "DIGEST_LEASE": str(self.lease_seconds),
            "DIGEST_BATCH_SIZE": str(self.batch_size),
            "DIGEST_HUGGINGFACE_URL": "http://127.0.0.1:1",
            "DIGEST_ARXIV_RSS_URL": "http://127.0.0.1:1",
            "OPENBLAS_NUM_THREADS": "1",
            **self.extra,
        }

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a `digest` command in its own folder."""
        folder = self.folder / f"machine{len(self.processes)}"
        folder.mkdir()
        return self._spawn("-c", "from digest.cli import main; main()", *command, cwd=folder)

    def _spawn(self, *command: str, cwd: Path) -> subprocess.Popen[bytes]:
        with (self.folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                env=self.environment(),
                cwd=cwd,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def start_worker(self, processes: int = 1) -> subprocess.Popen[bytes]:
        worker = self.start("worker", "--processes", str(processes))
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker and all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(10)
        self.workers.remove(worker)

    def start_task(self, task: str) -> None:
        """Start a task as the beat does; without Redis, do nothing."""
        with suppress(self.client.connection().transport.connection_errors, RedisError, OSError):
            self.client.send_task(task, retry=False)

    def sweep(self) -> bool:
        """Start the task that finds open deliveries, and give it a moment; return True, for use in conditions."""
        self.start_task("sweep")
        time.sleep(0.3)
        return True

    def flush_redis(self) -> None:
        with Redis(port=self.redis_port) as redis:
            redis.flushall()

    def statuses(self) -> Counter[str]:
        return count_by_status(self.database)

    def open(self) -> int:
        found = self.statuses()
        return found["planned"] + found["claimed"]

    def sent(self) -> int:
        return self.statuses()["sent"]

    def skip_waits(self) -> None:
        """Make all mails due that wait for a retry."""
        waiting = (deliveries.c.status == "planned") & (deliveries.c.next_try_at > func.now())
        with self.database.begin() as connection:
            connection.execute(update(deliveries).where(waiting).values(next_try_at=func.now()))

    def received(self) -> list[tuple[str, str, str]]:
        """(recipient, Message-ID, answered or unanswered) of every accepted mail."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [(line.split("\t")[0], line.split("\t")[1], line.split("\t")[2]) for line in lines]

    def log(self) -> str:
        path = self.folder / "log.txt"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        self.database.close()
        self.client.close()
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def copies(received: list[tuple[str, str, str]]) -> int:
    """Return the number of repeated mails; assert that each has the Message-ID of the first."""
    names: dict[str, set[str]] = {}
    for recipient, name, _ in received:
        names.setdefault(recipient, set()).add(name)
    assert all(len(known) == 1 for known in names.values()), "a copy has another Message-ID"
    return len(received) - len(names)
