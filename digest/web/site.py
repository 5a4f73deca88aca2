"""What the pages of one process share, and how they answer."""

import logging
from collections import Counter
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from digest.delivery.compose import Composer, Selection
from digest.delivery.deliver import deliver_ready
from digest.delivery.preview import preview
from digest.errors import DigestError
from digest.readers.consent import reader_of
from digest.readers.links import Claim, Purpose
from digest.readers.subscriber import Subscriber
from digest.store.database import Connection
from digest.web.catalogue import PERIODS, Catalogue
from digest.web.kept import KeptMany
from digest.web.limits import HourlyLimits
from digest.web.pages import Pages
from digest.wiring import Parts, templates_folder

RECHECK = timedelta(seconds=5)
"""How long new papers may take to show."""
_KEPT_PAGES = 200
_log = logging.getLogger("digest.web")


class Site:
    """The parts of the web side, each made once."""

    def __init__(self, parts: Parts, recheck: timedelta) -> None:
        self.parts = parts
        self.catalogue = Catalogue(parts.database, parts.clock, recheck)
        self.answers: Counter[int] = Counter()
        """How many answers of each status were given."""
        self.limits = HourlyLimits(parts.clock)
        self.kept_pages: KeptMany[HTMLResponse] = KeptMany(_KEPT_PAGES)
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
            },
        )
        # A composer keeps editions for one caller at a time, and delivering may go on beside these pages.
        self._composer = Composer(parts.choosing)
        self._composing = Lock()
        self._sending = Lock()

    def warm(self) -> None:
        """Make ahead what the first visitors would wait for; without a database, they will be told."""
        try:
            self.catalogue.warm()
        except DigestError as error:
            _log.warning("nothing is prepared: %s", error)

    def now(self) -> datetime:
        """Return the present instant."""
        return self.parts.clock()

    def page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page for everybody, to be kept by browsers for a minute."""
        response = HTMLResponse(self.pages.render(name, **values), status)
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

    def preview(self, connection: Connection, subscriber: Subscriber) -> Selection:
        """Return what a reader would get today, had they got nothing today."""
        now = self.now()
        today = now.astimezone(subscriber.rhythm.zone).date()
        with self._composing:
            return preview(connection, self._composer, subscriber, today, now)

    def send_now(self, subscriber: Subscriber) -> None:
        """Send what waits for a reader, where this process is the whole installation; else workers do."""
        if self.parts.settings.broker_url is None:
            try:
                with self._sending:
                    deliver_ready(self.parts.post_office, self.parts.clock, only=subscriber.id)
            except DigestError as error:
                # The mail stays planned, for the next run to send.
                _log.warning("a confirmation waits: %s", error)


def site_of(request: Request) -> Site:
    """Return the site that a request came to."""
    site: Site = request.app.state.site
    return site


OnSite = Annotated[Site, Depends(site_of)]
