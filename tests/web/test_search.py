"""Search and similar papers on the web: filters by day and category, and caching."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import event

from digest.web.app import create_app
from digest.web.catalogue import Catalogue
from digest.wiring import Container
from tests.factories import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_papers,
    at,
    make_paper,
    make_papers,
)
from tests.web.client import Client
from tests.web.conftest import make_container


@pytest.fixture
def container(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Container]:
    made = make_container(database_url, clock, tmp_path / "outbox")
    add_papers(made.database, *make_papers(8, subject="splats", announced_on=MONDAY))
    late = make_paper(20, "splats", categories=("eess.IV", "math.NA"), announced_on=TUESDAY)
    robots = make_paper(21, "robots", categories=("cs.RO",), announced_on=TUESDAY)
    add_papers(made.database, late, robots)
    yield made
    made.close()


def ids(page: str) -> set[str]:
    return {part.split('"')[0].split("#")[0] for part in page.split('href="/papers/')[1:]}


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ("", 9),
        ("&since=2026-03-03", 1),
        ("&since=2026-03-02", 9),
        ("&since=2026-03-04", 0),
        ("&category=math", 1),
        ("&category=math.NA&since=2026-03-03", 1),
        ("&category=cs.CV&since=2026-03-03", 0),
        ("&category=m", 0),
    ],
)
def test_a_search_can_be_filtered_on_the_page_and_in_the_api(
    client: Client, narrowed: str, expected: int
) -> None:
    page = client.get(f"/search?q=gaussian+splatting{narrowed}").text
    assert len(ids(page)) == expected
    assert ("No paper matches" in page) == (expected == 0)
    found = client.get(f"/api/search?q=gaussian+splatting{narrowed}").json()
    assert {one["paper"]["id"] for one in found} == ids(page)


def test_the_form_shows_the_filters_of_the_search(client: Client) -> None:
    page = client.get("/search?q=gaussian&category=math.NA&since=2026-03-03").text
    assert "<option selected>math.NA</option>" in page
    assert 'value="2026-03-03"' in page
    assert "No paper matches with this filter" in client.get("/search?q=gaussian&since=2026-03-04").text


def test_similar_papers_can_be_filtered(client: Client) -> None:
    assert len(ids(client.get("/search?q=2603.00001").text)) > 5
    assert ids(client.get("/search?q=2603.00001&category=math").text) == {"2603.00001", "2603.00020"}
    one = client.get("/api/papers/2603.00001?similar=5&category=math&since=2026-03-03").json()
    assert [found["paper"]["id"] for found in one["similar"]] == ["2603.00020"]


@pytest.mark.parametrize("since", ["yesterday", "2026-02-30", "0", "2026-03-03T00:00", "٢٠٢٦-٠٣-٠٣"])
def test_an_invalid_day_is_reported(client: Client, since: str) -> None:
    answer = client.get("/search", params={"q": "gaussian", "since": since})
    assert answer.status_code == 422
    assert "write it like 2026-11-22" in answer.text
    assert client.get("/api/search", params={"q": "gaussian", "since": since}).status_code == 422


def test_a_repeated_search_shows_new_papers(container: Container, client: Client) -> None:
    before = client.get("/search?q=gaussian+splatting").text
    assert client.get("/search?q=gaussian+splatting").text == before
    add_papers(container.database, make_paper(30, "splats", announced_on=WEDNESDAY), now=at(WEDNESDAY, 11))
    assert ids(client.get("/search?q=gaussian+splatting").text) == {*ids(before), "2603.00030"}


def test_a_repeated_search_reads_nothing_from_the_database(container: Container) -> None:
    client = Client(create_app(container, timedelta(hours=1)))
    statements: list[str] = []
    event.listen(container.database.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    pages = []
    for path in ("/", "/search?q=gaussian", "/search?q=2603.00001&category=math"):
        pages.append(client.get(path).text)
        assert statements
        statements.clear()
        pages.append(client.get(path).text)
        assert statements == []
    assert pages[::2] == pages[1::2]


def test_other_threads_do_not_wait_while_one_rereads_the_papers(container: Container) -> None:
    looking, may_finish = Event(), Event()
    may_finish.set()

    def slow_clock() -> datetime:
        looking.set()
        assert may_finish.wait(10)
        return at(WEDNESDAY)

    catalogue = Catalogue(container.database, slow_clock, timedelta(0))
    first = catalogue.revision()
    looking.clear()
    may_finish.clear()
    looker = Thread(target=catalogue.revision)
    looker.start()
    assert looking.wait(10)
    assert catalogue.revision_if_known() == first
    assert catalogue.revision() == first
    may_finish.set()
    looker.join(10)
    assert catalogue.revision_if_known() is None
