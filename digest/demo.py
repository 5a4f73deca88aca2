"""The demo: all steps from feed to mail, in a temporary database."""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from digest.delivery.build_mail import build_mail
from digest.delivery.preview import read_mail
from digest.errors import StopRun
from digest.jobs.daily import Job, run
from digest.papers.ingest import ingest
from digest.private_files import make_folder, open_for_writing
from digest.sample import SAMPLE_SUBSCRIBERS, sample_items
from digest.settings import Settings
from digest.store import delivery_reports
from digest.store.schema import upgrade
from digest.subscribers.import_export import application_from
from digest.subscribers.signup import find_subscriber, subscribe
from digest.wiring import Container


@dataclass(frozen=True, slots=True)
class DemoMail:
    """One written mail."""

    address: str
    about: str
    picks: list[tuple[str, str]]
    """(title, reason) in the order of the mail."""
    eml: Path
    html: Path


def write_demo(outbox: Path, now: datetime) -> list[DemoMail]:
    """Write a `.eml` and a `.html` per sample subscriber into `outbox`; return what was written.

    The user's settings, database and mail server are not used.
    """
    make_folder(outbox)
    with tempfile.TemporaryDirectory() as folder:
        # Nothing is read from the environment: the demo is the same on every machine.
        settings = Settings.model_construct(
            database_url=SecretStr(f"sqlite:///{folder}/demo.db"),
            mail_url=SecretStr(f"file:{outbox}"),
            base_url="https://papers.example.org",
            sender="Trending papers <digest@papers.example.org>",
            secret_key=SecretStr("the demo has no secrets"),
        )
        container = Container(settings, lambda: now)
        try:
            return _write(container, outbox, now)
        finally:
            container.close()


def _write(container: Container, outbox: Path, now: datetime) -> list[DemoMail]:
    upgrade(container.database)
    ingest(container.database, sample_items(now), now)
    about = {}
    for subscriber in SAMPLE_SUBSCRIBERS:
        application = application_from(
            address=subscriber.email,
            topics=subscriber.topics,
            likes=subscriber.likes,
            must=subscriber.must,
            mute=subscriber.mutes,
            follow=subscriber.follow,
            categories=subscriber.categories,
            timezone=subscriber.timezone,
            hour=subscriber.hour,
            frequency=subscriber.frequency,
            max_papers=subscriber.max_papers,
        )
        subscribe(
            container.database,
            container.profiles,
            container.secret,
            application,
            now,
            confirmed=True,
            how="demo",
        )
        about[subscriber.email] = subscriber.about
    report = run(container.delivery_context, container.profiles, Job(), container.clock)
    if report.deliveries.sent != len(SAMPLE_SUBSCRIBERS):
        raise StopRun(
            f"The demo wrote {report.deliveries.sent} of {len(SAMPLE_SUBSCRIBERS)} mails to {outbox}."
        )
    return [_written(container, outbox, address, line) for address, line in about.items()]


def _written(container: Container, outbox: Path, address: str, about: str) -> DemoMail:
    with container.database.read() as connection:
        delivery = delivery_reports.find(connection, subscriber_id=find_subscriber(connection, address).id)[0]
        mail = read_mail(connection, delivery.id)
    message = build_mail(mail, container.links, container.renderer)
    html = outbox / f"{mail.file_name}.html"
    with open_for_writing(html) as file:
        file.write(message.html)
    return DemoMail(
        address=address,
        about=about,
        picks=[(pick.card.title, pick.reason.line or pick.card.popularity) for pick in mail.picks],
        eml=outbox / f"{mail.file_name}.eml",
        html=html,
    )
