"""Requested mails are sent within seconds after the response, by any process, also after a crash."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from digest.clock import utc_now
from digest.domain.delivery import DeliveryStatus, Kind
from digest.store import delivery_reports
from digest.store.database import Database
from digest.store.mail_request_models import mail_requests
from digest.subscribers.addresses import parse_address
from digest.subscribers.mail_requests import request_mail
from digest.web.app import create_app
from digest.web.form_tokens import LEAST
from digest.wiring import Container
from tests.factories import Clock
from tests.services.installation import Installation, answers, free_port, wait_for
from tests.web.client import Client, form_token_of
from tests.web.conftest import make_container


def waiting(database: Database) -> int:
    with database.read() as connection:
        return len(connection.execute(select(mail_requests)).all())


def sent(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.address for row in delivery_reports.find(connection, status=DeliveryStatus.SENT)]


def sign_up(port: int, address: str) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        form_token = form_token_of(client.get("/subscribe").text)
        time.sleep(LEAST.total_seconds())
        answer = client.post("/subscribe", data={"email": address, "form_token": form_token})
    assert "inbox" in answer.text


@pytest.mark.parametrize("command", ["web", "up"])
def test_a_running_server_sends_within_seconds_and_first_the_requests_left_by_a_crash(
    command: str, sqlite_url: str, tmp_path: Path
) -> None:
    database = Database(sqlite_url)
    request_mail(database, Kind.CONFIRM, parse_address("left@example.org"), utc_now())
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    nowhere = {"DIGEST_HUGGINGFACE_URL": "http://127.0.0.1:1", "DIGEST_ARXIV_RSS_URL": "http://127.0.0.1:1"}
    server = subprocess.Popen(
        [sys.executable, "-c", "from digest.cli import main; main()", command, "--port", str(port)],
        env=inherited | nowhere | {"DIGEST_DATABASE_URL": sqlite_url},
        cwd=tmp_path,
    )
    try:
        wait_for(lambda: answers(port), 60, "the start of the installation")
        sign_up(port, "new@example.org")
        wait_for(lambda: set(sent(database)) == {"left@example.org", "new@example.org"}, 15, "both mails")
        assert waiting(database) == 0
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    finally:
        server.kill()
        server.wait(10)
    assert len(list((tmp_path / "outbox" / "new").iterdir())) == 2
    database.close()


@pytest.mark.services
def test_with_workers_a_request_is_only_stored_and_a_task_processes_it(
    postgresql_url: str, tmp_path: Path
) -> None:
    installation = Installation(tmp_path / "installation", postgresql_url)
    port = free_port()
    try:
        installation.start("web", "--port", str(port))
        wait_for(lambda: answers(port), 60, "the start of the installation")
        sign_up(port, "new@example.org")
        time.sleep(1.5)
        assert waiting(installation.database) == 1
        installation.start_worker()
        installation.start_task("requests")
        wait_for(lambda: sent(installation.database) == ["new@example.org"], 60, "the mail")
        assert waiting(installation.database) == 0
    finally:
        installation.close()


def test_the_response_does_not_wait_for_the_mail(database_url: str, clock: Clock, tmp_path: Path) -> None:
    container: Container = make_container(database_url, clock, tmp_path / "outbox")
    client = Client(create_app(container, timedelta(0)), works=False)
    client.request_mail("new@example.org")
    assert waiting(container.database) == 1
    assert sent(container.database) == []
    client.app.state.context.request_worker.work()
    assert sent(container.database) == ["new@example.org"]
    container.close()
