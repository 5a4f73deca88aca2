"""Against whoever means harm: hostile words, hosts, sizes, and every kind of nonsense."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.delivery.daily import Job, run
from digest.readers.links import PURPOSES
from digest.readers.subscriber import Subscriber
from digest.web.app import create_app
from digest.web.safety import LARGEST_BODY
from digest.wiring import Parts
from tests.factories import (
    BASE_URL,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_papers,
    add_reader,
    at,
    links,
    make_paper,
    make_papers,
    office,
)
from tests.web.conftest import make_parts
from tests.web.visitor import Visitor

ATTACK = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7191*7}}\u202e"


@pytest.fixture
def parts(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Parts]:
    """An installation on each database: they differ in what they refuse."""
    made = make_parts(database_url, clock, tmp_path / "outbox")
    yield made
    made.close()


@pytest.fixture
def reader(parts: Parts) -> Subscriber:
    hostile = make_paper(
        1,
        title=f"Gaussian splatting {ATTACK}",
        abstract=f"Gaussian splatting {ATTACK}. " * 20,
        authors=(ATTACK, "Bo Li"),
        categories=('cs.CV"><script>', "cs.LG"),
        links={"code": "javascript:alert(3)", "project": 'https://x.example/"onmouseover=alert(4)'},
        announced_on=TUESDAY,
    )
    add_papers(parts.database, hostile, *make_papers(9, first=2))
    added = add_reader(
        parts.database, topics=[f"gaussian splatting {ATTACK}"], follow=[ATTACK], mute=[f"x{ATTACK}"]
    )
    run(office(parts.database), parts.profiles, Job(), lambda: at(WEDNESDAY))
    return added


class Tags(HTMLParser):
    """What a browser would see of a page: its tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def paths(reader: Subscriber) -> Iterator[str]:
    yield from ("/", "/?period=today", f"/?category={quote(ATTACK)}", "/papers/2603.00001", "/docs", "/about")
    yield from (f"/search?q={quote(ATTACK)}", "/search?q=gaussian", "/search?q=2603.00001")
    yield from (
        f"/nothing/{quote(ATTACK)}",
        f"/?period={quote(ATTACK)}",
        f"/confirm/{quote(ATTACK, safe='')}",
    )
    token = {one: links().link(one, reader.key, WEDNESDAY).removeprefix(BASE_URL) for one in PURPOSES}
    yield from (
        token["preferences"],
        f"{token['preferences']}?done=saved",
        token["unsubscribe"],
        token["digest"],
    )
    yield f"{token['preferences']}?done={quote(ATTACK)}"
    yield f"{token['feedback']}?paper=2603.00001&verdict=less"
    yield f"{token['feedback']}?paper={quote(ATTACK)}&verdict={quote(ATTACK)}"


def test_hostile_words_are_text_on_every_page(visitor: Visitor, reader: Subscriber) -> None:
    shown = 0
    for path in paths(reader):
        page = visitor.get(path).text
        shown += "alert(1)" in page
        assert "\u202e" not in page, path
        assert "50337" not in page, path
        for tag, attributes in Tags(page).tags:
            assert tag != "img", path
            assert tag != "script" or (attributes.get("src") or "").startswith("/static/"), path
            assert not [name for name in attributes if name.startswith("on")], path
            for name in ("href", "action", "src"):
                assert re.match(r"https?://|/|#|$", attributes.get(name) or ""), (path, attributes)
    assert shown > 8


def test_hostile_words_are_text_in_feeds_and_json(visitor: Visitor, reader: Subscriber) -> None:
    own = links().link("feed", reader.key, WEDNESDAY).removeprefix(BASE_URL)
    for path in ("/feed.xml", f"{own}.xml"):
        answer = visitor.get(path)
        root = ET.fromstring(answer.content)
        assert any(
            "alert(1)" in (title.text or "") for title in root.iter("{http://www.w3.org/2005/Atom}title")
        )
        assert answer.headers["content-type"] == "application/atom+xml"
    for path in ("/feed.json", f"{own}.json", "/api/papers", "/api/papers/2603.00001?similar=5"):
        answer = visitor.get(path)
        assert answer.headers["content-type"].endswith("json")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert visitor.get("/api/papers/2603.00001").json()["links"].keys() == {"abstract", "pdf"}
    entry = visitor.get("/papers/2603.00001.bib").text
    assert entry.count("{") == entry.count("}")
    assert visitor.get("/papers/2603.00001.ris").text.count("\r\nTI  - ") == 1


def test_every_answer_is_strict(visitor: Visitor, reader: Subscriber) -> None:
    for path in (*paths(reader), "/static/site.css", "/api/nothing", "/healthz"):
        headers = visitor.get(path).headers
        assert "'unsafe" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-frame-options"] == "DENY"
        assert "set-cookie" not in headers
        assert "cache-control" in headers


def test_https_is_kept_where_it_is_used(visitor: Visitor, parts: Parts, clock: Clock, tmp_path: Path) -> None:
    assert visitor.get("/").headers["strict-transport-security"]
    url = parts.settings.database_url.get_secret_value()
    plain = make_parts(url, clock, tmp_path, base_url="http://localhost:8000")
    assert "strict-transport-security" not in Visitor(create_app(plain)).get("/").headers
    plain.close()


def test_the_host_that_a_caller_names_stands_nowhere(visitor: Visitor, reader: Subscriber) -> None:
    names = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    for path in (*paths(reader), "/feed.xml", "/feed.json", "/api/papers", "/papers/", "/search/"):
        answer = visitor.get(path, headers=names)
        assert "evil.example" not in answer.text, path
        assert "evil.example" not in str(answer.headers.raw), path


def test_nothing_leads_elsewhere(visitor: Visitor, reader: Subscriber) -> None:
    mine = links().link("preferences", reader.key, WEDNESDAY).removeprefix(BASE_URL)
    for path in ("//evil.example", "/\\evil.example", "//evil.example/..", "/papers//evil.example"):
        answer = visitor.get(path)
        assert answer.status_code >= 400 or "location" not in answer.headers
    for extra in ("?next=//evil.example", "?done=//evil.example", "?redirect=https://evil.example"):
        answer = visitor.post(mine + extra, data={"do": "save", "next": "//evil.example"})
        assert answer.headers["location"] == f"{mine}?done=saved"


def test_a_line_break_gets_into_no_header(visitor: Visitor, reader: Subscriber) -> None:
    mine = links().link("preferences", reader.key, WEDNESDAY).removeprefix(BASE_URL)
    for path in ("/search?q=a%0d%0aSet-Cookie:x=1", f"{mine}%0d%0aX-Evil:1", "/papers/%0d%0aX-Evil:1.bib"):
        headers = visitor.get(path).headers
        assert "x-evil" not in headers
        assert "set-cookie" not in headers


@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_that_is_too_large_is_not_read(visitor: Visitor, streamed: bool) -> None:
    async def pieces() -> object:
        for _ in range(LARGEST_BODY // 1000 + 2):
            yield b"x" * 1000

    body = pieces() if streamed else b"email=" + b"x" * LARGEST_BODY
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = visitor.post("/subscribe", content=body, headers=headers)
    assert answer.status_code == 413


def test_a_fault_of_ours_is_a_page_without_its_innards(parts: Parts, visitor: Visitor) -> None:
    @visitor.app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the password is hunter2")

    answer = visitor.get("/broken")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "went wrong on our side" in answer.text
    assert "content-security-policy" in answer.headers
    assert parts


def test_a_database_that_is_gone_is_said_in_words(clock: Clock, tmp_path: Path) -> None:
    parts = make_parts(f"sqlite:///{tmp_path}/not/there.db", clock, tmp_path)
    for path in ("/", "/readyz", "/api/papers"):
        answer = Visitor(create_app(parts)).get(path)
        assert answer.status_code == 503
        assert "DIGEST_" not in answer.text
        assert str(tmp_path) not in answer.text
    parts.close()


WILD = st.text(max_size=60) | st.sampled_from(
    ["", "0", "-1", "9" * 30, "\x00", "a\r\nb", ATTACK, "more", "save"]
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "do",
            "topics",
            "must",
            "mute",
            "follow",
            "categories",
            "hour",
            "timezone",
            "frequency",
            "max_papers",
            "like",
            "pasted",
            "until",
            "paper",
            "verdict",
            "email",
        ]
    )
    | st.text(max_size=8),
    WILD,
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=FIELDS, purpose=st.sampled_from(PURPOSES), as_query=st.booleans())
def test_no_form_breaks_anything(
    visitor: Visitor, reader: Subscriber, fields: dict[str, str], purpose: str, as_query: bool
) -> None:
    if fields.get("do") == "erase":
        return
    path = links().link(purpose, reader.key, WEDNESDAY).removeprefix(BASE_URL)  # type: ignore[arg-type]
    clean = {name: value.encode(errors="replace").decode() for name, value in fields.items()}
    if as_query:
        assert visitor.get(path, params=clean).status_code < 500
        assert visitor.get("/search", params={"q": clean.get("topics", "")}).status_code < 500
        assert visitor.get("/", params=clean).status_code < 500
    else:
        assert visitor.post(path, data=clean).status_code < 500
        assert visitor.post("/subscribe", data=clean).status_code < 500


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    token=st.text(max_size=80),
    purpose=st.sampled_from(PURPOSES),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
)
def test_no_token_breaks_anything(
    visitor: Visitor, reader: Subscriber, token: str, purpose: str, method: str
) -> None:
    written = quote(token.encode(errors="replace").decode(), safe="")
    assert 400 <= visitor.ask(method, f"/{purpose}/{written}").status_code < 500
    assert visitor.get(f"/papers/{written}").status_code < 500
    assert visitor.get(f"/api/papers/{written}").status_code < 500
    assert reader


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["papers", "search", "trending", "papers/2603.00001"]),
    asked=st.dictionaries(st.sampled_from(["q", "top", "since", "category", "period", "similar"]), WILD),
)
def test_no_question_of_a_program_breaks_anything(
    visitor: Visitor, reader: Subscriber, path: str, asked: dict[str, str]
) -> None:
    clean = {name: value.encode(errors="replace").decode() for name, value in asked.items()}
    answer = visitor.get(f"/api/{path}", params=clean)
    assert answer.status_code in {200, 404, 422}
    assert answer.json() is not None
    assert reader
