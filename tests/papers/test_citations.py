"""Citations of stored papers: the requests to OpenAlex, which papers are due, and what is stored."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr

from digest.domain.paper import FeedItem, Paper, Popularity
from digest.errors import StopRun
from digest.papers.citations import COUNTED_WEEKS, announcements_due, papers_to_count
from digest.papers.fetch import Fetched, fetch
from digest.papers.ingest import ingest
from digest.papers.sources.citations import BATCH, PaperToCount
from digest.papers.sources.common import Rejected, Source
from digest.papers.sources.configured import source_named
from digest.papers.sources.http import Fetcher, FreePacer
from digest.settings import Settings
from digest.store import papers as paper_store
from digest.store.database import Database
from tests.factories import DAY, at, make_paper
from tests.papers import journal_samples as samples
from tests.papers.feed_answers import NOW, TODAY, gathered
from tests.papers.feed_server import FeedServer, Reply, Request

PUBLISHED = "10.1038/s41586-026-00001-1"


def counting(
    configured: Settings, fetcher: Fetcher, papers: Iterable[PaperToCount], **changes: Any
) -> Source:
    settings = configured.model_copy(update=changes)
    return source_named("citations", settings, fetcher, FreePacer(), lambda _now: papers)


def to_count(*ids: str) -> PaperToCount:
    return PaperToCount(Paper(ids[0], f"Counting gulls, {ids[0]}", ""), ids)


def cited(doi: str, count: Any = 3, *places: str) -> dict[str, Any]:
    locations = [{"landing_page_url": place} for place in places]
    return {"doi": f"https://doi.org/{doi}", "locations": locations, "cited_by_count": count}


def counts(items: list[FeedItem]) -> dict[str, int | None]:
    return {item.paper.id: item.popularity.citations for item in items if item.popularity}


def test_works_are_requested_by_all_their_dois(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher
) -> None:
    found = [
        cited("10.48550/arxiv.2603.00001", 5),
        cited(PUBLISHED, 8, "https://arxiv.org/abs/2603.00002"),
        cited("10.1101/2026.03.03.123456", 1),
        cited("10.1000/unasked", 9),
    ]
    feeds.serve("/works", Reply(samples.works_page(*found)))
    papers = [
        to_count("2603.00001"),
        to_count("2603.00002", PUBLISHED),
        to_count("10.1101/2026.03.03.123456"),
        to_count("title:0123456789abcdef"),
        to_count("10.1000/comma,and|bar"),
    ]
    source = counting(
        configured, fetcher, papers, openalex_key=SecretStr("sesame"), contact="ops@example.org"
    )
    items, rejected, error = gathered(source)
    assert (rejected, error) == ([], None)
    assert counts(items) == {"2603.00001": 5, "2603.00002": 8, "10.1101/2026.03.03.123456": 1}
    assert items[0].popularity == Popularity(NOW, upvotes=0, citations=5)
    (request,) = feeds.requests
    assert request.query["filter"] == (
        f"doi:10.48550/arxiv.2603.00001|10.48550/arxiv.2603.00002|{PUBLISHED}|10.1101/2026.03.03.123456"
    )
    assert (request.query["api_key"], request.query["mailto"]) == ("sesame", "ops@example.org")
    assert (request.query["per_page"], request.query["sort"]) == (str(BATCH), "cited_by_count:desc")


def test_no_request_has_more_than_fifty_dois(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher
) -> None:
    feeds.serve("/works", Reply(samples.works_page()))
    papers = [to_count(f"2603.{number:05}", *[PUBLISHED] * (number % 2)) for number in range(70)]
    assert gathered(counting(configured, fetcher, papers)) == ([], [], None)
    sizes = [request.query["filter"].count("|") + 1 for request in feeds.requests]
    assert sum(sizes) == 105
    assert max(sizes) <= BATCH
    assert len(sizes) == 3


@pytest.mark.parametrize("count", [0, -1, None, "3", True, 2**31])
def test_a_work_without_a_count_yields_nothing(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher, count: object
) -> None:
    feeds.serve("/works", Reply(samples.works_page(cited(PUBLISHED, count))))
    assert gathered(counting(configured, fetcher, [to_count(PUBLISHED)])) == ([], [], None)


def test_a_strange_record_affects_only_itself(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher
) -> None:
    records: list[Any] = ["gulls", {}, {"doi": 7, "cited_by_count": 7}, cited(PUBLISHED)]
    feeds.serve("/works", Reply(samples.works_page(*records)))
    items, rejected, error = gathered(counting(configured, fetcher, [to_count(PUBLISHED)]))
    assert (counts(items), error) == ({PUBLISHED: 3}, None)
    assert rejected == [Rejected("citations record 1", "the record is not a JSON object")]


def test_without_papers_nothing_is_requested(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher
) -> None:
    assert gathered(counting(configured, fetcher, [to_count("title:0123456789abcdef")])) == ([], [], None)
    assert feeds.requests == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_names_the_key(
    feeds: FeedServer, configured: Settings, fetcher: Fetcher, status: int
) -> None:
    feeds.serve("/works", Reply(b'{"error": "API key is wrong"}', status=status))
    source = counting(configured, fetcher, [to_count(PUBLISHED)])
    with pytest.raises(
        StopRun, match=r"citations: the request was refused \(API key is wrong\); check DIGEST_OPENALEX_KEY"
    ):
        list(source.fetch(TODAY, NOW))


# Which papers are due


def test_each_paper_is_counted_once_a_week_for_eight_weeks() -> None:
    announced = date(2026, 3, 4)
    counted = [
        day
        for number in range(100)
        if announced in announcements_due(day := announced + number * DAY, day - DAY)
    ]
    assert counted == [announced + week * 7 * DAY for week in range(1, COUNTED_WEEKS + 1)]


@pytest.mark.parametrize(("missed", "days"), [(None, 1), (0, 0), (1, 1), (3, 3), (7, 7), (90, 7), (-2, 0)])
def test_missed_days_are_made_up_for(missed: int | None, days: int) -> None:
    due = announcements_due(TODAY, None if missed is None else TODAY - missed * DAY)
    assert len(due) == len(set(due)) == COUNTED_WEEKS * days
    assert all(day <= TODAY - timedelta(days=7) for day in due)


def store(database: Database) -> None:
    """Store a paper of today, one of each of the last ten days, and one of nine weeks ago."""
    papers = [make_paper(number, announced_on=TODAY - number * DAY) for number in range(11)]
    papers.append(make_paper(63, announced_on=TODAY - 63 * DAY))
    ingest(
        database,
        [FeedItem(paper, other_ids=(PUBLISHED,) * (paper.id == "2603.00007")) for paper in papers],
        NOW,
    )


def ids_due(database: Database, days_later: int = 0) -> list[tuple[str, ...]]:
    return [one.ids for one in papers_to_count(database, NOW + days_later * DAY)]


def fetched(
    feeds: FeedServer, database: Database, configured: Settings, fetcher: Fetcher, *replies: Reply
) -> Fetched:
    feeds.serve("/works", *replies)
    source = source_named("citations", configured, fetcher, FreePacer(), partial(papers_to_count, database))
    return fetch(database, source, TODAY, lambda: NOW)


def test_the_papers_of_the_day_are_counted_once(
    feeds: FeedServer, database: Database, configured: Settings, fetcher: Fetcher
) -> None:
    store(database)
    assert ids_due(database) == [("2603.00007", PUBLISHED)]
    # A fetch that fails or breaks off is repeated by the next run.
    assert fetched(feeds, database, configured, fetcher, Reply(status=403)).status == "failed"
    assert ids_due(database) == [("2603.00007", PUBLISHED)]
    answer = Reply(samples.works_page(cited(PUBLISHED)))
    assert fetched(feeds, database, configured, fetcher, answer).status == "complete"
    assert ids_due(database) == []
    # Nothing ran for two days; the papers that were due then are counted, too.
    assert ids_due(database, 3) == [("2603.00006",), ("2603.00005",), ("2603.00004",)]


def test_counts_are_stored_beside_the_votes_and_change_nothing_else(
    feeds: FeedServer, database: Database, configured: Settings, fetcher: Fetcher
) -> None:
    store(database)
    voted = at(TODAY - 7 * DAY, 8)
    ingest(database, [FeedItem(make_paper(7), Popularity(voted, 21, 3, 4))], voted)
    with database.read() as connection:
        before = paper_store.page(connection, 0, 100)
    answer = Reply(samples.works_page(cited(PUBLISHED, 6), cited("10.48550/arxiv.2603.00007", 2)))
    outcome = fetched(feeds, database, configured, fetcher, answer)
    assert (outcome.intake.snapshots, outcome.intake.added, outcome.intake.changed) == (1, 0, 0)
    with database.read() as connection:
        assert paper_store.page(connection, 0, 100) == before
        row_id = paper_store.row_ids_of(connection, ["2603.00007"])["2603.00007"]
        snapshots = paper_store.popularity_of(connection, [row_id], NOW)[row_id]
    assert snapshots[-1] == Popularity(NOW, 21, 3, 4, 6)


def test_counts_before_a_fault_are_kept(
    feeds: FeedServer, database: Database, configured: Settings, fetcher: Fetcher
) -> None:
    ingest(
        database,
        [FeedItem(make_paper(number, announced_on=TODAY - 7 * DAY)) for number in range(1, 72)],
        NOW,
    )

    def answer(request: Request) -> Reply:
        if len(feeds.requests) > 1:
            return Reply(status=404)
        first = request.query["filter"].removeprefix("doi:").partition("|")[0]
        return Reply(samples.works_page(cited(first)))

    feeds.serve("/works", answer)
    source = source_named("citations", configured, fetcher, FreePacer(), partial(papers_to_count, database))
    outcome = fetch(database, source, TODAY, lambda: NOW)
    assert (outcome.status, outcome.intake.snapshots) == ("partial", 1)
    assert "404" in outcome.error
