"""The objects that all routes of one process share, and helpers for responses."""

import logging
from datetime import date, datetime, timedelta
from functools import cached_property
from threading import Event
from typing import Annotated, Any
from urllib.parse import urlsplit

from anyio import CapacityLimiter
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response
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
from digest.text.languages import current_language
from digest.web.alarm_watch import AlarmWatch
from digest.web.cache import PageCache
from digest.web.catalogue import PERIODS, Catalogue
from digest.web.form_tokens import TOKEN_PLACEHOLDER, FormTokens, TokenPage
from digest.web.limits import HourlyLimits
from digest.web.metrics import Metrics
from digest.web.page_language import use_subscriber_language
from digest.web.pages import Pages
from digest.web.request_worker import RequestWorker
from digest.wiring import Container, templates_folder

RECHECK = timedelta(seconds=5)
"""New papers show on the pages after this time at the latest."""
_CACHED_PAGES = 200
_CACHED_SEARCHES = 100
_CACHED_PREVIEWS = 500
"""About 10 MB."""
_PREVIEW_THREADS = 2
_REQUEST_THREADS = 2
_log = logging.getLogger("digest.web")


class WebContext:
    """The shared objects of the web application in one process."""

    def __init__(self, container: Container, recheck: timedelta, stopping: Event) -> None:
        self.container = container
        self.request_worker = RequestWorker(container, stopping)
        """Sends the requested mails."""
        self.alarm_watch = AlarmWatch(container, stopping)
        self.catalogue = Catalogue(container.database, container.clock, recheck)
        self.metrics = Metrics(container)
        self.page_cache: PageCache[Response] = PageCache(_CACHED_PAGES)
        self.search_cache: PageCache[HTMLResponse] = PageCache(_CACHED_SEARCHES)
        self.preview_cache: PageCache[HTMLResponse] = PageCache(_CACHED_PREVIEWS)
        """Pages for what a visitor typed."""
        self.base_url = container.settings.base_url
        self.root = urlsplit(self.base_url).path.rstrip("/")
        """The path of the base URL, which every path of a page starts with; empty at the top of a host."""
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
        """Counts the previews of each subscriber, and of each network of visitors."""
        self.preview_threads = CapacityLimiter(_PREVIEW_THREADS)
        """Limits the threads that make previews for visitors, so that pages and searches do not wait for them."""
        self.mail_request_threads = CapacityLimiter(_REQUEST_THREADS)
        """Limits the threads that store mail requests. Under load they wait for each other, pages do not."""

    def warm(self) -> None:
        """Fill the caches that the first requests need. Logs a warning when the database is unavailable."""
        try:
            self.catalogue.warm()
            with self.container.database.read() as connection:
                # Building one profile prepares the reference corpus; only the latent space is missing then.
                self.container.profiles.build(connection, ["papers"], [])
                reference = self.container.profiles.reference(connection)
            if reference.size:
                _ = reference.latent_space
        except DigestError as error:
            _log.warning("nothing is prepared: %s", error)

    @cached_property
    def limits(self) -> HourlyLimits:
        """The limits on mail requests per hour."""
        return HourlyLimits(self.container.secret, self.container.redis_url)

    @cached_property
    def form_tokens(self) -> FormTokens:
        """Signs and checks the tokens in forms."""
        return FormTokens(self.container.secret, self.container.clock)

    def now(self) -> datetime:
        """Return the present instant."""
        return self.container.clock()

    def today(self, subscriber: Subscriber) -> date:
        """Return the present date in the subscriber's time zone."""
        return self.now().astimezone(subscriber.schedule.zone).date()

    def page(self, name: str, path: str = "", status: int = 200, **values: Any) -> HTMLResponse:
        """Return a public page, which browsers may cache for a minute.

        `path` is where it is found in whatever language, with what its content depends on; "" for a page that is in
        one language alone.
        """
        text = self.pages.render(name, path=path, **values)
        response = (
            TokenPage(text, status, self.form_tokens)
            if TOKEN_PLACEHOLDER in text
            else HTMLResponse(text, status)
        )
        if status == 200:
            response.headers["Cache-Control"] = "public, max-age=60"
        response.headers["Content-Language"] = current_language()
        response.headers["Vary"] = "Accept-Language"
        return response

    def private_page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page for one subscriber: not cached, not indexed by search engines."""
        response = HTMLResponse(self.pages.render(name, path="", **values), status)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Language"] = current_language()
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    def claim(self, purpose: Purpose, token: str) -> Claim:
        """Return the content of a signed link. Raises BadLink."""
        return self.container.links.read(purpose, token)

    def subscriber(self, connection: Connection, purpose: Purpose, token: str) -> Subscriber:
        """Return the subscriber of a link, in whose language the answer is. Raises BadLink or NotFound."""
        return self.subscriber_with(connection, self.claim(purpose, token).subscriber_key)

    def subscriber_with(self, connection: Connection, key: str) -> Subscriber:
        """Return the subscriber with the key of a link, in whose language the answer is. Raises NotFound."""
        subscriber = subscriber_of(connection, key)
        use_subscriber_language(subscriber.language)
        return subscriber

    def token(self, purpose: Purpose, subscriber: Subscriber, issued_on: date | None = None) -> str:
        """Return the token of a link for a subscriber, issued today by default."""
        link = self.container.links.link(purpose, subscriber.key, issued_on or self.now().date())
        return link.rpartition("/")[2]

    def preview(
        self, connection: Connection, subscriber: Subscriber, draft: Draft | None = None
    ) -> Selection:
        """Return the digest that a subscriber would get of the newest papers; write nothing.

        With a draft, the digest that they would get after saving it.
        """
        now, today = self.now(), self.today(subscriber)
        newest_on = paper_store.newest_announcement(connection, now.date())
        # On a day without new papers, the last day that had some is shown.
        edition_on = min(today, newest_on or today)
        return preview(connection, self.container.composer, subscriber, edition_on, now, draft)


def context_of(request: Request) -> WebContext:
    """Return the context of the application that serves a request."""
    context: WebContext = request.app.state.context
    return context


Context = Annotated[WebContext, Depends(context_of)]
