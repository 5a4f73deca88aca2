"""Generated requests, valid and invalid, for the fuzz test of the pages."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode

import httpx
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from digest.domain.subscriber import FREQUENCIES, Subscriber
from digest.errors import NotFound
from digest.subscribers.links import PURPOSES, Purpose
from digest.web.app import create_app
from digest.web.form_tokens import LEAST
from digest.wiring import Container
from tests.factories import MONDAY, WEDNESDAY, Clock, links, subscriber_now
from tests.web.client import Client, form_token_of
from tests.web.hostile import ATTACK, add_hostile_papers, add_hostile_subscriber, send_digests

SUBSCRIBERS = 5

FORM_TOKEN = "the token of a form that was open long enough"
"""Replaced by a valid form token when the request is sent."""


@asynccontextmanager
async def _unprepared(_app: Any) -> AsyncIterator[None]:
    yield


class Target:
    """An application with hostile papers and subscribers, some of whom may be erased or unsubscribed."""

    def __init__(self, container: Container, clock: Clock) -> None:
        self.container = container
        self.client = Client(create_app(container))
        # The preparation at the start would still run when the database is removed.
        self.client.app.router.lifespan_context = _unprepared
        add_hostile_papers(container)
        self._subscribers = [
            add_hostile_subscriber(container, f"r{number}@example.org") for number in range(SUBSCRIBERS)
        ]
        send_digests(container)
        self.form_token = form_token_of(self.client.get("/").text)
        clock.advance(seconds=LEAST.total_seconds())

    def subscriber(self, position: int) -> Subscriber:
        """Return one of the subscribers, added again if erased."""
        known = self._subscribers[position % SUBSCRIBERS]
        try:
            return subscriber_now(self.container.database, known.address)
        except NotFound:
            self._subscribers[position % SUBSCRIBERS] = add_hostile_subscriber(self.container, known.address)
            return self._subscribers[position % SUBSCRIBERS]


Harm = Literal[
    "none", "cut", "behead", "lengthen", "change", "of another subscriber", "of another day", "double"
]

HARMS: tuple[Harm, ...] = Harm.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Link:
    """A subscriber's link, perhaps made for another purpose or tampered with."""

    subscriber: int
    leads_to: str
    made_for: Purpose
    harm: Harm = "none"
    position: int = 0
    ending: str = ""

    def path(self, target: Target) -> str:
        """Return the link's path."""
        subscriber = target.subscriber(self.subscriber)
        day = MONDAY if self.harm == "of another day" else WEDNESDAY
        token = links().link(self.made_for, subscriber.key, day).rpartition("/")[2]
        position = self.position % len(token)
        harmed = {
            "cut": token[:position],
            "behead": token[position:],
            "lengthen": token + token[position:],
            "change": f"{token[:position]}~{token[position + 1 :]}",
            "of another subscriber": token.replace(
                subscriber.key, target.subscriber(self.subscriber + 1).key
            ),
            "double": f"{token}/{token}",
        }.get(self.harm, token)
        return f"/{self.leads_to}/{harmed}{self.ending}"


@dataclass(frozen=True)
class GeneratedRequest:
    """One request."""

    method: str
    path: Link | str
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str, bytes], ...] = ()
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    host: int = 1

    def send(self, target: Target) -> httpx.Response:
        """Send the request."""
        path = self.path.path(target) if isinstance(self.path, Link) else self.path
        form = [(name, target.form_token if value == FORM_TOKEN else value) for name, value in self.form]
        request: dict[str, Any] = {"headers": self.headers}
        if self.content is not None:
            request["content"] = self.content
        elif self.files:
            request["data"] = {name: value.encode(errors="replace") for name, value in form}
            request["files"] = [(name, (file, content)) for name, file, content in self.files]
        elif form:
            request["content"] = _encoded(form)
            request["headers"] = {"Content-Type": "application/x-www-form-urlencoded", **self.headers}
        if self.query:
            path = f"{path}?{_encoded(self.query)}"
        client = Client(target.client.app, f"192.0.2.{self.host}")
        return client.request(self.method, path, **request)


def _encoded(pairs: Sequence[tuple[str, str]]) -> str:
    """Encode as browsers do; lone surrogates are encoded, too."""
    return urlencode(pairs, errors="surrogatepass")


_KNOWN = (
    *("", "0", "-1", "9" * 30, "\x00", "a\r\nb", ATTACK, "on", "cs.CV", "math", "2026-03-03", "2026-02-30"),
    *("more", "less", "none", "save", "pause", "resume", "forget", "unsubscribe", "erase", "preview"),
    *("2603.00004", "2603.00001v2", "https://arxiv.org/abs/2603.00003", "arXiv:math/0611800", "9999.99999"),
    *("ada@example.org", "r1@example.org", "new@d.example", "a@\u00e9.example", "a b@c", "week", "today"),
    *("UTC", "Asia/Tokyo", "../UTC", "7", "10", "23", *FREQUENCIES, FORM_TOKEN),
)

TEXTS = (
    st.sampled_from(_KNOWN)
    | st.text(max_size=60)
    | st.text("ab\u202e\ud83d\U0001f600 \n,;:{}<>", max_size=2000)
)

FIELDS = (
    *("q", "category", "since", "period", "top", "similar", "done", "next"),
    *("do", "topics", "must", "mute", "follow", "categories", "hour", "timezone", "frequency", "max_papers"),
    *(
        "like",
        "pasted",
        "until",
        "paper",
        "verdict",
        "email",
        "website",
        "form_token",
        "part",
        "List-Unsubscribe",
    ),
)

_PAPERS = st.integers(1, 12).map("2603.{:05}".format)

_PLAUSIBLE: dict[str, st.SearchStrategy[str]] = {
    "do": st.sampled_from(["save", "save", "pause", "resume", "forget", "unsubscribe", "erase"]),
    "topics": st.sampled_from(["gaussian splatting\nrobots", "speech", ATTACK]),
    "must": st.sampled_from(["splatting", "a|b"]),
    "categories": st.sampled_from(["cs.CV math", "cs"]),
    "hour": st.integers(0, 23).map(str),
    "max_papers": st.integers(1, 50).map(str),
    "timezone": st.sampled_from(["UTC", "Asia/Tokyo"]),
    "frequency": st.sampled_from(FREQUENCIES),
    "like": _PAPERS,
    "pasted": _PAPERS,
    "until": st.just("2026-04-01"),
    "paper": _PAPERS,
    "verdict": st.sampled_from(["more", "less", "none"]),
    "email": st.integers(0, 9).map("r{}@example.org".format),
    "form_token": st.just(FORM_TOKEN),
    "part": st.just("preview"),
}

_PAIR = st.one_of(
    st.tuples(st.sampled_from(FIELDS) | st.text(max_size=8), TEXTS),
    *(st.tuples(st.just(name), values) for name, values in _PLAUSIBLE.items()),
)

_PAIRS = st.lists(_PAIR, max_size=8).map(tuple)

_PUBLIC = (
    *(
        "/",
        "/about",
        "/docs",
        "/subscribe",
        "/links",
        "/search",
        "/feed.xml",
        "/feed.json",
        "/healthz",
        "/readyz",
    ),
    *("/metrics", "/api/papers", "/api/search", "/api/trending", "/api/openapi.json", "/static/site.css"),
    *(
        "/static/../app.py",
        "/papers/2603.00001",
        "/papers/2603.00001.bib",
        "/papers/2603.00001.ris",
        "//evil.example",
    ),
)

_ENDINGS = (
    "",
    ".xml",
    ".json",
    "/again",
    "/undo",
    "/preview",
    "/export",
    "/",
    "%00",
    "%0d%0aX: y",
    "..",
    "?",
    "#",
)

_LINKS = st.builds(
    Link,
    subscriber=st.integers(0, SUBSCRIBERS - 1),
    leads_to=st.sampled_from(PURPOSES),
    made_for=st.sampled_from(PURPOSES),
    harm=st.sampled_from(HARMS),
    position=st.integers(0, 100),
    ending=st.sampled_from(_ENDINGS),
)

_WHOLE_LINKS = st.builds(
    lambda subscriber, purpose, ending: Link(subscriber, purpose, purpose, ending=ending),
    st.integers(0, SUBSCRIBERS - 1),
    st.sampled_from(PURPOSES),
    st.sampled_from(("", "", "", *_ENDINGS)),
)

_BUTTONS = st.builds(
    lambda subscriber, way: Link(subscriber, way[0], way[0], ending=way[1]),
    st.integers(0, SUBSCRIBERS - 1),
    st.sampled_from(
        [
            *[("preferences", "")] * 4,
            *[("preferences", "/preview")] * 2,
            *[("feedback", "")] * 2,
            *[("unsubscribe", ""), ("unsubscribe", "/undo"), ("confirm", ""), ("confirm", "/again")],
        ]
    ),
)

_MADE_UP = st.builds(
    lambda start, text: f"/{start}{quote(text, safe='/')}",
    st.sampled_from([f"{name}/" for name in (*PURPOSES, "papers", "api/papers", "static", "api")] + [""]),
    st.text(max_size=60),
)

_PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)

_HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "Accept-Language", "Content-Type", "Cookie", "Host", "If-None-Match", "Origin",
                     "Range", "Referer", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-HTTP-Method-Override"]),
    _PRINTABLE | st.sampled_from(["multipart/form-data", "application/json", "bytes=9-1", "text/html; charset=utf-7"]),
    max_size=3,
)  # fmt: skip

_FILES = st.lists(st.tuples(st.sampled_from(FIELDS), _PRINTABLE, st.binary(max_size=200)), max_size=3).map(
    tuple
)

_PATHS = _WHOLE_LINKS | _LINKS | st.sampled_from(_PUBLIC) | _MADE_UP

_HOSTS = st.integers(1, 250)

_LOOKS = st.builds(
    GeneratedRequest,
    method=st.sampled_from(["GET", "GET", "HEAD"]),
    path=_PATHS,
    query=_PAIRS,
    headers=st.just({}) | _HEADERS,
    host=_HOSTS,
)

_ACTS = st.builds(
    GeneratedRequest,
    method=st.just("POST"),
    path=_BUTTONS | _BUTTONS | st.sampled_from(["/subscribe", "/links"]),
    query=st.just(()) | _PAIRS,
    form=_PAIRS,
    files=st.just(()) | st.just(()) | _FILES,
    headers=st.just({}) | _HEADERS,
    host=_HOSTS,
)

_ANYTHING = st.builds(
    GeneratedRequest,
    method=st.sampled_from(["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "GET"]),
    path=_PATHS,
    query=_PAIRS,
    form=_PAIRS,
    content=st.none() | st.binary(max_size=300),
    headers=_HEADERS,
    host=_HOSTS,
)

REQUESTS = st.one_of(_LOOKS, _LOOKS, _ACTS, _ACTS, _ACTS, _ANYTHING)


def api_requests(target: Target) -> Iterator[tuple[str, st.SearchStrategy[Any]]]:
    """Yield each operation of the API's description with its valid and invalid requests."""
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", target.client.app)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in GenerationMode:
            cases = operation.as_strategy(generation_mode=mode)
            if "{paper_id}" in operation.path:
                cases = st.one_of(cases, cases.flatmap(_of_a_stored_paper))
            yield f"{operation.label}, {mode.value}", cases


def _of_a_stored_paper(case: Any) -> st.SearchStrategy[Any]:
    """Return the same request for stored papers."""

    def of(paper_id: str) -> Any:
        case.path_parameters = {"paper_id": paper_id}
        return case

    return _PAPERS.map(of)
