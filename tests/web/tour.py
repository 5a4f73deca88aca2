"""A walk through every page in every state, over hostile papers, by a reader who types hostile words."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx

from digest.delivery.letters import CONFIRM_DAYS
from digest.readers.links import Purpose
from digest.readers.subscriber import Subscriber
from digest.web.app import create_app
from digest.web.preferences import PREVIEWS
from digest.web.safety import LARGEST_BODY
from digest.wiring import Parts
from tests.factories import (
    BASE_URL,
    WEDNESDAY,
    Clock,
    add_reader,
    links,
    reader_now,
    set_status,
)
from tests.web.hostile import ATTACK, add_hostile_papers, add_hostile_reader, send_digests
from tests.web.visitor import Visitor

EVIL = "evil.example"
EVIL_HEADERS = {
    "Host": EVIL,
    "X-Forwarded-Host": EVIL,
    "Forwarded": f"host={EVIL}",
    "Origin": f"https://{EVIL}",
    "Referer": f"https://{EVIL}/",
}


def path_of(purpose: Purpose, reader: Subscriber) -> str:
    return links().link(purpose, reader.key, WEDNESDAY).removeprefix(BASE_URL)


class _Misled(Visitor):
    """Names another host in every request, as proxies and attackers do."""

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        return super().ask(
            method, path, **{**request, "headers": {**EVIL_HEADERS, **request.get("headers", {})}}
        )


class Walk:
    """The pages of a site, one after the other; what came before changes what comes after."""

    def __init__(self, parts: Parts, clock: Clock) -> None:
        self.parts = parts
        self.clock = clock
        self.visitor = _Misled(create_app(parts, timedelta(0)))

    @cached_property
    def pages(self) -> dict[str, httpx.Response]:
        """Every answer, by what it is called here."""
        return dict(self._every_page())

    def _every_page(self) -> Iterator[tuple[str, httpx.Response]]:
        yield "home, empty", self.visitor.get("/")
        yield "search, empty", self.visitor.get("/search?q=x")
        add_hostile_papers(self.parts)
        reader, other = (add_hostile_reader(self.parts, f"{name}@example.org") for name in ("ada", "bo"))
        send_digests(self.parts)
        yield from self._public()
        yield from self._signing_up()
        yield from self._as_reader(reader)
        yield from self._leaving(reader, other)
        yield from self._refused(other)

    def _public(self) -> Iterator[tuple[str, httpx.Response]]:
        get = self.visitor.get
        hostile = quote(ATTACK)
        for path in (
            *("/", "/?period=today", "/?period=month", f"/?category={hostile}", "/?category=cs.LG"),
            *(
                "/trending",
                "/trending?period=month",
                f"/trending?category={hostile}",
                "/trending?category=cs.LG",
            ),
            *("/search", "/search?q=gaussian", f"/search?q={hostile}", "/search?q=2603.00001"),
            *(f"/search?q=splatting&category={hostile}", "/search?q=splatting&since=2026-03-03"),
            *("/papers/2603.00001", "/papers/2603.00004", "/about", "/docs", "/subscribe", "/links"),
        ):
            yield path, get(path)

    def _signing_up(self) -> Iterator[tuple[str, httpx.Response]]:
        visitor, clock = self.visitor, self.clock
        for path in ("/subscribe", "/links"):
            for address in (ATTACK, f'"{ATTACK}"@example.org', "new@example.org"):
                yield f"{path}, too quick: {address}", visitor.post(path, data={"email": address})
            yield f"{path}, no address", visitor.ask_for_mail(ATTACK, path)
            yield f"{path}, done", visitor.ask_for_mail("new@example.org", path)
        waiting = add_reader(self.parts.database, "waiting@example.org", status="pending", now=clock())
        link = path_of("confirm", waiting)
        yield "confirm", visitor.get(link)
        clock.advance(days=CONFIRM_DAYS + 1)
        yield "confirm, too late", visitor.get(link)
        yield "confirm, asked again", visitor.post(f"{link}/again")
        clock.advance(days=-CONFIRM_DAYS - 1)
        yield "confirm, done", visitor.post(link)
        yield "confirm, in already", visitor.get(link)
        visitor.post(path_of("unsubscribe", waiting))
        yield "confirm, gone since", visitor.post(link)

    def _as_reader(self, reader: Subscriber) -> Iterator[tuple[str, httpx.Response]]:
        visitor = self.visitor
        mine, said = path_of("preferences", reader), path_of("feedback", reader)
        for verdict in ("more", "less", "none"):
            yield f"feedback, {verdict}", visitor.get(f"{said}?paper=2603.00001&verdict={verdict}")
        for verdict in ("more", "more", "less", "none", "less"):
            answer = visitor.post(said, data={"paper": "2603.00001", "verdict": verdict})
            yield f"feedback, {verdict}, done", answer
        yield "feedback, said before", visitor.get(f"{said}?paper=2603.00001&verdict=more")
        visitor.post(said, data={"paper": "2603.00004", "verdict": "more"})
        yield "feedback, hostile", visitor.get(f"{said}?paper={quote(ATTACK)}&verdict={quote(ATTACK)}")
        yield "preferences", visitor.get(mine)
        yield "preferences, hostile word", visitor.get(f"{mine}?done={quote(ATTACK)}")
        typed = {
            "topics": f"gaussian splatting {ATTACK}\n{ATTACK}",
            "must": ATTACK,
            "mute": f"x{ATTACK}",
            "follow": ATTACK,
            "categories": "cs.CV",
        }
        yield "preferences, previewed", visitor.post(f"{mine}/preview", data=typed)
        yield "preferences, preview of a mistake", visitor.post(f"{mine}/preview", data={"timezone": ATTACK})
        yield "preferences, saved", visitor.post(mine, data=typed)
        for mistake in (
            {"timezone": ATTACK},
            {"categories": ATTACK, **typed},
            {"hour": ATTACK},
            {"pasted": ATTACK},
            {"do": "pause", "until": ATTACK},
            {"do": ATTACK},
        ):
            yield f"preferences, mistake in {next(iter(mistake))}", visitor.post(mine, data=mistake)
        yield "preferences, after saving", visitor.get(f"{mine}?done=saved")
        visitor.post(mine, data={"do": "pause", "until": "2026-04-01"})
        yield "preferences, paused", visitor.get(f"{mine}?done=paused")
        visitor.post(mine, data={"do": "resume"})
        yield "web view", visitor.get(path_of("digest", reader))
        yield (
            "web view, of no day",
            visitor.get(
                links().link("digest", reader.key, WEDNESDAY + timedelta(days=9)).removeprefix(BASE_URL)
            ),
        )

    def _leaving(self, reader: Subscriber, other: Subscriber) -> Iterator[tuple[str, httpx.Response]]:
        visitor, parts = self.visitor, self.parts
        mine, out = path_of("preferences", reader), path_of("unsubscribe", reader)
        yield "unsubscribe", visitor.get(out)
        yield "unsubscribe, done", visitor.post(out)
        yield "unsubscribe, once more", visitor.get(out)
        yield "preferences, unsubscribed", visitor.get(mine)
        yield "unsubscribe, undone", visitor.post(f"{out}/undo")
        for status in ("suppressed", "pending"):
            set_status(parts.database, reader_now(parts.database, other.address), status)
            yield f"unsubscribe, {status}, undone", visitor.post(f"{path_of('unsubscribe', other)}/undo")
            yield f"preferences, {status}", visitor.get(path_of("preferences", other))
        yield "erased", visitor.post(mine, data={"do": "erase"})
        for purpose in ("preferences", "confirm", "digest", "unsubscribe", "feedback"):
            yield f"{purpose}, erased", visitor.get(path_of(purpose, reader))

    def _refused(self, other: Subscriber) -> Iterator[tuple[str, httpx.Response]]:
        visitor = self.visitor
        yield "no such page", visitor.get(f"/nothing/{quote(ATTACK)}")
        yield "no such paper", visitor.get(f"/papers/{quote(ATTACK)}")
        yield "no such time", visitor.get(f"/?period={quote(ATTACK)}")
        yield "no such day", visitor.get(f"/search?q=x&since={quote(ATTACK)}")
        yield "no such method", visitor.ask("DELETE", "/")
        yield "a query too long", visitor.get("/search", params={"q": "x" * 20_001})
        yield "a body too large", visitor.post("/subscribe", data={"email": "x" * LARGEST_BODY})
        for purpose in ("confirm", "preferences", "unsubscribe", "feedback", "digest"):
            yield f"{purpose}, forged", visitor.get(f"/{purpose}/{quote(ATTACK, safe='')}?paper=2603.00001")
        set_status(self.parts.database, reader_now(self.parts.database, other.address), "active")
        preview = f"{path_of('preferences', other)}/preview"
        while visitor.app.state.site.previews.hit(PREVIEWS, other.key):
            pass
        yield "too many previews", visitor.post(preview)

        @visitor.app.get("/broken", include_in_schema=False)
        def broken() -> None:
            raise RuntimeError(ATTACK)

        yield "a fault of ours", visitor.get("/broken")


def other_documents(visitor: Visitor, reader: Subscriber) -> Iterator[tuple[str, httpx.Response]]:
    """What is no page: feeds, and answers for programs."""
    own = path_of("feed", reader)
    for path in (
        *("/feed.xml", "/feed.json", f"{own}.xml", f"{own}.json", f"{path_of('preferences', reader)}/export"),
        *("/papers/2603.00001.bib", "/papers/2603.00001.ris", "/metrics", "/healthz", "/readyz"),
        *("/api/papers", "/api/papers/2603.00001?similar=5", "/api/search?q=gaussian", "/api/trending"),
        *(f"/api/papers/{quote(ATTACK)}", f"/api/trending?period={quote(ATTACK)}", "/api/openapi.json"),
        *(f"/api/search?q={quote(ATTACK)}&category={quote(ATTACK[:40])}", "/api/nothing", "/static/site.css"),
    ):
        yield path, visitor.get(path, headers=EVIL_HEADERS)
