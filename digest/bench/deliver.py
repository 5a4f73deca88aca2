"""Benchmark of delivery: plans digests, then runs worker processes until all are sent."""

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from digest.bench import database
from digest.bench.fixtures import PATTERNS, Scale, fill
from digest.bench.slow_server import Count
from digest.bench.stages import STAGES, measure
from digest.delivery.deliver import Summary, deliver_batch
from digest.delivery.plan import plan_due
from digest.errors import StopRun
from digest.settings import Settings
from digest.wiring import Container

BATCH = 500
SAMPLE = 200
"""Number of mails whose stages are measured, besides those whose rate is measured."""
_QUIET_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `digest bench deliver`."""

    scale: Scale
    workers: int
    mail_url: str | None = None
    """None: a Maildir in a temporary folder."""
    database_url: str | None = None
    latency: timedelta | None = None
    """Start a mail server that waits this long before each answer; None: use `mail_url`."""
    connections: int | None = None
    """Maximum number of connections per worker to that server; None for the default."""
    broker_url: str | None = None
    """The Redis of Celery workers; None: the workers are processes that run the same use case."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The result."""

    digests: int
    seconds: float
    cpu_ms_per_digest: dict[str, float]
    message_bytes: int
    peak_rss_mb: float
    planned_per_s: float
    papers_per_digest: float
    database_mb: float
    server: Count | None = None
    """The counts of the mail server that the benchmark started; None without one."""

    @property
    def rate_per_s(self) -> float:
        """Digests per second, from the first claim to the last record."""
        return self.digests / self.seconds


def bench(options: Options, clock: Callable[[], datetime], say: Callable[[str], None]) -> Measured:
    """Create database and subscribers, deliver, and remove all. Raises StopRun if mails cannot be delivered."""
    with tempfile.TemporaryDirectory(prefix="digest-bench-") as name:
        folder = Path(name)
        with (
            database.scratch_database(options.database_url, folder) as database_url,
            _mail_server(options, folder) as server,
        ):
            settings = Settings.model_construct(
                database_url=SecretStr(database_url),
                broker_url=SecretStr(options.broker_url) if options.broker_url else None,
                mail_url=SecretStr(server or options.mail_url or f"maildir:{folder / 'outbox'}"),
                base_url="https://papers.example.org",
                sender="Trending papers <digest@papers.example.org>",
                secret_key=SecretStr("the bench has no secrets"),
                batch_size=BATCH,
            )
            container = Container(settings, clock)
            try:
                found = _measure(container, options, folder, say)
            finally:
                container.close()
        report = folder / "server.json"
        return replace(found, server=Count(**json.loads(report.read_text()))) if server else found


@contextmanager
def _mail_server(options: Options, folder: Path) -> Iterator[str]:
    """Start a slow mail server if `latency` is set; yield its URL, else ""."""
    if options.latency is None:
        yield ""
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "digest.bench.slow_server", "--port", str(port)]
    command += ["--latency", str(options.latency.total_seconds()), "--report", str(folder / "server.json")]
    server = subprocess.Popen([sys.executable, *command])  # noqa: S603 - our own words only
    try:
        give_up_at = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > give_up_at:
                    raise StopRun("The mail server of the benchmark did not start.") from None
                time.sleep(0.05)
        connections = f"?connections={options.connections}" if options.connections else ""
        yield f"smtp://127.0.0.1:{port}{connections}"
    finally:
        server.terminate()
        server.wait(10)


def _measure(container: Container, options: Options, folder: Path, say: Callable[[str], None]) -> Measured:
    clock, scale = container.clock, options.scale
    now = clock()
    say(
        f"Making {scale.subscribers:,} subscribers, {min(PATTERNS, scale.subscribers)} of them with a profile of their own ..."
    )
    fill(container, Scale(scale.subscribers + 2 * SAMPLE, scale.papers, scale.per_mail, scale.library), now)
    begun = time.perf_counter()
    planned = plan_due(container.database, clock())
    planned_per_s = planned / (time.perf_counter() - begun)
    say(f"Planned {planned:,} at {planned_per_s:,.0f}/s. Sending {2 * SAMPLE} to measure each stage ...")
    delivery_context = container.sampling(SAMPLE)
    # The first batch fills the caches.
    warming = Summary()
    deliver_batch(delivery_context, clock, warming)
    if warming.stopped:
        raise StopRun(warming.stopped)
    watch = measure(delivery_context, clock)
    before = _sent(container)
    say(f"Delivering with {options.workers} worker processes ...")
    seconds = _run(container, options, folder)
    digests = _sent(container) - before
    with container.database.read() as connection:
        papers, size = database.picks_per_mail(connection), database.size_of(connection)
    # The largest child process; in kB on Linux, in bytes elsewhere.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return Measured(
        digests=digests,
        seconds=seconds,
        cpu_ms_per_digest={stage: 1000 * watch.seconds[stage] / watch.mails for stage in STAGES},
        message_bytes=round(watch.octets / watch.mails),
        peak_rss_mb=peak / (1024 if sys.platform == "linux" else 2**20),
        planned_per_s=planned_per_s,
        papers_per_digest=papers,
        database_mb=size / 1e6,
    )


def _sent(container: Container) -> int:
    with container.database.read() as connection:
        return database.sent_mails(connection)


def _run(container: Container, options: Options, folder: Path) -> float:
    """Let workers deliver all open deliveries; return the seconds from the first claim to the last record."""
    with container.database.read() as connection:
        last_before = database.last_settled(connection)
    with _workers(container, options, folder) as processes:
        began_at = None
        left, changed = -1, time.monotonic()
        while left:
            time.sleep(0.05 if began_at is None else 0.5)
            with container.database.read() as connection:
                if began_at is None and database.has_claims(connection):
                    began_at = container.clock()
                now_left = database.open_deliveries(connection) if began_at else -1
            if now_left != left:
                left, changed = now_left, time.monotonic()
            if time.monotonic() - changed > _QUIET_SECONDS or (
                left and not options.broker_url and all(one.poll() is not None for one in processes)
            ):
                raise StopRun(f"The workers stopped with {left:,} mails to go; see the log above.")
    with container.database.read() as connection:
        ended_at = database.last_settled(connection)
    assert began_at is not None
    assert ended_at is not None
    assert last_before is None or ended_at > last_before
    return (ended_at - began_at).total_seconds()


@contextmanager
def _workers(container: Container, options: Options, folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    settings = container.settings
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")} | {
        "DIGEST_DATABASE_URL": settings.database_url.get_secret_value(),
        "DIGEST_MAIL_URL": settings.mail_url.get_secret_value(),
        "DIGEST_BASE_URL": settings.base_url,
        "DIGEST_SENDER": settings.sender,
        "DIGEST_SECRET_KEY": container.secret.decode(),
        "DIGEST_BATCH_SIZE": str(settings.batch_size),
        # One thread per process: the numerical libraries would otherwise start one per core in each.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    if options.broker_url:
        environment["DIGEST_BROKER_URL"] = options.broker_url
        count, module = 1, ["celery", "--app", "workers.app", "--quiet", "worker", "--loglevel", "WARNING"]
        module += ["--concurrency", str(options.workers), "--without-gossip", "--without-mingle"]
    else:
        count, module = options.workers, ["digest.bench.worker"]
    command = [sys.executable, "-m", *module]
    with (folder / "workers.log").open("wb") as log:
        processes = [
            subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)  # noqa: S603
            for _ in range(count)
        ]
        try:
            if options.broker_url:
                sweep = [sys.executable, "-m", "celery", "--app", "workers.app", "--quiet", "call", "sweep"]
                subprocess.run(sweep, env=environment, cwd=folder, stdout=log, stderr=log, check=True)  # noqa: S603
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)
