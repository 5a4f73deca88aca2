"""Crawls every page in every state, with hostile papers and a subscriber who types hostile text."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx

from digest.domain.delivery import CONFIRM_DAYS
from digest.domain.subscriber import Status, Subscriber
from digest.subscribers.links import Purpose
from digest.web.app import create_app
from digest.web.middleware import LARGEST_BODY
from digest.web.preferences import PREVIEWS
from digest.wiring import Container
from tests.factories import (
    BASE_URL,
    WEDNESDAY,
    Clock,
    add_subscriber,
    links,
    set_status,
    subscriber_now,
)
from tests.web.client import Client
from tests.web.hostile import ATTACK, add_hostile_papers, add_hostile_subscriber, send_digests

FOREIGN_HOST = "evil.example"
FOREIGN_HEADERS = {
    "Host": FOREIGN_HOST,
    "X-Forwarded-Host": FOREIGN_HOST,
    "Forwarded": f"host={FOREIGN_HOST}",
    "Origin": f"https://{FOREIGN_HOST}",
    "Referer": f"https://{FOREIGN_HOST}/",
}


def path_of(purpose: Purpose, subscriber: Subscriber) -> str:
    return links().link(purpose, subscriber.key, WEDNESDAY).removeprefix(BASE_URL)


class _ForeignHostClient(Client):
    """Names another host in the headers of every request, as attackers do, and asks for a language."""

    language = "en"

    def request(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {**FOREIGN_HEADERS, "Accept-Language": self.language, **request.get("headers", {})}
        return super().request(method, path, **{**request, "headers": headers})


class Crawl:
    """The pages of an application, requested in order; earlier requests change later pages."""

    def __init__(self, container: Container, clock: Clock, language: str = "en") -> None:
        """`language` is what the browser asks for, and what the subscribers have."""
        self.container = container
        self.clock = clock
        self.language = language
        self.client = _ForeignHostClient(create_app(container, timedelta(0)))
        self.client.language = language

    @cached_property
    def pages(self) -> dict[str, httpx.Response]:
        """All responses, by name."""
        return dict(self._all_pages())

    def _all_pages(self) -> Iterator[tuple[str, httpx.Response]]:
        yield "home, empty", self.client.get("/")
        yield "search, empty", self.client.get("/search?q=x")
        add_hostile_papers(self.container)
        subscriber, other = (
            add_hostile_subscriber(self.container, f"{name}@example.org", language=self.language)
            for name in ("ada", "bo")
        )
        send_digests(self.container)
        yield from self._public_pages()
        yield from self._sign_up_pages()
        yield from self._subscriber_pages(subscriber)
        yield from self._team_pages(subscriber)
        yield from self._unsubscribe_pages(subscriber, other)
        yield from self._error_pages(other)

    def _public_pages(self) -> Iterator[tuple[str, httpx.Response]]:
        get = self.client.get
        hostile = quote(ATTACK)
        for path in (
            *("/", "/?topics=gaussian+splatting", f"/?topics={hostile}", "/?topics=zzzz"),
            *("/preview?topics=gaussian+splatting", f"/preview?topics={hostile}", "/preview"),
            *(
                "/trending",
                "/trending?period=month",
                f"/trending?category={hostile}",
                "/trending?category=cs.LG",
            ),
            *("/search", "/search?q=gaussian", f"/search?q={hostile}", "/search?q=2603.00001"),
            *(f"/search?q=splatting&category={hostile}", "/search?q=splatting&since=2026-03-03"),
            *("/daily", "/daily/2026-03-03", f"/daily/{hostile}", "/c/cs.CV", f"/c/{hostile}"),
            *("/t/gaussian-splatting", f"/t/{hostile}"),
            *("/papers/2603.00001", "/papers/2603.00004", "/about", "/docs", "/subscribe", "/links"),
        ):
            yield path, get(path)

    def _sign_up_pages(self) -> Iterator[tuple[str, httpx.Response]]:
        client, clock = self.client, self.clock
        for path in ("/subscribe", "/links"):
            for address in (ATTACK, f'"{ATTACK}"@example.org', "new@example.org"):
                yield f"{path}, too soon: {address}", client.post(path, data={"email": address})
            yield f"{path}, no address", client.request_mail(ATTACK, path)
            yield f"{path}, done", client.request_mail("new@example.org", path)
        waiting = add_subscriber(
            self.container.database,
            "waiting@example.org",
            status=Status.PENDING,
            now=clock(),
            language=self.language,
        )
        link = path_of("confirm", waiting)
        yield "confirm", client.get(link)
        clock.advance(days=CONFIRM_DAYS + 1)
        yield "confirm, expired", client.get(link)
        yield "confirm, requested again", client.post(f"{link}/again")
        clock.advance(days=-CONFIRM_DAYS - 1)
        yield "confirm, done", client.post(link)
        yield "confirm, already active", client.get(link)
        client.post(path_of("unsubscribe", waiting))
        yield "confirm, unsubscribed since", client.post(link)

    def _subscriber_pages(self, subscriber: Subscriber) -> Iterator[tuple[str, httpx.Response]]:
        client = self.client
        preferences, feedback = path_of("preferences", subscriber), path_of("feedback", subscriber)
        for verdict in ("more", "less", "none"):
            yield f"feedback, {verdict}", client.get(f"{feedback}?paper=2603.00001&verdict={verdict}")
        for verdict in ("more", "more", "less", "none", "less"):
            answer = client.post(feedback, data={"paper": "2603.00001", "verdict": verdict})
            yield f"feedback, {verdict}, done", answer
        yield "feedback, given before", client.get(f"{feedback}?paper=2603.00001&verdict=more")
        client.post(feedback, data={"paper": "2603.00004", "verdict": "more"})
        yield "feedback, hostile", client.get(f"{feedback}?paper={quote(ATTACK)}&verdict={quote(ATTACK)}")
        yield "preferences", client.get(preferences)
        yield "preferences, hostile message", client.get(f"{preferences}?done={quote(ATTACK)}")
        typed = {
            "topics": f"gaussian splatting {ATTACK}\n{ATTACK}",
            "must": ATTACK,
            "mute": f"x{ATTACK}",
            "follow": ATTACK,
            "categories": "cs.CV",
        }
        yield "preferences, previewed", client.post(f"{preferences}/preview", data=typed)
        part = {**typed, "part": "preview", "like": ATTACK}
        yield "preferences, preview alone", client.post(f"{preferences}/preview", data=part)
        yield (
            "preferences, preview of an error",
            client.post(f"{preferences}/preview", data={"timezone": ATTACK}),
        )
        yield "preferences, saved", client.post(preferences, data=typed)
        for wrong in (
            {"timezone": ATTACK},
            {"categories": ATTACK, **typed},
            {"hour": ATTACK},
            {"pasted": ATTACK},
            {"do": "pause", "until": ATTACK},
            {"do": ATTACK},
        ):
            yield f"preferences, error in {next(iter(wrong))}", client.post(preferences, data=wrong)
        yield "preferences, after saving", client.get(f"{preferences}?done=saved")
        client.post(preferences, data={"do": "pause", "until": "2026-04-01"})
        yield "preferences, paused", client.get(f"{preferences}?done=paused")
        client.post(preferences, data={"do": "resume"})
        yield "web view", client.get(path_of("digest", subscriber))
        (short,) = links().feedback_pages(subscriber.key, WEDNESDAY, ["2603.00004"])
        for ending in ("", "/more", "/less"):
            yield f"short feedback{ending}", client.get(short.removeprefix(BASE_URL) + ending)
        opinion = path_of("opinion", subscriber)
        for ending in ("", "/yes", "/no"):
            yield f"opinion{ending}", client.get(opinion + ending)
        for given in ("yes", "no"):
            yield f"opinion, {given}", client.post(opinion, data={"answer": given})
        yield "archive", client.get(path_of("archive", subscriber))
        yield (
            "web view, unknown day",
            client.get(
                links().link("digest", subscriber.key, WEDNESDAY + timedelta(days=9)).removeprefix(BASE_URL)
            ),
        )

    def _team_pages(self, subscriber: Subscriber) -> Iterator[tuple[str, httpx.Response]]:
        client, preferences = self.client, path_of("preferences", subscriber)
        yield (
            "preferences, wrong invitation",
            client.post(preferences, data={"do": "join", "invitation": ATTACK}),
        )
        client.post(preferences, data={"do": "invite"})
        yield "preferences, invited", client.get(f"{preferences}?done=invited")
        team = subscriber_now(self.container.database, subscriber.address).team or ""
        invitation = links().link("team", team, WEDNESDAY).removeprefix(BASE_URL)
        yield "team", client.get(invitation)
        yield "team, too soon", client.post(invitation, data={"email": "bo@example.org", "topics": ATTACK})
        yield "team, wrong address", client.post(invitation, data={"email": ATTACK})

    def _unsubscribe_pages(
        self, subscriber: Subscriber, other: Subscriber
    ) -> Iterator[tuple[str, httpx.Response]]:
        client, container = self.client, self.container
        preferences, out = path_of("preferences", subscriber), path_of("unsubscribe", subscriber)
        yield "unsubscribe", client.get(out)
        yield "unsubscribe, done", client.post(out)
        yield "unsubscribe, again", client.get(out)
        yield "preferences, unsubscribed", client.get(preferences)
        yield "unsubscribe, undone", client.post(f"{out}/undo")
        yield "undo, not unsubscribed", client.get(path_of("undo", subscriber))
        client.post(out)
        yield "undo", client.get(path_of("undo", subscriber))
        yield "undo, done", client.post(path_of("undo", subscriber))
        yield "undo, used", client.post(path_of("undo", subscriber))
        for status in (Status.SUPPRESSED, Status.PENDING):
            set_status(container.database, subscriber_now(container.database, other.address), status)
            yield f"unsubscribe, {status}, undone", client.post(f"{path_of('unsubscribe', other)}/undo")
            yield f"preferences, {status}", client.get(path_of("preferences", other))
        yield "erased", client.post(preferences, data={"do": "erase"})
        for purpose in ("preferences", "confirm", "digest", "unsubscribe", "feedback"):
            yield f"{purpose}, erased", client.get(path_of(purpose, subscriber))

    def _error_pages(self, other: Subscriber) -> Iterator[tuple[str, httpx.Response]]:
        client = self.client
        yield "no such page", client.get(f"/nothing/{quote(ATTACK)}")
        yield "no such paper", client.get(f"/papers/{quote(ATTACK)}")
        yield "no such time", client.get(f"/trending?period={quote(ATTACK)}")
        yield "no such day", client.get(f"/search?q=x&since={quote(ATTACK)}")
        yield "no such method", client.request("DELETE", "/")
        yield "a query too long", client.get("/search", params={"q": "x" * 20_001})
        yield "a body too large", client.post("/subscribe", data={"email": "x" * LARGEST_BODY})
        for purpose in ("confirm", "preferences", "unsubscribe", "feedback", "digest"):
            yield f"{purpose}, forged", client.get(f"/{purpose}/{quote(ATTACK, safe='')}?paper=2603.00001")
        set_status(
            self.container.database, subscriber_now(self.container.database, other.address), Status.ACTIVE
        )
        preview = f"{path_of('preferences', other)}/preview"
        while client.app.state.context.previews.hit(PREVIEWS, other.key):
            pass
        yield "too many previews", client.post(preview)

        @client.app.get("/broken", include_in_schema=False)
        def broken() -> None:
            raise RuntimeError(ATTACK)

        yield "an unexpected error", client.get("/broken")


def other_documents(client: Client, subscriber: Subscriber) -> Iterator[tuple[str, httpx.Response]]:
    """Yield the responses that are not pages: feeds, files and the API."""
    own = path_of("feed", subscriber)
    for path in (
        *(
            "/feed.xml",
            "/feed.json",
            "/daily.xml",
            f"{own}.xml",
            f"{own}.json",
            f"{path_of('preferences', subscriber)}/export",
        ),
        *("/papers/2603.00001.bib", "/papers/2603.00001.ris", "/metrics", "/healthz", "/readyz"),
        *("/api/papers", "/api/papers/2603.00001?similar=5", "/api/search?q=gaussian", "/api/trending"),
        *(f"/api/papers/{quote(ATTACK)}", f"/api/trending?period={quote(ATTACK)}", "/api/openapi.json"),
        *(f"/api/search?q={quote(ATTACK)}&category={quote(ATTACK[:40])}", "/api/nothing", "/static/site.css"),
    ):
        yield path, client.get(path, headers=FOREIGN_HEADERS)
