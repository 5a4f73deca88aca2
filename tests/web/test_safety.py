"""Security: hostile text, hosts, sizes and invalid requests."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

from digest.domain.subscriber import Subscriber
from digest.subscribers.links import PURPOSES, Links
from digest.web.app import create_app
from digest.web.middleware import LARGEST_BODY
from digest.wiring import Container
from tests.factories import BASE_URL, WEDNESDAY, Clock, add_subscriber, links
from tests.web.client import Client, form_token_of
from tests.web.conftest import dump, make_container
from tests.web.crawl import FOREIGN_HEADERS, FOREIGN_HOST, Crawl, other_documents, path_of
from tests.web.hostile import ATTACK, add_hostile_papers, add_hostile_subscriber, send_digests


@pytest.fixture
def container(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Container]:
    """An installation on each database, because they refuse different values."""
    made = make_container(database_url, clock, tmp_path / "outbox")
    yield made
    made.close()


@pytest.fixture
def subscriber(container: Container) -> Subscriber:
    add_hostile_papers(container)
    added = add_hostile_subscriber(container)
    send_digests(container)
    return added


class Tags(HTMLParser):
    """The tags of a page with their attributes, as a browser parses them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_crawl_reaches_every_page(crawl: Crawl) -> None:
    statuses = {answer.status_code for answer in crawl.pages.values()}
    assert statuses == {200, 303, 403, 404, 405, 413, 422, 429, 500}
    environment = crawl.client.app.state.context.pages._environment
    assert {name for _, name in environment.cache} == set(environment.list_templates())


def test_hostile_text_is_escaped_on_every_page(crawl: Crawl) -> None:
    shown = 0
    for name, answer in crawl.pages.items():
        page = answer.text
        shown += "alert(1)" in page
        assert "\u202e" not in page, name
        assert "50337" not in page, name
        for tag, attributes in Tags(page).tags:
            assert tag not in {"base", "style", "iframe", "object", "embed"}, name
            assert tag not in {"img", "script"} or (attributes.get("src") or "").startswith("/static/"), name
            assert not [one for one in attributes if one.startswith("on") or one == "style"], name
            for one in ("href", "action", "src", "formaction"):
                assert re.match(r"https?://|/(?!/)|#|$", attributes.get(one) or ""), (name, attributes)
    assert shown > 35


def test_every_page_has_security_headers_and_ignores_the_requested_host(crawl: Crawl) -> None:
    for name, answer in crawl.pages.items():
        headers = answer.headers
        assert "'unsafe" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert "cache-control" in headers
        assert "set-cookie" not in headers
        assert FOREIGN_HOST not in answer.text, name
        assert FOREIGN_HOST not in str(headers.raw), name


def test_every_error_is_a_page_with_advice(crawl: Crawl) -> None:
    refused = {name: answer for name, answer in crawl.pages.items() if answer.status_code >= 400}
    assert len(refused) > 20
    for name, answer in refused.items():
        page = answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8", name
        assert 'role="alert"' in page or "preview" in name or name == "confirm, expired", name
        assert re.search(r'href="/"|<form ', page), name
        assert "Traceback" not in page


def test_hostile_text_is_escaped_in_feeds_and_json(
    container: Container, client: Client, subscriber: Subscriber
) -> None:
    kinds = set()
    for path, answer in other_documents(client, subscriber):
        kind = answer.headers["content-type"]
        kinds.add(kind)
        assert not kind.startswith("text/html"), path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert "set-cookie" not in answer.headers
        assert FOREIGN_HOST not in answer.text + str(answer.headers.raw), path
        if kind.endswith("json"):
            assert answer.json() is not None, path
        if path.endswith(".xml"):
            titles = ET.fromstring(answer.content).iter("{http://www.w3.org/2005/Atom}title")
            assert any("alert(1)" in (title.text or "") for title in titles), path
    assert kinds >= {"application/atom+xml", "application/feed+json", "application/json"}
    assert client.get("/api/papers/2603.00001").json()["links"].keys() == {"abstract", "pdf"}
    entry = client.get("/papers/2603.00001.bib").text
    assert entry.count("{") == entry.count("}")
    assert client.get("/papers/2603.00001.ris").text.count("\r\nTI  - ") == 1
    assert container


def test_no_other_site_can_act_for_a_subscriber(
    container: Container, client: Client, subscriber: Subscriber
) -> None:
    """A browser sends no credentials by itself: there are no cookies and passwords, only the token in the link."""
    headers = {
        **FOREIGN_HEADERS,
        "Cookie": f"subscriber={subscriber.key}; session={subscriber.key}",
        "Authorization": "Basic YTpi",
    }
    attempt = {
        "token": subscriber.key,
        "reader": subscriber.key,
        "email": subscriber.address,
        "do": "erase",
        "id": str(subscriber.id),
    }
    before = dump(container)
    for path in (
        *(
            "/preferences",
            "/preferences/",
            "/unsubscribe",
            "/feedback",
            "/confirm",
            f"/preferences/{subscriber.key}",
        ),
        *(
            f"/unsubscribe/{subscriber.key}",
            f"/preferences/{subscriber.address}",
            f"/feedback/{subscriber.id}",
        ),
        *("/", "/search", "/links", "/subscribe", "/api/papers", "/papers/2603.00001"),
    ):
        for method in ("POST", "GET", "PUT", "DELETE"):
            request = {"data": attempt} if method == "POST" else {"params": attempt}
            answer = client.request(method, path, headers=headers, **request)
            assert "set-cookie" not in answer.headers
            assert not {name for name in answer.headers if name.startswith("access-control-")}
    assert dump(container) == before


def test_links_in_mails_use_the_configured_host_only(
    container: Container, client: Client, tmp_path: Path
) -> None:
    form_token = form_token_of(client.get("/subscribe").text)
    container.clock.advance(minutes=1)  # type: ignore[attr-defined]
    for address in ("new@example.org", "new@example.org\r\nBcc: all@example.org", "a@b.example\nX-Evil: 1"):
        client.post("/subscribe", data={"email": address, "form_token": form_token}, headers=FOREIGN_HEADERS)
    (mail,) = [file.read_text() for file in tmp_path.rglob("outbox/new/*")]
    assert FOREIGN_HOST not in mail
    assert "Bcc" not in mail
    assert f"{BASE_URL}/confirm/" in mail.replace("=\n", "")


HARMS: dict[str, Callable[[str, Subscriber, Subscriber], str]] = {
    "cut at its end": lambda token, _, __: token[:-1],
    "cut in half": lambda token, _, __: token[: len(token) // 2],
    "cut at its beginning": lambda token, _, __: token[1:],
    "without its signature": lambda token, _, __: token.rpartition(".")[0],
    "with another signature": lambda token, _, __: token[:-4] + "AAAA",
    "with more behind it": lambda token, _, __: token + "A",
    "of another day": lambda token, _, __: token.replace("20260304", "20260305"),
    "of another subscriber": lambda token, mine, other: token.replace(mine.key, other.key),
    "of another installation": lambda _, mine, __: Links(BASE_URL, b"another").link(
        "digest", mine.key, WEDNESDAY
    )[-60:],
    "made up": lambda _, __, ___: "x",
    "hostile": lambda _, __, ___: quote(ATTACK.replace("/", "")),
    "of no characters": lambda _, __, ___: "%00%ff",
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_forged_link_is_refused_with_a_page_with_advice(
    container: Container, client: Client, subscriber: Subscriber, harm: str
) -> None:
    other = add_subscriber(container.database, "bo@example.org")
    before = dump(container)
    for purpose in PURPOSES:
        token = path_of(purpose, subscriber).rpartition("/")[2]
        bad = HARMS[harm](token, subscriber, other)
        assert bad != token
        ending = {"feed": ".xml", "feedback": "?paper=2603.00001&verdict=more"}.get(purpose, "")
        for method in ("GET", "HEAD", "POST"):
            if method == "POST" and purpose in {"digest", "feed", "archive"}:
                continue
            answer = client.request(method, f"/{purpose}/{bad}{ending}")
            assert answer.status_code == 403, (method, purpose)
            if method != "HEAD":
                assert "open it again from the mail" in answer.text
                assert 'href="/links"' in answer.text
    assert dump(container) == before


def test_hsts_is_sent_over_https_only(
    client: Client, container: Container, clock: Clock, tmp_path: Path
) -> None:
    assert client.get("/").headers["strict-transport-security"]
    url = container.settings.database_url.get_secret_value()
    plain = make_container(url, clock, tmp_path, base_url="http://localhost:8000")
    assert "strict-transport-security" not in Client(create_app(plain)).get("/").headers
    plain.close()


def test_redirects_stay_on_this_host(client: Client, subscriber: Subscriber) -> None:
    mine = links().link("preferences", subscriber.key, WEDNESDAY).removeprefix(BASE_URL)
    for path in ("//evil.example", "/\\evil.example", "//evil.example/..", "/papers//evil.example"):
        answer = client.get(path)
        assert answer.status_code >= 400 or "location" not in answer.headers
    for path in ("/papers/", "/search/", "/about/", f"{mine}/"):
        answer = client.get(path, headers=FOREIGN_HEADERS)
        assert (answer.status_code, "location" in answer.headers) in {(404, False), (403, False)}, path
    for extra in ("?next=//evil.example", "?done=//evil.example", "?redirect=https://evil.example"):
        answer = client.post(mine + extra, data={"do": "save", "next": "//evil.example"})
        assert answer.headers["location"] == f"{mine}?done=saved"


def test_no_line_break_is_written_into_a_header(client: Client, subscriber: Subscriber) -> None:
    mine = links().link("preferences", subscriber.key, WEDNESDAY).removeprefix(BASE_URL)
    for path in ("/search?q=a%0d%0aSet-Cookie:x=1", f"{mine}%0d%0aX-Evil:1", "/papers/%0d%0aX-Evil:1.bib"):
        headers = client.get(path).headers
        assert "x-evil" not in headers
        assert "set-cookie" not in headers


@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_that_is_too_large_is_not_read(client: Client, streamed: bool) -> None:
    async def pieces() -> object:
        for _ in range(LARGEST_BODY // 1000 + 2):
            yield b"x" * 1000

    body = pieces() if streamed else b"email=" + b"x" * LARGEST_BODY
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/subscribe", content=body, headers=headers)
    assert answer.status_code == 413


def test_an_unexpected_error_is_a_page_without_details(container: Container, client: Client) -> None:
    @client.app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the password is hunter2")

    answer = client.get("/broken")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "went wrong on our side" in answer.text
    assert "content-security-policy" in answer.headers
    assert container


def test_an_unavailable_database_gives_a_message(clock: Clock, tmp_path: Path) -> None:
    container = make_container(f"sqlite:///{tmp_path}/not/there.db", clock, tmp_path)
    for path in ("/", "/readyz", "/api/papers"):
        answer = Client(create_app(container)).get(path)
        assert answer.status_code == 503
        assert "DIGEST_" not in answer.text
        assert str(tmp_path) not in answer.text
    container.close()
