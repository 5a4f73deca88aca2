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

from digest.delivery.compose import Selection
from digest.delivery.preview import preview
from digest.errors import DigestError
from digest.readers.consent import reader_of
from digest.readers.links import Claim, Purpose
from digest.readers.preferences import Draft
from digest.readers.subscriber import Subscriber
from digest.store import papers as paper_store
from digest.store.database import Connection
from digest.web.background import Background
from digest.web.catalogue import PERIODS, Catalogue
from digest.web.kept import Held, KeptMany
from digest.web.limits import HourlyLimits
from digest.web.pages import Pages
from digest.web.stamps import UNSTAMPED, StampedPage, Stamps
from digest.wiring import Parts, templates_folder

RECHECK = timedelta(seconds=5)
"""How long new papers may take to show."""
_KEPT_PAGES = 200
_KEPT_SEARCHES = 100
_ASKING_AT_ONCE = 2
_log = logging.getLogger("digest.web")


class Site:
    """The parts of the web side, each made once."""

    def __init__(self, parts: Parts, recheck: timedelta, stopping: Event) -> None:
        self.parts = parts
        self.background = Background(parts, stopping)
        """Sends the mails that were asked for."""
        self.catalogue = Catalogue(parts.database, parts.clock, recheck)
        self.answers: Counter[int] = Counter()
        """How many answers of each status were given."""
        self.kept_pages: KeptMany[Held[HTMLResponse]] = KeptMany(_KEPT_PAGES)
        self.kept_searches: KeptMany[Held[HTMLResponse]] = KeptMany(_KEPT_SEARCHES)
        self.base_url = parts.settings.base_url
        self.root = urlsplit(self.base_url).path.rstrip("/")
        """What stands before every path when the pages do not live at the top of their host."""
        self.static = templates_folder() / "static"
        self.pages = Pages(
            templates_folder() / "web",
            self.static,
            {
                "root": self.root,
                "base_url": self.base_url,
                "operator": parts.imprint.operator,
                "postal_address": parts.imprint.postal_address,
                "periods": PERIODS,
                "stamp": UNSTAMPED,
            },
        )
        self.previews = FixedWindowRateLimiter(MemoryStorage())
        """How often each reader asked what they would get."""
        self.asking = CapacityLimiter(_ASKING_AT_ONCE)
        """The threads that take requests for mail. In a flood the rest wait here, and not where pages are made."""

    def warm(self) -> None:
        """Make ahead what the first visitors would wait for; without a database, they will be told."""
        try:
            self.catalogue.warm()
            with self.parts.database.read() as connection:
                # Learning anything prepares what all learning shares, but for what takes many examples.
                self.parts.profiles.build(connection, ["papers"], [])
                background = self.parts.profiles.background(connection)
            if background.size:
                _ = background.directions
        except DigestError as error:
            _log.warning("nothing is prepared: %s", error)

    @cached_property
    def limits(self) -> HourlyLimits:
        """What holds back whoever asks too often."""
        return HourlyLimits(self.parts.secret, self.parts.redis_url)

    @cached_property
    def stamps(self) -> Stamps:
        """The maker and reader of the stamps in forms."""
        return Stamps(self.parts.secret, self.parts.clock)

    def now(self) -> datetime:
        """Return the present instant."""
        return self.parts.clock()

    def today(self, subscriber: Subscriber) -> date:
        """Return the present day where a reader is."""
        return self.now().astimezone(subscriber.rhythm.zone).date()

    def page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page for everybody, to be kept by browsers for a minute."""
        text = self.pages.render(name, **values)
        response = StampedPage(text, status, self.stamps) if UNSTAMPED in text else HTMLResponse(text, status)
        if status == 200:
            response.headers["Cache-Control"] = "public, max-age=60"
        return response

    def private_page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page for one reader, to be kept and found by nobody."""
        response = HTMLResponse(self.pages.render(name, **values), status)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    def claim(self, purpose: Purpose, token: str) -> Claim:
        """Return what a link says. Raises BadLink."""
        return self.parts.links.read(purpose, token)

    def reader(self, connection: Connection, purpose: Purpose, token: str) -> Subscriber:
        """Return the reader of a link. Raises BadLink or NotFound."""
        return reader_of(connection, self.claim(purpose, token).reader)

    def token(self, purpose: Purpose, subscriber: Subscriber, issued_on: date | None = None) -> str:
        """Return a link's token for a reader."""
        link = self.parts.links.link(purpose, subscriber.key, issued_on or self.now().date())
        return link.rpartition("/")[2]

    def preview(
        self, connection: Connection, subscriber: Subscriber, draft: Draft | None = None
    ) -> Selection:
        """Return what a reader would get, had they got no mail since the newest papers came; nothing is written.

        With a draft: what they would get, had they saved it.
        """
        now, today = self.now(), self.today(subscriber)
        newest_on = paper_store.newest_announcement(connection, now.date())
        # On a day without new papers, the last one that had some says more.
        edition_on = min(today, newest_on or today)
        return preview(connection, self.parts.composer, subscriber, edition_on, now, draft)


def site_of(request: Request) -> Site:
    """Return the site that a request came to."""
    site: Site = request.app.state.site
    return site


OnSite = Annotated[Site, Depends(site_of)]
