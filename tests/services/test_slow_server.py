"""Worker processes and a mail server that counts mails by the second, or stops answering."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from digest.bench.slow_server import Count
from digest.clock import utc_now
from digest.delivery.plan import plan_due
from digest.mail.transports import CONNECTIONS
from digest.store.database import Database
from tests.conftest import ROOT
from tests.factories import add_papers, add_subscribers, make_papers
from tests.services.installation import Installation, answers, count_by_status, free_port, wait_for

pytestmark = pytest.mark.services


@dataclass
class Running:
    """A slow server in a process of its own."""

    port: int
    process: subprocess.Popen[bytes]
    report: Path

    def stop(self) -> Count:
        """End the server and return what it counted."""
        self.process.terminate()
        self.process.wait(10)
        return Count(**json.loads(self.report.read_text()))


@contextmanager
def running(folder: Path, latency: float) -> Iterator[Running]:
    port, report = free_port(), folder / "report.json"
    command = ["--port", str(port), "--latency", str(latency), "--report", str(report)]
    process = subprocess.Popen([sys.executable, "-m", "digest.bench.slow_server", *command], cwd=ROOT)
    try:
        wait_for(lambda: answers(port), 20, "the start of the mail server")
        yield Running(port, process, report)
    finally:
        process.kill()
        process.wait(10)


def populate(database: Database, subscribers: int) -> None:
    now = utc_now()
    add_papers(database, *make_papers(20, announced_on=now.date() - timedelta(days=1)), now=now)
    add_subscribers(database, subscribers, now=now)
    assert plan_due(database, now) == subscribers


def test_a_server_that_stops_answering_does_not_delay_the_end(
    make_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    """SIGTERM ends a run within ten seconds; no mail is lost, and only those in flight come twice."""
    with running(tmp_path, 0.02) as server:
        installation = make_installation(
            lease_seconds=3, extra={"DIGEST_MAIL_URL": f"smtp://127.0.0.1:{server.port}"}
        )
        populate(installation.database, 300)
        run = installation.start("run", "--no-fetch")
        wait_for(lambda: installation.sent() > 10, 40, "the first mails")
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        began_at = time.monotonic()
        os.kill(run.pid, signal.SIGTERM)
        run.wait(30)
        assert time.monotonic() - began_at < 10
        found = count_by_status(installation.database)
        assert found["sent"] + found["planned"] + found["claimed"] == 300
        assert found["claimed"] <= CONNECTIONS
        server.process.send_signal(signal.SIGCONT)
        time.sleep(installation.lease_seconds + 0.5)
        assert installation.start("run", "--no-fetch").wait(60) == 0
        assert installation.statuses() == {"sent": 300}
        counted = server.stop()
        assert counted.mails - counted.doubles == 300
        assert counted.doubles <= CONNECTIONS


def test_a_limit_by_the_second_holds_at_the_server(
    make_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    with running(tmp_path, 0.005) as server:
        limits = {
            "DIGEST_MAIL_LIMITS": "14/second",
            "DIGEST_MAIL_URL": f"smtp://127.0.0.1:{server.port}",
        }
        installation = make_installation(extra=limits)
        populate(installation.database, 70)
        installation.start_worker()
        installation.start_worker()
        wait_for(lambda: installation.sweep() and not installation.open(), 60, "the last mail")
        counted = server.stop()
    assert counted.mails == 70
    assert counted.most_in_a_second <= 14
