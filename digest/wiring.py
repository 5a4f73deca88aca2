"""Builds the components of the product from the settings. Each is built at its first use."""

import gc
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from urllib.parse import urlsplit

from digest import error_reports, logs
from digest.chat.rendering import PostRenderer
from digest.chat.transport import ChatTransport, require_apprise
from digest.delivery.composed_mail import SenderIdentity
from digest.delivery.context import ChatDelivery, ConnectionAllowance
from digest.delivery.decisions import WaitPolicy
from digest.delivery.deliver import DeliveryContext
from digest.delivery.inbound import InboundContext, operator_mailbox
from digest.delivery.limits import Limit, Limits, NoLimits, PacedLimits, ProviderLimits
from digest.delivery.second_opinion import SecondOpinion
from digest.delivery.select_papers import Composer, SelectionSettings
from digest.domain.channel import AllowedService
from digest.domain.pace import Pace
from digest.domain.retention import Retention
from digest.embedding import EmbeddingModel
from digest.mail.addresses import read_address
from digest.mail.connection_pool import PooledTransport
from digest.mail.dkim import Signer
from digest.mail.dkim_keys import read_keys
from digest.mail.rendering import Renderer
from digest.mail.transports import account_of, connections_of, transport_from
from digest.papers.citations import papers_to_count
from digest.papers.sources.common import Source
from digest.papers.sources.configured import (
    arxiv_api_from,
    fetcher_from,
    holidays_of,
    pacer_from,
    source_named,
)
from digest.papers.sources.http import Fetcher, Pacer
from digest.papers.sources.pacing import SharedPacer
from digest.papers.summary_service import SummaryService
from digest.settings import Settings
from digest.store import channels as channel_store
from digest.store import deliveries as ledger
from digest.store import paces as pace_store
from digest.store import secrets as secret_store
from digest.store.database import Database
from digest.store.health import file_of
from digest.store.last_sent import SentMark
from digest.subscribers.addresses import key_fingerprint
from digest.subscribers.links import Links
from digest.subscribers.pending_feedback import PapersById
from digest.subscribers.profiles import ProfileBuilder

_LONGEST_NAP = 0.2
_CHAT_CONNECTIONS = 4
VERSION = version("trending-papers-digest")


def templates_folder() -> Path:
    """Return the folder of the templates: in the installed package, or at the top of a checkout."""
    package = Path(__file__).parent
    shipped = package / "templates"
    return shipped if shipped.is_dir() else package.parent / "templates"


def start_reporting(settings: Settings, *, is_foreground: bool = False, is_verbose: bool = False) -> None:
    """Start the logs of this process, and error reports where the settings name a place for them. Raises StopRun.

    `is_foreground` is for commands that print their results; `is_verbose` logs what libraries do, too.
    """
    logs.configure(
        settings.log_format,
        settings.log_level,
        is_foreground=is_foreground,
        libraries=logging.INFO if is_verbose else logging.WARNING,
    )
    if settings.sentry_dsn is not None:
        error_reports.start(settings.sentry_dsn.get_secret_value(), VERSION)


class Container:
    """The components of one installation in one process."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_stopping` is called between two mails; once it is true, claimed mails that were not sent are released."""
        self.settings = settings
        self.clock = clock
        self.is_stopping = is_stopping

    @cached_property
    def database(self) -> Database:
        """The database, not opened yet."""
        return Database(self.settings.database_url.get_secret_value())

    @cached_property
    def secret(self) -> bytes:
        """The key that signs links: from the settings, or generated at the first use and stored in the database."""
        if self.settings.secret_key is not None:
            return self.settings.secret_key.get_secret_value().encode()
        with self.database.begin() as connection:
            return secret_store.secret(connection, "links", secrets.token_hex(32)).encode()

    @cached_property
    def links(self) -> Links:
        """The maker and reader of signed links."""
        return Links(self.settings.base_url, self.secret)

    @cached_property
    def renderer(self) -> Renderer:
        """The mail templates, compiled."""
        return Renderer(templates_folder() / "email")

    @cached_property
    def imprint(self) -> SenderIdentity:
        """The sender of all mails. Raises BadInput when DIGEST_SENDER is not an address."""
        settings = self.settings
        sender = read_address(settings.sender)
        return SenderIdentity(
            sender=settings.sender,
            operator=settings.operator or sender.name or sender.mailbox,
            postal_address=settings.postal_address,
            list_id=settings.list_id or f"papers.{sender.domain}",
            return_path=settings.return_path,
        )

    @cached_property
    def transport(self) -> PooledTransport:
        """The transport of mails, which keeps connections open between batches. Raises BadInput for a bad mail URL."""
        return PooledTransport(transport_from(self.settings.mail_url.get_secret_value(), self.ehlo_name))

    @property
    def ehlo_name(self) -> str:
        """The host name that mail servers are told."""
        return self.settings.ehlo_name or urlsplit(self.settings.base_url).hostname or ""

    @cached_property
    def signer(self) -> Signer:
        """The signer of mails, with the DKIM keys of the settings. Raises BadInput for a key that cannot be used."""
        return Signer(read_keys(self.settings.dkim_keys))

    @cached_property
    def limits(self) -> Limits:
        """The limits of the mail provider, counted in Redis if there is a broker, else in this process and the ledger."""
        limits = [Limit.parse(text) for text in self.settings.mail_limits]
        storage = {"storage_url": self.redis_url} if self.redis_url else {}
        fixed: Limits = NoLimits()
        if limits and self.redis_url:
            fixed = ProviderLimits(limits, self.account, self.redis_url, sleep=self._sleep)
        elif limits:
            fixed = ProviderLimits(limits, self.account, sent_since=self._sent_since, sleep=self._sleep)
        return PacedLimits(
            fixed, self.account, self._find_pace, self._change_pace, self.clock, sleep=self._sleep, **storage
        )

    def _sleep(self, seconds: float) -> None:
        """Sleep, but not past the moment at which this process is asked to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.is_stopping():
            time.sleep(min(left, _LONGEST_NAP))

    def _find_pace(self) -> Pace | None:
        with self.database.read() as connection:
            return pace_store.find_pace(connection, self.account)

    def _change_pace(self, change: Callable[[Pace | None], Pace]) -> Pace:
        with self.database.begin() as connection:
            pace = change(pace_store.find_pace(connection, self.account))
            pace_store.save_pace(connection, self.account, pace)
            return pace

    def _sent_since(self, instant: datetime) -> int:
        with self.database.read() as connection:
            return ledger.count_sent(connection, instant)

    @property
    def account(self) -> str:
        """The mail server and the user there, without the password. Raises BadInput for a bad mail URL."""
        return account_of(self.settings.mail_url.get_secret_value())

    @property
    def redis_url(self) -> str:
        """The Redis that all processes of this installation share; empty without one."""
        broker = self.settings.broker_url
        address = broker.get_secret_value() if broker else ""
        return address if address.startswith(("redis://", "rediss://")) else ""

    @cached_property
    def sent_mark(self) -> SentMark:
        """The time of the last sent mail, stored outside of the database."""
        database = file_of(self.database)
        file = database.with_name(f"{database.name}.sent-until") if database else None
        return SentMark(self.redis_url, key_fingerprint(self.secret), file)

    @cached_property
    def selection_settings(self) -> SelectionSettings:
        """The settings of the selection."""
        settings = self.settings
        return SelectionSettings(
            for_you=settings.for_you,
            trending=settings.trending,
            score_floor=settings.score_floor,
            first_digest_days=settings.first_digest_days,
            catch_up_days=settings.catch_up_days,
            holidays=holidays_of(settings),
            counts_citations="citations" in settings.sources,
        )

    @contextmanager
    def summary_service(self) -> Iterator[SummaryService | None]:
        """Open the summary service for a while; None without one."""
        settings = self.settings
        if not settings.summary_url:
            yield None
            return
        service = SummaryService(
            settings.summary_url,
            settings.summary_model,
            settings.summary_key.get_secret_value(),
            settings.summary_timeout,
        )
        try:
            yield service
        finally:
            service.close()

    @cached_property
    def retention(self) -> Retention:
        """How long data is stored."""
        settings = self.settings
        return Retention(settings.keep_contents, settings.keep_deliveries, settings.keep_popularity)

    @cached_property
    def composer(self) -> Composer:
        """The selection of papers, with a cache of editions."""
        return Composer(self.selection_settings, self.second_opinion)

    @cached_property
    def second_opinion(self) -> SecondOpinion | None:
        """The dense scorer; None without a model in the settings."""
        folder = self.settings.dense_model
        return SecondOpinion(EmbeddingModel(folder)) if folder is not None else None

    @cached_property
    def profiles(self) -> ProfileBuilder:
        """The builder of profiles, with a cache of the reference corpus."""
        return ProfileBuilder()

    @cached_property
    def delivery_context(self) -> DeliveryContext:
        """The dependencies of delivery."""
        # Mails are freed by their reference counts. At its usual pace the collector of reference cycles searches
        # through them for a tenth of the CPU time, and finds nothing.
        gc.set_threshold(50_000, 20, 100)
        settings = self.settings
        return DeliveryContext(
            database=self.database,
            composer=self.composer,
            links=self.links,
            renderer=self.renderer,
            transport=self.transport,
            # Here only, so that a process which sends nothing needs no key.
            imprint=replace(self.imprint, dkim_selectors=self.signer.selectors),
            secret=self.secret,
            wait_policy=WaitPolicy(settings.stale_after, settings.late_feed_wait, settings.quiet_day),
            batch_size=settings.batch_size,
            rng=SystemRandom(),
            lease=settings.lease,
            signer=self.signer,
            limits=self.limits,
            connections=ConnectionAllowance(connections_of(settings.mail_url.get_secret_value())),
            profiles=self.profiles,
            account=self.account,
            is_stopping=self.is_stopping,
            chat=self.chat,
        )

    @cached_property
    def chat_services(self) -> tuple[AllowedService, ...]:
        """The chat services that teams may use."""
        return tuple(AllowedService.parse(text) for text in self.settings.chat)

    @cached_property
    def chat_transport(self) -> ChatTransport:
        """The transport of posts to channels. Raises BadInput where the extra [chat] is missing."""
        if self.chat_services:
            require_apprise()
        return ChatTransport(self.chat_services, self._channel_address)

    def _channel_address(self, name: str) -> str | None:
        with self.database.read() as connection:
            return channel_store.find_channel_address(connection, name)

    @cached_property
    def posts(self) -> PostRenderer:
        """The templates of posts."""
        return PostRenderer(templates_folder() / "chat")

    @property
    def chat(self) -> ChatDelivery:
        """How posts are sent. Where no service is allowed, each channel is stopped and its team sees why."""
        return ChatDelivery(self.chat_transport, self.posts, ConnectionAllowance(_CHAT_CONNECTIONS))

    @cached_property
    def inbound_context(self) -> InboundContext:
        """The dependencies of processing inbound mail. Raises BadInput without an operator's address."""
        operator = operator_mailbox(self.settings.operator, self.imprint)
        return replace(self.event_context, operator=operator)

    @cached_property
    def event_context(self) -> InboundContext:
        """The dependencies of processing events of a mail provider, of which nothing is forwarded."""
        return InboundContext(
            database=self.database,
            links=self.links,
            secret=self.secret,
            account=self.account,
            imprint=self.imprint,
            transport=self.transport,
            operator="",
        )

    def sampling(self, size: int) -> DeliveryContext:
        """Return the dependencies of delivery with another batch size."""
        return replace(self.delivery_context, batch_size=size)

    @cached_property
    def fetcher(self) -> Fetcher:
        """The HTTP client for feeds."""
        return fetcher_from(self.settings, VERSION, self.clock, sleep=self._sleep)

    def papers_by_id(self, *, is_watched: bool = False) -> PapersById | None:
        """Return the client that fetches papers by id; None when the only source is the sample.

        With `is_watched` each request is made once, for somebody who waits at the terminal.
        """
        if self.settings.sources == ("sample",):
            return None
        return arxiv_api_from(
            self.settings, self.watched_fetcher if is_watched else self.fetcher, self.arxiv_pacer
        )

    @cached_property
    def watched_fetcher(self) -> Fetcher:
        """The HTTP client for somebody who waits at the terminal: each request is made once."""
        return fetcher_from(self.settings, VERSION, self.clock, is_watched=True)

    @cached_property
    def arxiv_pacer(self) -> Pacer:
        """The pacer that all requests to arXiv share."""
        if self.redis_url:
            return SharedPacer(self.redis_url, self.settings.arxiv_pause)
        return pacer_from(self.settings)

    def close(self) -> None:
        """Close what was opened."""
        if "sent_mark" in self.__dict__:
            self.sent_mark.close()
        if "transport" in self.__dict__:
            self.transport.close()
        if "database" in self.__dict__:
            self.database.close()
        for name in ("fetcher", "watched_fetcher"):
            if name in self.__dict__:
                getattr(self, name).close()

    def source(self, name: str) -> Source:
        """Return the feed of this name. Raises BadInput for an unknown name."""
        return source_named(
            name, self.settings, self.fetcher, self.arxiv_pacer, partial(papers_to_count, self.database)
        )
