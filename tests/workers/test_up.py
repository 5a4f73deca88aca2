"""`digest up`: everything in one process, without a server, with a clean stop."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from mailbox import Maildir
from pathlib import Path
from urllib.request import urlopen

from digest.clock import utc_now
from digest.delivery.plan import plan_due
from digest.domain.subscriber import Status
from digest.store.database import Database
from digest.store.models import deliveries
from tests.conftest import ROOT
from tests.factories import add_papers, add_subscriber, add_subscribers, make_papers
from tests.services.installation import free_port


def start(folder: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    nowhere = {"DIGEST_HUGGINGFACE_URL": "http://127.0.0.1:1", "DIGEST_ARXIV_RSS_URL": "http://127.0.0.1:1"}
    return subprocess.Popen(
        [sys.executable, "-c", "from digest.cli import main; main()", "up", *options],
        env=inherited | {"PYTHONPATH": str(ROOT)} | nowhere | environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def statuses(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.status for row in connection.execute(deliveries.select())]


def wait_until_sent(database: Database, count: int) -> None:
    give_up_at = time.monotonic() + 60
    while statuses(database).count("sent") < count:
        assert time.monotonic() < give_up_at, statuses(database)
        time.sleep(0.05)


def test_up_runs_everything_and_stops_in_the_middle_of_a_batch(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    now = utc_now()
    add_papers(database, *make_papers(20, announced_on=now.date() - timedelta(days=1)), now=now)
    add_subscribers(database, 40, now=now)
    add_subscriber(database, "new@example.org", status=Status.PENDING, now=now)
    plan_due(database, now)
    # Two mails per second, so that the batch is being sent when the signal arrives.
    port = free_port()
    process = start(
        tmp_path, "--port", str(port), DIGEST_DATABASE_URL=sqlite_url, DIGEST_MAIL_LIMITS="2/second"
    )
    try:
        wait_until_sent(database, 3)
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "Stopped." in said
    found = statuses(database)
    mails = [message["To"] for message in Maildir(tmp_path / "outbox")]
    assert found.count("sent") == len(mails) == len(set(mails))
    assert "new@example.org" in mails
    assert set(found) == {"sent", "planned"}
    assert len(found) == 41
    database.close()


def test_a_port_in_use_gives_a_one_line_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(tmp_path, "--port", str(port))
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"digest: The pages cannot be served at 127.0.0.1:{port}" in said
    assert "Traceback" not in said
