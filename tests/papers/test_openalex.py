"""OpenAlex: the request, abstracts from word positions, other places of a work, citations, refusals."""

import logging
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from digest.domain.paper import Popularity
from digest.errors import StopRun, TryLater
from digest.papers.sources.configured import source_named
from digest.papers.sources.http import Fetcher, FreePacer
from digest.papers.sources.openalex import PAGE_SIZE, abstract_of
from digest.settings import Settings
from tests.papers import journal_samples as samples
from tests.papers.feed_answers import NOW, TODAY, Make, gathered
from tests.papers.feed_server import FeedServer, Reply, Request
from tests.papers.samples import ABSTRACT


def test_a_work_becomes_a_paper_with_its_citations(feeds: FeedServer, make: Make) -> None:
    feeds.serve("/works", Reply(samples.works_page(samples.work())))
    (item,), _, _ = gathered(make("openalex"), date(2026, 3, 1))
    paper = item.paper
    assert paper.id == "10.1101/2026.03.03.123456"
    assert paper.abstract == ABSTRACT
    assert paper.authors == ("Ada Fern", "Li Reed")
    assert paper.categories == ("openalex:neuroscience",)
    assert paper.announced_on == date(2026, 3, 3)
    assert paper.links["pdf"] == "https://gulls.example.org/2026.03.03.123456.pdf"
    assert item.popularity == Popularity(NOW, upvotes=0, citations=2)
    assert item.author_orcids == (("Ada Fern", "0000-0002-1825-0097"),)


@pytest.mark.parametrize("orcid", [None, "", "https://orcid.org/0000-0002-1825-0098", 7, {}])
def test_an_orcid_that_is_none_is_left_out(feeds: FeedServer, make: Make, orcid: object) -> None:
    authors = [{"author": {"display_name": "Ada Fern", "orcid": orcid}}]
    feeds.serve("/works", Reply(samples.works_page(samples.work(authorships=authors))))
    (item,), rejected, _ = gathered(make("openalex"), date(2026, 3, 1))
    assert (item.paper.authors, item.author_orcids, rejected) == (("Ada Fern",), (), [])


def test_the_request_reaches_two_weeks_back(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher, caplog: pytest.LogCaptureFixture
) -> None:
    feeds.serve("/works", Reply(samples.works_page()))
    with_key = configured.model_copy(
        update={"openalex_key": SecretStr("sesame"), "contact": "ops@example.org"}
    )
    with caplog.at_level(logging.INFO):
        gathered(source_named("openalex", with_key, fetcher, FreePacer()))
    (request,) = feeds.requests
    assert request.query["filter"] == (
        "from_publication_date:2026-02-18,to_publication_date:2026-03-04,primary_topic.field.id:28"
    )
    assert request.query["api_key"] == "sesame"
    assert request.query["mailto"] == "ops@example.org"
    assert "sesame" not in caplog.text
    assert "sesame" not in repr(with_key)


def test_a_work_indexed_late_is_announced_when_it_can_be_read(feeds: FeedServer, make: Make) -> None:
    feeds.serve("/works", Reply(samples.works_page(samples.work(publication_date="2026-02-20"))))
    (item,), _, _ = gathered(make("openalex"))
    assert item.paper.announced_on == TODAY


def test_a_work_on_arxiv_has_its_arxiv_id(feeds: FeedServer, make: Make) -> None:
    places = [
        {"landing_page_url": "https://doi.org/10.1101/2026.03.03.123456"},
        {"landing_page_url": "http://arxiv.org/abs/2603.00001v2"},
        {"landing_page_url": "https://pubmed.ncbi.nlm.nih.gov/123"},
        {"landing_page_url": None},
    ]
    feeds.serve("/works", Reply(samples.works_page(samples.work(locations=places))))
    (item,), _, _ = gathered(make("openalex"))
    assert item.paper.id == "2603.00001"
    assert item.other_ids == ("10.1101/2026.03.03.123456",)


def test_a_work_without_a_doi_leads_to_its_page(feeds: FeedServer, make: Make) -> None:
    page = {"landing_page_url": "https://gulls.example.org/report"}
    record = samples.work(doi=None, locations=[], primary_location=page, cited_by_count=0, primary_topic=None)
    feeds.serve("/works", Reply(samples.works_page(record)))
    (item,), _, _ = gathered(make("openalex"))
    assert item.paper.id.startswith("title:")
    assert item.paper.links["page"] == "https://gulls.example.org/report"
    assert (item.paper.categories, item.popularity) == ((), None)


def test_every_field_may_be_missing_or_null(feeds: FeedServer, make: Make) -> None:
    full = samples.work()
    records: list[dict[str, Any]] = [{**full, name: None} for name in full]
    records += [{key: value for key, value in full.items() if key != name} for name in full]
    feeds.serve("/works", Reply(samples.works_page(*records)))
    items, rejected, error = gathered(make("openalex"))
    assert error is None
    assert len(items) + len(rejected) == len(records)
    assert {one.reason for one in rejected} == {"the title is missing"}


def test_pages_are_read_until_one_is_not_full(feeds: FeedServer, make: Make) -> None:
    def answer(request: Request) -> Reply:
        size = PAGE_SIZE if request.query["page"] in {"1", "2"} else 7
        page = int(request.query["page"])
        return Reply(samples.works_page(*(samples.work(f"2026.03.{page:02}.{n:06}") for n in range(size))))

    feeds.serve("/works", answer)
    items, _, error = gathered(make("openalex"))
    assert (len(items), error) == (2 * PAGE_SIZE + 7, None)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_names_the_settings(feeds: FeedServer, make: Make, status: int) -> None:
    body = b'{"error": "Invalid query parameters error.", "message": "gulls is not a valid field."}'
    feeds.serve("/works", Reply(body, status=status))
    with pytest.raises(StopRun, match=r"gulls is not a valid field\); check DIGEST_OPENALEX_FILTER"):
        list(make("openalex").fetch(TODAY, NOW))


def test_an_answer_without_results_is_quoted(feeds: FeedServer, make: Make) -> None:
    feeds.serve("/works", Reply(b'{"error": "slow down"}'))
    with pytest.raises(TryLater, match=r"no 'results' \(it says: slow down\)"):
        list(make("openalex").fetch(TODAY, NOW))


@given(st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1), max_size=50))
def test_an_abstract_is_rebuilt_from_its_words(words: list[str]) -> None:
    text = " ".join(["Gulls", *words])
    assert abstract_of({"abstract_inverted_index": samples.inverted(text)}) == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=40)
@given(json_values | st.fixed_dictionaries({"abstract_inverted_index": json_values}))
def test_any_record_gives_a_text(record: Any) -> None:
    assert isinstance(abstract_of(record), str)


def test_the_heading_of_an_abstract_is_left_out() -> None:
    assert (
        abstract_of({"abstract_inverted_index": samples.inverted("Abstract Gulls count.")}) == "Gulls count."
    )
    assert abstract_of({"abstract_inverted_index": {"far": [10**12], "here": [0, -1, True, "x"]}}) == "here"
