"""The demo: the whole way from feed to mail, in a database that is gone afterwards."""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from digest.delivery.daily import Job, run
from digest.delivery.letters import build_mail
from digest.delivery.preview import recorded
from digest.errors import StopRun
from digest.papers.ingest import take_in
from digest.private_files import make_folder, open_for_writing
from digest.readers.signup import find, subscribe
from digest.readers.transfer import application_from
from digest.sample import SAMPLE_READERS, sample_sightings
from digest.settings import Settings
from digest.store import deliveries as ledger
from digest.store.schema import upgrade
from digest.wiring import Parts


@dataclass(frozen=True, slots=True)
class DemoMail:
    """One of the mails that were written."""

    address: str
    about: str
    picks: list[tuple[str, str]]
    """(title, reason) in the order of the mail."""
    eml: Path
    html: Path


def write_demo(outbox: Path, now: datetime) -> list[DemoMail]:
    """Write a `.eml` and a `.html` per sample reader into `outbox`; return what was written.

    Nobody's settings, database or mail server is touched: all that is said here overrides them.
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
        parts = Parts(settings, lambda: now)
        try:
            return _write(parts, outbox, now)
        finally:
            parts.close()


def _write(parts: Parts, outbox: Path, now: datetime) -> list[DemoMail]:
    upgrade(parts.database)
    take_in(parts.database, sample_sightings(now), now)
    about = {}
    for reader in SAMPLE_READERS:
        application = application_from(
            address=reader.email,
            topics=reader.topics,
            likes=reader.likes,
            must=reader.must,
            mute=reader.mutes,
            follow=reader.follow,
            categories=reader.categories,
            timezone=reader.timezone,
            hour=reader.hour,
            frequency=reader.frequency,
            max_papers=reader.max_papers,
        )
        subscribe(parts.database, parts.profiles, parts.secret, application, now, confirmed=True, how="demo")
        about[reader.email] = reader.about
    report = run(parts.post_office, parts.profiles, Job(), parts.clock)
    if report.deliveries.sent != len(SAMPLE_READERS):
        raise StopRun(f"The demo wrote {report.deliveries.sent} of {len(SAMPLE_READERS)} mails to {outbox}.")
    return [_written(parts, outbox, address, line) for address, line in about.items()]


def _written(parts: Parts, outbox: Path, address: str, about: str) -> DemoMail:
    with parts.database.read() as connection:
        delivery = ledger.find(connection, subscriber_id=find(connection, address).id)[0]
        contents, picks = recorded(connection, delivery.id)
    mail = build_mail(contents, picks, parts.links, parts.renderer)
    html = outbox / f"{contents.file_name}.html"
    with open_for_writing(html) as file:
        file.write(mail.words.html)
    return DemoMail(
        address=address,
        about=about,
        picks=[(pick.card.title, pick.reason or pick.card.popularity) for pick in picks],
        eml=outbox / f"{contents.file_name}.eml",
        html=html,
    )
