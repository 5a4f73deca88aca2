"""A paper without votes is not called trending: not on the home page, in feeds or in the API."""

import re

import pytest

from digest.wiring import Container
from tests.factories import TUESDAY, add_papers, at, make_papers
from tests.web.client import Client


@pytest.fixture
def unvoted(client: Client, container: Container) -> Client:
    add_papers(container.database, *make_papers(3), now=at(TUESDAY, 1))
    return client


@pytest.fixture
def mixed(unvoted: Client, container: Container) -> Client:
    add_papers(container.database, *make_papers(1, first=9), now=at(TUESDAY, 1), upvotes=5)
    return unvoted


def headings(page: str) -> list[str]:
    """Return the headings of the lists of papers."""
    return [
        " ".join(one.split()) for one in re.findall(r'<h2[^>]* class="section">(.*?)</h2>', page, re.DOTALL)
    ]


def test_without_votes_the_home_page_lists_papers_as_new(unvoted: Client) -> None:
    assert headings(unvoted.get("/").text) == ["New this week"]


def test_with_votes_each_paper_is_in_its_section(mixed: Client) -> None:
    page = mixed.get("/").text
    assert headings(page) == ["Trending this week", "New this week"]
    assert page.index("/papers/2603.00009") < page.index("New this week") < page.index("/papers/2603.00001")


@pytest.mark.parametrize("form", ["/feed.xml", "/feed.json"])
def test_feeds_without_votes_are_called_new(unvoted: Client, form: str) -> None:
    said = unvoted.get(form).text
    assert said.count("New this week") >= 3
    assert "Trending papers</title>" not in said
    assert '"title":"Trending papers"' not in said


def test_feeds_are_called_trending_with_votes(mixed: Client) -> None:
    said = mixed.get("/feed.json").json()
    assert said["title"] == "Trending papers"
    assert [item["content_text"].startswith("New this week") for item in said["items"]] == [
        False,
        *[True] * 3,
    ]


def test_the_api_names_the_section_of_each_paper(mixed: Client) -> None:
    found = [(one["id"], one["section"]) for one in mixed.get("/api/trending").json()]
    assert found[0] == ("2603.00009", "trending")
    assert {section for _, section in found[1:]} == {"new"}
