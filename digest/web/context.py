"""What the pages of one process share, and how they answer."""

import logging
from collections import Counter
from datetime import date, datetime, timedelta
from functools import cached_property
from threading import Event
from typing import Annotated, Any
from urllib.parse import urlsplit

from anyio import CapacityLimiter
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from digest.delivery.preview import preview
from digest.delivery.select_papers import Selection
from digest.domain.subscriber import Subscriber
from digest.errors import DigestError
from digest.store import papers as paper_store
from digest.store.database import Connection
from digest.subscribers.consent import subscriber_of
from digest.subscribers.links import Claim, Purpose
from digest.subscribers.preferences import Draft
from digest.web.background import RequestWorker
from digest.web.cache import CacheEntry, LruCache
from digest.web.catalogue import PERIODS, Catalogue
from digest.web.form_tokens import TOKEN_PLACEHOLDER, FormTokens, TokenPage
from digest.web.limits import HourlyLimits
from digest.web.pages import Pages
from digest.wiring import Container, templates_folder

RECHECK = timedelta(seconds=5)
"""How long new papers may take to show."""
_CACHED_PAGES = 200
_CACHED_SEARCHES = 100
_ASKING_AT_ONCE = 2
_log = logging.getLogger("digest.web")


class WebContext:
    """The parts of the web side, each made once."""

    def __init__(self, container: Container, recheck: timedelta, stopping: Event) -> None:
        self.container = container
        self.request_worker = RequestWorker(container, stopping)
        """Sends the mails that were asked for."""
        self.catalogue = Catalogue(container.database, container.clock, recheck)
        self.answers: Counter[int] = Counter()
        """How many answers of each status were given."""
        self.page_cache: LruCache[CacheEntry[HTMLResponse]] = LruCache(_CACHED_PAGES)
        self.search_cache: LruCache[CacheEntry[HTMLResponse]] = LruCache(_CACHED_SEARCHES)
        self.base_url = container.settings.base_url
        self.root = urlsplit(self.base_url).path.rstrip("/")
        """What stands before every path when the pages do not live at the top of their host."""
        self.static = templates_folder() / "static"
        self.pages = Pages(
            templates_folder() / "web",
            self.static,
            {
                "root": self.root,
                "base_url": self.base_url,
                "operator": container.imprint.operator,
                "postal_address": container.imprint.postal_address,
                "periods": PERIODS,
                "form_token": TOKEN_PLACEHOLDER,
            },
        )
        self.previews = FixedWindowRateLimiter(MemoryStorage())
        """How often each subscriber asked what they would get."""
        self.asking = CapacityLimiter(_ASKING_AT_ONCE)
        """The threads that take requests for mail. In a flood the rest wait here, and not where pages are made."""

    def warm(self) -> None:
        """Make ahead what the first visitors would wait for; without a database, they will be told."""
        try:
            self.catalogue.warm()
            with self.container.database.read() as connection:
                # Learning anything prepares what all learning shares, but for what takes many examples.
                self.container.profiles.build(connection, ["papers"], [])
                reference = self.container.profiles.reference(connection)
            if reference.size:
                _ = reference.latent_space
        except DigestError as error:
            _log.warning("nothing is prepared: %s", error)

    @cached_property
    def limits(self) -> HourlyLimits:
        """What holds back whoever asks too often."""
        return HourlyLimits(self.container.secret, self.container.redis_url)

    @cached_property
    def form_tokens(self) -> FormTokens:
        """The maker and reader of the stamps in forms."""
        return FormTokens(self.container.secret, self.container.clock)

    def now(self) -> datetime:
        """Return the present instant."""
        return self.container.clock()

    def today(self, subscriber: Subscriber) -> date:
        """Return the present day where a subscriber is."""
        return self.now().astimezone(subscriber.schedule.zone).date()

    def page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page for everybody, to be kept by browsers for a minute."""
        text = self.pages.render(name, **values)
        response = (
            TokenPage(text, status, self.form_tokens)
            if TOKEN_PLACEHOLDER in text
            else HTMLResponse(text, status)
        )
        if status == 200:
            response.headers["Cache-Control"] = "public, max-age=60"
        return response

    def private_page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page for one subscriber, to be kept and found by nobody."""
        response = HTMLResponse(self.pages.render(name, **values), status)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    def claim(self, purpose: Purpose, token: str) -> Claim:
        """Return what a link says. Raises BadLink."""
        return self.container.links.read(purpose, token)

    def subscriber(self, connection: Connection, purpose: Purpose, token: str) -> Subscriber:
        """Return the subscriber of a link. Raises BadLink or NotFound."""
        return subscriber_of(connection, self.claim(purpose, token).subscriber_key)

    def token(self, purpose: Purpose, subscriber: Subscriber, issued_on: date | None = None) -> str:
        """Return a link's token for a subscriber."""
        link = self.container.links.link(purpose, subscriber.key, issued_on or self.now().date())
        return link.rpartition("/")[2]

    def preview(
        self, connection: Connection, subscriber: Subscriber, draft: Draft | None = None
    ) -> Selection:
        """Return what a subscriber would get, had they got no mail since the newest papers came; nothing is written.

        With a draft: what they would get, had they saved it.
        """
        now, today = self.now(), self.today(subscriber)
        newest_on = paper_store.newest_announcement(connection, now.date())
        # On a day without new papers, the last one that had some says more.
        edition_on = min(today, newest_on or today)
        return preview(connection, self.container.composer, subscriber, edition_on, now, draft)


def context_of(request: Request) -> WebContext:
    """Return the site that a request came to."""
    context: WebContext = request.app.state.context
    return context


Context = Annotated[WebContext, Depends(context_of)]
