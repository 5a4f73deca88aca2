"""From settings to the real parts. Each is made when it is first asked for, so a command pays for what it uses."""

import secrets
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom

from digest.delivery.compose import Choosing, Composer
from digest.delivery.deliver import PostOffice
from digest.delivery.letters import Imprint
from digest.delivery.outcome import Patience
from digest.mail.addresses import read_address
from digest.mail.rendering import Renderer
from digest.mail.transports import Transport, transport_from
from digest.papers.sources.choose import fetcher_from, holidays_of, pacer_from, source_named
from digest.papers.sources.common import Source
from digest.papers.sources.http import Fetcher, Pacer
from digest.readers.links import Links
from digest.readers.profiles import ProfileBuilder
from digest.settings import Settings
from digest.store import readers as reader_store
from digest.store.database import Database

VERSION = version("trending-papers-digest")


def templates_folder() -> Path:
    """Return where the templates are: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).parent
    shipped = package / "templates"
    return shipped if shipped.is_dir() else package.parent / "templates"


class Parts:
    """The parts of one installation in one process."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self.settings = settings
        self.clock = clock

    @cached_property
    def database(self) -> Database:
        """The database, not opened yet."""
        return Database(self.settings.database_url.get_secret_value())

    @cached_property
    def secret(self) -> bytes:
        """What links are signed with: from the settings, or kept in the database since the first use."""
        if self.settings.secret_key is not None:
            return self.settings.secret_key.get_secret_value().encode()
        with self.database.begin() as connection:
            return reader_store.secret(connection, "links", secrets.token_hex(32)).encode()

    @cached_property
    def links(self) -> Links:
        """The maker and reader of signed links."""
        return Links(self.settings.base_url, self.secret)

    @cached_property
    def renderer(self) -> Renderer:
        """The mail templates, compiled."""
        return Renderer(templates_folder() / "email")

    @cached_property
    def imprint(self) -> Imprint:
        """Who sends. Raises BadInput when DIGEST_SENDER is no address."""
        settings = self.settings
        sender = read_address(settings.sender)
        return Imprint(
            sender=settings.sender,
            operator=settings.operator or sender.name or sender.mailbox,
            postal_address=settings.postal_address,
            list_id=settings.list_id or f"papers.{sender.domain}",
        )

    @cached_property
    def transport(self) -> Transport:
        """The way mail goes. Raises BadInput when DIGEST_MAIL_URL is none."""
        return transport_from(self.settings.mail_url.get_secret_value())

    @cached_property
    def choosing(self) -> Choosing:
        """How papers are chosen."""
        settings = self.settings
        return Choosing(
            for_you=settings.for_you,
            trending=settings.trending,
            score_floor=settings.score_floor,
            first_digest_days=settings.first_digest_days,
            catch_up_days=settings.catch_up_days,
            holidays=holidays_of(settings),
        )

    @cached_property
    def composer(self) -> Composer:
        """The chooser of papers, with its kept editions."""
        return Composer(self.choosing)

    @cached_property
    def profiles(self) -> ProfileBuilder:
        """The builder of profiles, with its background papers."""
        return ProfileBuilder()

    @cached_property
    def post_office(self) -> PostOffice:
        """All that delivering takes."""
        settings = self.settings
        return PostOffice(
            database=self.database,
            composer=self.composer,
            links=self.links,
            renderer=self.renderer,
            transport=self.transport,
            imprint=self.imprint,
            secret=self.secret,
            patience=Patience(settings.stale_after, settings.late_feed_wait, settings.quiet_day),
            batch_size=settings.batch_size,
            luck=SystemRandom(),
        )

    @cached_property
    def fetcher(self) -> Fetcher:
        """The reader of web feeds."""
        return fetcher_from(self.settings, VERSION, self.clock)

    @cached_property
    def arxiv_pacer(self) -> Pacer:
        """The one queue that all requests to arXiv stand in."""
        return pacer_from(self.settings)

    def close(self) -> None:
        """Give back what was opened."""
        if "database" in self.__dict__:
            self.database.close()
        if "fetcher" in self.__dict__:
            self.fetcher.close()

    def source(self, name: str) -> Source:
        """Return the feed of this name. Raises BadInput for another."""
        return source_named(name, self.settings, self.fetcher, self.arxiv_pacer)
