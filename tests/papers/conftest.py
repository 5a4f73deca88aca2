from collections.abc import Iterator
from datetime import timedelta

import pytest

from digest.papers.sources.configured import source_named
from digest.papers.sources.http import Fetcher, FreePacer
from digest.settings import Settings
from tests.papers.feed_answers import Make, to_count
from tests.papers.feed_server import FeedServer, feed_server
from tests.papers.fetching import Waits, make_fetcher


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def fetcher(waits: Waits) -> Iterator[Fetcher]:
    made = make_fetcher(waits, largest_body=2**20)
    yield made
    made.close()


@pytest.fixture
def configured(feeds: FeedServer) -> Settings:
    return Settings(
        huggingface_url=feeds.address,
        arxiv_rss_url=feeds.address,
        arxiv_oai_url=f"{feeds.address}/oai",
        arxiv_api_url=f"{feeds.address}/api/query",
        arxiv_categories=("cs.AI", "cs.CV"),
        biorxiv_url=feeds.address,
        openalex_url=feeds.address,
        openalex_filter="primary_topic.field.id:28",
        rss_feeds=(f"gulls={feeds.address}/feed.xml",),
        fetch_pause=timedelta(0),
    )


@pytest.fixture
def make(configured: Settings, fetcher: Fetcher) -> Make:
    return lambda name: source_named(name, configured, fetcher, FreePacer(), to_count)
