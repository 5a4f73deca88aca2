"""A real browser, and a running installation."""

import email
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import policy
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import (
    Browser,
    Page,
    sync_playwright,
)
from pydantic import SecretStr
from sqlalchemy import exists, select

from digest.clock import utc_now
from digest.domain.subscriber import Subscriber
from digest.jobs.daily import Job, run
from digest.papers.ingest import ingest
from digest.sample import sample_items
from digest.settings import Settings
from digest.store.models import deliveries
from digest.store.schema import upgrade
from digest.subscribers.links import Purpose
from digest.web.app import create_app
from digest.wiring import Container
from tests.browser.helpers import complaints, tab
from tests.factories import add_subscriber

CHROMIUM = Path(os.environ.get("DIGEST_TEST_CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium once; without it, skip the tests, or fail if CI=true."""
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CHROMIUM} is missing on this machine, and CI runs every test")
        pytest.skip(f"{CHROMIUM} is missing on this machine; DIGEST_TEST_CHROMIUM names another")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Clock:
    """A running clock that can be advanced."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class Installation:
    """A running installation."""

    container: Container
    clock: Clock
    url: str
    outbox: Path

    def pause(self) -> None:
        """Advance the clock by the time a person needs for a form."""
        self.clock.ahead += timedelta(seconds=3)

    def mails(self) -> list[email.message.EmailMessage]:
        """Return the sent mails, the newest last."""
        files = sorted((self.outbox / "new").glob("*"), key=lambda one: one.stat().st_mtime_ns)
        return [email.message_from_bytes(one.read_bytes(), policy=policy.default) for one in files]

    def links(self, purpose: str, to: str) -> list[str]:
        """Return the links of a purpose in the newest mail to an address that has any, from its text part.

        Waits for such a mail: the pages' own thread sends mails after the response.
        """
        for _ in range(100):
            for mail in reversed([one for one in self.mails() if one["To"] == to]):
                part = mail.get_body(("plain",))
                assert part is not None
                if found := re.findall(rf"{re.escape(self.url)}/{purpose}/\S+", part.get_content()):
                    return found
            time.sleep(0.1)
        raise AssertionError(f"no mail to {to} has a link to {purpose}")

    def link(self, purpose: Purpose, subscriber: Subscriber) -> str:
        return self.container.links.link(purpose, subscriber.key, utc_now().date())

    def deliver(self) -> None:
        """Send everything that is due, and wait for what the pages' own thread is sending."""
        for _ in range(100):
            run(self.container.delivery_context, self.container.profiles, Job(), self.clock)
            with self.container.database.read() as connection:
                if not connection.execute(select(exists().where(deliveries.c.status == "claimed"))).scalar():
                    return
            time.sleep(0.1)
        raise AssertionError("some mails are not sent")


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("web")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = Settings.model_construct(
        database_url=SecretStr(f"sqlite:///{folder}/digest.db"),
        mail_url=SecretStr(f"maildir:{folder}/outbox"),
        base_url=url,
        sender="Trending papers <digest@papers.example.org>",
        secret_key=SecretStr("a secret of the tests"),
    )
    clock = Clock()
    container = Container(settings, clock)
    upgrade(container.database)
    ingest(container.database, sample_items(utc_now()), utc_now())
    application = create_app(container)
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
    application.state.context.request_worker.start()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield Installation(container, clock, url, folder / "outbox")
    application.state.context.request_worker.stop()
    server.should_exit = True
    thread.join(timeout=20)
    listening.close()
    container.close()


@pytest.fixture(scope="session")
def subscriber(installation: Installation) -> Subscriber:
    """Return an active subscriber with a digest of today."""
    known = add_subscriber(
        installation.container.database,
        "ana@example.org",
        topics=["long-context language models", "robot grasping"],
        likes=["2611.90140", "2611.90189"],
        mute=["clinical"],
        now=utc_now(),
    )
    installation.deliver()
    return known


pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Return a tab whose pages must not report any error."""
    context = tab(chromium)
    opened = context.new_page()
    troubles = complaints(opened)
    yield opened
    context.close()
    assert troubles == []
