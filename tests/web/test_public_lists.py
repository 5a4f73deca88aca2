"""Pages to link to: the days, the categories, any topic, and what is marked together with a paper."""

import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from digest.domain.subscriber import Status, Verdict
from digest.store import feedback as feedback_store
from digest.web.papers import LEAST_SUBSCRIBERS
from digest.wiring import Container
from tests.factories import (
    BASE_URL,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_papers,
    add_subscriber,
    make_papers,
    subscriber_now,
)
from tests.web.client import Client
from tests.web.conftest import dump

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def library(client: Client, container: Container) -> Client:
    add_papers(container.database, *make_papers(6, announced_on=MONDAY))
    add_papers(container.database, *make_papers(30, first=100, subject="robots", announced_on=TUESDAY))
    add_papers(container.database, *make_papers(1, first=7, subject="speech", announced_on=MONDAY), upvotes=9)
    return client


def papers_in(page: str) -> list[str]:
    return re.findall(r'<h[23] dir="auto"><a href="/papers/([^"]+)"', page)


def test_each_day_has_a_page_with_the_most_voted_papers_first(library: Client, container: Container) -> None:
    before = dump(container)
    listed = library.get("/daily").text
    assert re.findall(r'href="(/daily/[^"]+)"', listed) == [f"/daily/{TUESDAY}", f"/daily/{MONDAY}"]
    monday = library.get(f"/daily/{MONDAY}").text
    assert papers_in(monday)[0] == "2603.00007"
    assert len(papers_in(monday)) == 7
    assert f'<a href="/daily/{TUESDAY}" rel="next">' in monday
    tuesday = library.get(f"/daily/{TUESDAY}").text
    assert len(papers_in(tuesday)) == 20
    assert "the 20 most voted of 30 papers" in tuesday
    assert dump(container) == before


@pytest.mark.parametrize("day", ["2026-03-01", "2031-01-01", "2026-02-30", "today", "%00", "2026-3-2"])
def test_another_day_has_none(library: Client, day: str) -> None:
    assert library.get(f"/daily/{day}").status_code == 404


def test_a_day_in_the_future_has_no_page(client: Client, container: Container) -> None:
    add_papers(container.database, *make_papers(1, announced_on=WEDNESDAY + timedelta(days=1)))
    assert client.get(f"/daily/{WEDNESDAY + timedelta(days=1)}").status_code == 404
    assert "There are no papers yet" in client.get("/daily").text


def test_the_days_are_an_atom_feed(library: Client) -> None:
    root = ET.fromstring(library.get("/daily.xml").content)
    entries = root.findall(f"{ATOM}entry")
    assert [one.findtext(f"{ATOM}id") for one in entries] == [
        f"{BASE_URL}/daily/{TUESDAY}",
        f"{BASE_URL}/daily/{MONDAY}",
    ]
    assert "Streaming speech" in (entries[1].findtext(f"{ATOM}summary") or "")


def test_a_category_can_be_linked_and_subscribed_to(library: Client, container: Container) -> None:
    page = library.get("/c/cs.CV").text
    assert "<h1>Computer Vision and Pattern Recognition</h1>" in page
    assert papers_in(page)[0] == "2603.00007"
    assert '<input type="hidden" name="categories" value="cs.CV">' in page
    library.request_mail("ada@example.org", categories="cs.CV")
    assert subscriber_now(container.database, "ada@example.org").interests.categories == ("cs.CV",)
    assert "There are no papers of this category" in library.get("/c/math.AG").text
    assert library.get("/c/no.SUCH").status_code == 404


def test_a_topic_can_be_linked_and_subscribed_to(library: Client, container: Container) -> None:
    before = dump(container)
    page = library.get("/t/tactile-grasping").text
    assert "New papers about tactile grasping" in page
    assert "Matches <em>tactile grasping</em>" in page
    assert f'<link rel="canonical" href="{BASE_URL}/t/tactile-grasping">' in page
    assert '<input type="hidden" name="topics" value="tactile grasping"' in page
    assert "noindex" not in page
    assert dump(container) == before
    assert library.get("/t/zzzz").status_code == 404
    assert library.get("/t/-").status_code == 404
    assert 'href="/t/tactile-grasping"' in library.get("/search?q=Tactile+grasping").text


def test_a_topic_of_earlier_papers_only_is_not_indexed(library: Client, clock: Clock) -> None:
    clock.advance(days=40)
    page = library.get("/t/tactile-grasping").text
    assert '<meta name="robots" content="noindex">' in page
    assert "Earlier" in page


def mark(container: Container, name: str, *paper_ids: str, verdict: Verdict = Verdict.MORE) -> None:
    given: dict[str, Any] = {"likes" if verdict == Verdict.MORE else "dislikes": list(paper_ids)}
    add_subscriber(container.database, f"{name}@example.org", builder=container.profiles, **given)


def test_papers_marked_together_show_from_three_subscribers_on(library: Client, container: Container) -> None:
    here, other, third = "2603.00001", "2603.00002", "2603.00003"
    said = "Subscribers who marked this also marked"
    for count in range(1, LEAST_SUBSCRIBERS + 1):
        assert said not in library.get(f"/papers/{here}").text
        mark(container, f"r{count}", here, other, *([third] if count > 1 else []))
    page = library.get(f"/papers/{here}").text.partition(said)[2].partition("</section>")[0]
    assert papers_in(page) == [other]
    # Less does not count, and neither do a paper itself and somebody who has not confirmed.
    add_subscriber(container.database, "pending@example.org", status=Status.PENDING, likes=[here, third])
    mark(container, "against", here, third, verdict=Verdict.LESS)
    with container.database.read() as connection:
        first, second = (
            connection.exec_driver_sql(f"select id from papers where paper_id = '{one}'").scalar_one()
            for one in (here, third)
        )
        assert second not in feedback_store.marked_together(connection, first, LEAST_SUBSCRIBERS, 10)
        assert first not in feedback_store.marked_together(connection, first, 1, 10)
