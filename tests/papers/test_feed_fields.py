"""Feeds with unusual fields: the elements that the settings name for them."""

from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from digest.doctor.check import State
from digest.domain.feed_fields import FeedFields, Place, parse_fields
from digest.errors import StopRun
from digest.papers.fetch import fetch
from digest.papers.sources.common import Source
from digest.papers.sources.configured import source_named
from digest.papers.sources.http import Fetcher, FreePacer
from digest.settings import Settings
from digest.status.facts import Calendar, FeedFacts
from digest.status.judge import judge_feed
from digest.store.database import Database
from digest.store.fetches import newest_fetches
from tests.papers import journal_samples as samples
from tests.papers.feed_answers import NOW, TODAY, gathered
from tests.papers.feed_server import FeedServer, Reply

ITEM = """
  <item>
    <title>Vol. 7, No. 3 (2026)</title>
    <guid isPermaLink="false">gulls-7-3-118</guid>
    <link>https://gulls.example.org/7/3/118</link>
    <description>Open access</description>
    <pubDate>Mon, 16 Feb 2026 00:00:00 GMT</pubDate>
    <x:paper xmlns:x="https://gulls.example.org/ns" section="Field Ecology">
      <x:headline>Counting &lt;i&gt;gulls&lt;/i&gt; at night</x:headline>
      <x:people>Fern, Ada / Li, Bo /</x:people>
      <x:text><p>Gulls are counted.</p></x:text>
      <x:online>2026-03-02</x:online>
      <x:ref>doi:10.1000/GULLS.118</x:ref>
    </x:paper>
  </item>"""
FIELDS = (
    "gulls.title=x:paper/x:headline",
    "gulls.authors=paper/people",
    "gulls.separator=%20/",
    "gulls.abstract=paper/missing|paper/text",
    "gulls.date=paper/online",
    "gulls.doi=paper/ref",
    "gulls.category=paper@section",
)


def source(configured: Settings, fetcher: Fetcher, *fields: str) -> Source:
    """Return the feed with fields as the environment names them."""
    settings = Settings(rss_feeds=configured.rss_feeds, rss_fields=fields, fetch_pause=configured.fetch_pause)
    return source_named("rss:gulls", settings, fetcher, FreePacer())


def test_each_field_is_read_from_the_element_of_the_settings(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher
) -> None:
    feeds.serve("/feed.xml", Reply(samples.rss_feed(ITEM).encode()))
    (item,), rejected, error = gathered(source(configured, fetcher, *FIELDS))
    assert (rejected, error) == ([], None)
    paper = item.paper
    assert paper.title == "Counting gulls at night"
    assert paper.authors == ("Fern, Ada", "Li, Bo")
    assert paper.abstract == "Gulls are counted."
    assert paper.announced_on == date(2026, 3, 2)
    assert paper.id == "10.1000/gulls.118"
    assert paper.categories == ("rss:gulls", "rss:gulls-field-ecology")
    assert paper.links["page"] == "https://gulls.example.org/7/3/118"


def test_other_fields_stay_as_usual(feeds: FeedServer, configured: Settings, fetcher: Fetcher) -> None:
    feeds.serve("/feed.xml", Reply(samples.rdf_feed(samples.rdf_item()).encode()))
    (mapped,), _, _ = gathered(source(configured, fetcher, "gulls.title=dc:source|dc:title"))
    (usual,), _, _ = gathered(source(configured, fetcher))
    assert mapped.paper.title.startswith("Gulls, Published online")
    assert (mapped.paper.id, mapped.paper.authors) == (usual.paper.id, usual.paper.authors)
    assert mapped.paper.abstract == usual.paper.abstract


def test_a_wrong_element_is_named_in_the_status(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher, database: Database
) -> None:
    feeds.serve("/feed.xml", Reply(samples.rss_feed(ITEM, ITEM).encode()))
    fetched = fetch(database, source(configured, fetcher, "gulls.title=dc:headline"), TODAY, lambda: NOW)
    assert (fetched.status, fetched.intake.seen) == ("failed", 0)
    assert fetched.error == (
        "rss:gulls: no entry has dc:headline, which DIGEST_RSS_FIELDS names for the title; "
        "the entries have description, guid, link, paper, pubDate, title."
    )
    with database.read() as connection:
        (stored,) = newest_fetches(connection, NOW)
    facts = FeedFacts(stored.source, stored.status, stored.finished_at, error=stored.error)
    check = judge_feed(facts, Calendar((), timedelta(hours=6)), NOW, was_used=True)
    assert check.state is State.BAD
    assert "no entry has dc:headline, which DIGEST_RSS_FIELDS names for the title" in check.finding
    assert "\n" not in check.finding


def test_a_field_that_is_missing_in_some_entries_is_no_error(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher
) -> None:
    items = ITEM, ITEM.replace("x:online", "x:printed").replace("x:text", "x:body").replace("118", "119")
    feeds.serve("/feed.xml", Reply(samples.rss_feed(*items).encode()))
    (_, other), rejected, error = gathered(source(configured, fetcher, *FIELDS))
    assert (rejected, error) == ([], None)
    assert (other.paper.abstract, other.paper.announced_on) == ("", TODAY)


def test_a_wrong_element_of_another_field_leaves_the_papers(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher
) -> None:
    feeds.serve("/feed.xml", Reply(samples.rss_feed(ITEM).encode()))
    items, _, error = gathered(source(configured, fetcher, "gulls.category=category"))
    assert len(items) == 1
    assert isinstance(error, StopRun)
    assert "names for the category" in str(error)


def test_a_feed_without_entries_is_no_error(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher
) -> None:
    feeds.serve("/feed.xml", Reply(samples.rss_feed().encode()))
    assert gathered(source(configured, fetcher, *FIELDS)) == ([], [], None)


def test_places_are_elements_and_attributes() -> None:
    (fields,) = parse_fields(["fog.title=dc:title|a/b:c@d|@about"], ["fog"]).values()
    assert fields == FeedFields(
        title=(
            Place(("title",), "", "dc:title"),
            Place(("a", "c"), "d", "a/b:c@d"),
            Place((), "about", "@about"),
        )
    )


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("title=dc:title", "names no field of a feed; write it like nature.authors=dc:creator"),
        ("gulls.title=", "names no field of a feed"),
        ("fog.title=dc:title", "the feed 'fog', which is not in DIGEST_RSS_FEEDS"),
        ("gulls.titel=dc:title", "choose from title, authors, abstract, date, doi, category, separator"),
        ("gulls.title=<title>", "names no element"),
        ("gulls.title=a//b", "names no element"),
        ("gulls.title=a gulls.title=b", "gulls.title is given twice; write the places as a|b"),
        ("gulls.separator=;", "gulls.separator needs gulls.authors"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(written: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings(rss_feeds=("gulls=https://gulls.example.org/feed",), rss_fields=written)
    (error,) = refusal.value.errors()
    assert reason in error["msg"]
    assert "\n" not in error["msg"]
