"""The public pages: trending, search, papers, feeds and the API."""

import json
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from digest.store.schema import upgrade
from digest.web.app import create_app
from digest.wiring import Container
from tests.factories import (
    BASE_URL,
    FRIDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_papers,
    add_subscriber,
    at,
    make_paper,
    make_papers,
)
from tests.web.client import Client
from tests.web.conftest import make_container

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def with_papers(container: Container) -> Container:
    add_papers(container.database, *make_papers(10))
    hot = make_paper(50, "speech", categories=("eess.AS", "cs.CL"), announced_on=WEDNESDAY)
    add_papers(container.database, hot, upvotes=80, now=at(WEDNESDAY, 3))
    old = make_paper(60, "robots", paper_id="math/0611800", announced_on=TUESDAY - timedelta(days=20))
    add_papers(container.database, old, now=at(WEDNESDAY, 2))
    return container


@pytest.fixture
def library(client: Client, with_papers: Container) -> Client:
    """A client of an application with papers."""
    assert with_papers
    return client


def test_every_page_works_in_an_empty_installation(client: Client) -> None:
    for path in ("/", "/?topics=robots", "/preview?topics=robots", "/trending", "/trending?period=month", "/search?q=robots", "/search", "/about", "/docs", "/subscribe",
                 "/feed.xml", "/feed.json", "/healthz", "/readyz", "/metrics", "/api/papers",
                 "/api/trending", "/api/search?q=x", "/api/openapi.json"):  # fmt: skip
        assert client.get(path).status_code == 200, path
        assert client.head(path).status_code == 200, path


def test_the_home_page_has_the_form_and_lists_the_highest_score_first(library: Client) -> None:
    page = library.get("/").text
    assert "Get trending papers in your email inbox once a day" in page
    assert 'name="email"' in page
    assert page.index("Streaming speech recognition for dialects: study") < page.index("Gaussian splatting")
    assert "80 upvotes" in page
    assert page.count('<article class="card">') == 10
    assert 'href="/trending"' in page


def test_the_trending_page_lists_papers_and_links_to_itself(library: Client) -> None:
    page = library.get("/trending").text
    assert '<h1 id="trending">Trending this week</h1>' in page
    assert page.index("Streaming speech recognition for dialects: study") < page.index("Gaussian splatting")
    assert 'name="email"' not in page
    assert page.count('<article class="card">') == 11
    assert 'href="/trending?period=month"' in page
    assert 'action="/trending"' in page
    assert "math/0611800" not in page
    assert "math/0611800" in library.get("/trending?period=month").text
    assert "Gaussian splatting" not in library.get("/trending?period=today").text
    assert 'href="/trending"' in library.get("/about").text


def test_a_category_or_archive_filters_the_list(library: Client) -> None:
    assert "Gaussian" not in library.get("/trending?category=eess.AS").text
    assert "Gaussian" in library.get("/trending?category=cs").text
    assert "There are no papers of this category" in library.get("/trending?category=no.SUCH").text
    assert library.get("/trending?period=decade").status_code == 404


def test_new_papers_show_without_a_restart(client: Client, with_papers: Container) -> None:
    assert "Protein" in client.get("/").text
    assert "fresh from the feed" not in client.get("/").text
    fresh = make_paper(70, title="A protein paper fresh from the feed", announced_on=WEDNESDAY)
    add_papers(with_papers.database, fresh, now=at(WEDNESDAY, 11))
    assert "fresh from the feed" in client.get("/").text
    assert "fresh from the feed" in client.get("/search?q=fresh+protein+feed").text


def test_search_works_by_words_by_id_and_by_url(library: Client) -> None:
    found = library.get("/search?q=tactile+grasping+robots").text
    assert "Robot manipulation" in found
    assert "Streaming speech" not in found
    assert "No paper matches" in library.get("/search?q=zzzzqqq").text
    for named in ("2603.00050", "https://arxiv.org/abs/2603.00050v3"):
        assert "Papers like “Streaming speech" in library.get("/search", params={"q": named}).text


def test_every_form_of_id_has_a_page(library: Client) -> None:
    page = library.get("/papers/math/0611800").text
    assert "Robot manipulation" in page
    assert page.count('<article class="card">') >= 3
    assert 'href="https://arxiv.org/abs/math/0611800"' in page
    assert library.get("/papers/2603.00050v2").status_code == 200
    for missing in ("2603.09999", "nonsense", "../etc/passwd", "math/"):
        assert library.get(f"/papers/{missing}").status_code == 404
    assert "We do not have this paper" in library.get("/papers/2603.09999").text


def test_a_paper_can_be_exported_to_a_reference_manager(library: Client) -> None:
    entry = library.get("/papers/math/0611800.bib").text
    assert entry.startswith("@misc{")
    assert "eprint        = {math/0611800}" in entry
    record = library.get("/papers/2603.00050.ris").text
    assert record.startswith("TY  - UNPB\r\n")
    assert record.endswith("ER  - \r\n")


def test_the_public_feeds_are_well_formed_with_absolute_urls(library: Client) -> None:
    root = ET.fromstring(library.get("/feed.xml").content)
    entries = root.findall(f"{ATOM}entry")
    assert len(entries) == 11
    assert root.findtext(f"{ATOM}id") == f"{BASE_URL}/feed.xml"
    assert entries[0].findtext(f"{ATOM}id") == f"{BASE_URL}/papers/2603.00050"
    document = library.get("/feed.json").json()
    assert document["version"] == "https://jsonfeed.org/version/1.1"
    assert document["items"][0]["url"] == f"{BASE_URL}/papers/2603.00050"
    assert library.get("/feed.xml").headers["content-type"] == "application/atom+xml"


def test_the_api_returns_papers_search_and_trending(library: Client) -> None:
    one = library.get("/api/papers/math/0611800?similar=3").json()
    assert one["id"] == "math/0611800"
    assert len(one["similar"]) == 3
    assert one["page"] == f"{BASE_URL}/papers/math/0611800"
    assert [paper["id"] for paper in library.get("/api/papers?top=1").json()] == ["2603.00050"]
    assert [paper["id"] for paper in library.get("/api/trending?period=today").json()] == ["2603.00050"]
    found = library.get("/api/search?q=speech+recognition&top=2&category=eess.AS").json()
    assert [one["paper"]["id"] for one in found] == ["2603.00050"]
    assert 0 < found[0]["fit"] <= 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/papers/2603.09999", 404),
        ("/api/papers/nonsense", 404),
        ("/api/papers?since=0", 422),
        ("/api/papers?since=2026-02-30", 422),
        ("/api/papers?top=0", 422),
        ("/api/papers?top=1_0", 422),
        ("/api/trending?top=3.0", 422),
        ("/api/papers/2603.00001?similar=%2B0.0", 422),
        ("/api/trending?period=decade", 422),
        ("/api/search", 422),
        ("/api/nothing", 404),
    ],
)
def test_errors_of_the_api_are_json(client: Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


def test_the_api_has_an_openapi_description(client: Client) -> None:
    described = client.get("/api/openapi.json").json()
    assert set(described["paths"]) == {
        "/api/papers",
        "/api/papers/{paper_id}",
        "/api/search",
        "/api/trending",
    }
    page = client.get("/docs").text
    assert all(path in page for path in described["paths"])


def test_the_explained_formula_is_the_one_in_use(client: Client) -> None:
    page = client.get("/about").text
    assert "half after 2 days" in page
    assert "(0.1 + 0.9 " in page


def test_ready_requires_a_database_of_the_present_version(clock: Clock, tmp_path: Path) -> None:
    container = make_container(f"sqlite:///{tmp_path}/new.db", clock, tmp_path)
    client = Client(create_app(container))
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").status_code == 503
    assert client.get("/").status_code == 503
    upgrade(container.database)
    assert client.get("/readyz").json() == {"ready": True}
    assert client.get("/").status_code == 200
    container.close()


def test_metrics_have_no_data_about_subscribers(client: Client, with_papers: Container) -> None:
    add_subscriber(with_papers.database)
    client.get("/nothing")
    lines = client.get("/metrics").text
    assert "digest_papers 12.0\n" in lines
    assert "digest_newest_paper_age_seconds " in lines
    assert 'digest_web_answers_total{status="404"} 1.0\n' in lines
    assert "_created" not in lines
    assert "subscriber" not in lines


def test_with_a_base_path_every_url_starts_with_it(
    with_papers: Container, clock: Clock, tmp_path: Path
) -> None:
    url = with_papers.settings.database_url.get_secret_value()
    below = make_container(url, clock, tmp_path, base_url="https://example.org/papers-mail")
    page = Client(create_app(below)).get("/").text
    assert 'action="/papers-mail/subscribe"' in page
    assert 'href="/papers-mail/papers/2603.00050"' in page
    assert 'href="/papers/' not in page
    below.close()


def test_no_page_loads_anything_from_other_hosts(library: Client) -> None:
    for path in ("/", "/search?q=robots", "/papers/2603.00050", "/docs"):
        page = library.get(path).text
        assert 'src="http' not in page
        assert "<style" not in page
        assert " style=" not in page
        assert "<script>" not in page


def test_an_old_announcement_is_not_trending(library: Client, clock: Clock) -> None:
    clock.now = at(FRIDAY)
    assert json.loads(library.get("/api/trending?period=today").text)[0]["id"] == "2603.00050"
