import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from digest.doctor.feeds import Sample, examine_feeds, judge_sample
from digest.settings import Settings
from tests.doctor.helpers import NOW, TODAY
from tests.papers.feed_server import FeedServer, Reply, feed_server

# Feeds


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


def asking(feeds: FeedServer) -> Settings:
    return Settings(
        sources=("huggingface", "arxiv"),
        huggingface_url=feeds.address,
        arxiv_rss_url=feeds.address,
        arxiv_categories=("cs.AI",),
        arxiv_pause=timedelta(0),
        fetch_timeout=timedelta(seconds=5),
        contact="me@papers.ac",
    )


def test_each_feed_is_requested_once_and_its_papers_are_reported(feeds: FeedServer) -> None:
    item = {"paper": {"id": "2603.01234", "title": "A title", "summary": "An abstract.", "upvotes": 3}}
    feeds.serve("/api/daily_papers", Reply(json.dumps([item, {"paper": {}}, *[item] * 20]).encode()))
    feeds.serve("/atom/cs.AI", Reply(status=503))
    first, second, *clock = examine_feeds(asking(feeds), "1.0", (), lambda: NOW)
    # The feeds are of today, and the clock of this test is not.
    assert [check.name for check in clock if check.state == "warning"] == ["feed clock"]
    assert (first.state, second.state) == ("good", "bad")
    assert first.finding == f"It has 21 papers, the newest of {TODAY}."
    assert "503" in second.finding
    assert len(feeds.requests) == 2
    assert "me@papers.ac" in feeds.requests[0].headers["User-Agent"]


def test_the_count_of_citations_is_tried_with_a_known_paper(feeds: FeedServer) -> None:
    settings = Settings(sources=("citations",), openalex_url=feeds.address, fetch_pause=timedelta(0))
    work = {"doi": "https://doi.org/10.48550/arxiv.1706.03762", "cited_by_count": 6500}
    feeds.serve("/works", Reply(json.dumps({"results": [work]}).encode()), Reply(status=403))
    check, *_ = examine_feeds(settings, "1.0", (), lambda: NOW)
    assert (check.state, check.finding) == ("good", "It has 1 paper.")
    check, *_ = examine_feeds(settings, "1.0", (), lambda: NOW)
    assert check.state == "bad"
    assert "check DIGEST_OPENALEX_KEY" in check.finding


@pytest.mark.parametrize(
    ("sample", "is_quiet", "state"),
    [
        (Sample("arxiv", TODAY, papers=80), False, "good"),
        (Sample("arxiv", TODAY, papers=80, rejected=2, rejection="entry 3: no title"), False, "good"),
        (Sample("arxiv", TODAY, papers=80, rejected=20, rejection="entry 3: no title"), False, "warning"),
        (Sample("arxiv", TODAY, papers=80, error="It broke off."), False, "warning"),
        (Sample("arxiv", TODAY, error="It is down."), False, "bad"),
        (Sample("arxiv", TODAY), False, "warning"),
        (Sample("arxiv", TODAY), True, "good"),
    ],
)
def test_samples_of_feeds_are_judged(sample: Sample, is_quiet: bool, state: str) -> None:
    assert judge_sample(sample, is_quiet=is_quiet).state == state
