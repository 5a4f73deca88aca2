"""Storing papers: one row per paper from any mix of feeds, no repeated snapshots, nothing half-written."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from digest.domain.paper import FeedItem, Paper, Popularity
from digest.errors import StopRun, TryLater
from digest.papers.identifiers import title_id
from digest.papers.ingest import IngestResult, ingest
from digest.papers.search import find_paper
from digest.papers.sources.common import Rejected
from digest.papers.sources.common import make_paper as paper_from_feed
from digest.papers.works import merge, new_stored_paper
from digest.ranking.scoring import score
from digest.ranking.terms import unpack_counts
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Database
from digest.store.models import paper_terms, papers, popularity
from digest.subscribers.profiles import ProfileBuilder, rebuild_outdated
from tests.factories import (
    DAY,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    make_paper,
    make_papers,
    together,
)
from tests.papers.ingest_helpers import TITLE, listed, only, record, take_one


def shown(**changes: Any) -> Paper:
    """Return the paper as Hugging Face shows it: without categories, with another text and date."""
    usual: dict[str, Any] = {
        "paper_id": "2603.00001",
        "title": f"{TITLE} 🤗",
        "abstract": "As a page tells it.",
        "authors": ("A. Babababakox",),
        "announced_on": WEDNESDAY,
        "links": {"code": "https://code.example.org/x", "project": "https://x.example.org/"},
    }
    return paper_from_feed(**{**usual, **changes})


def contents(database: Database) -> list[list[object]]:
    """Return all stored data of papers, for comparison."""
    with database.read() as connection:
        return [
            list(connection.execute(select(table).order_by(*table.primary_key.columns)).all())
            for table in (papers, paper_terms, popularity)
        ]


# Matching items with stored papers.


@pytest.mark.parametrize("order", [(record, shown), (shown, record)])
def test_an_arxiv_record_and_a_page_give_one_paper_with_arxivs_text(
    database: Database, order: tuple[object, ...]
) -> None:
    for one in order:
        assert callable(one)
        take_one(database, one())
    stored = only(database)
    paper, told = stored.paper, record()
    assert (paper.title, paper.abstract, paper.authors) == (told.title, told.abstract, told.authors)
    assert (paper.categories, paper.announced_on) == (told.categories, told.announced_on)
    assert paper.links == shown().links
    assert not stored.announced_guessed


@pytest.mark.parametrize("known", [record, shown])
@pytest.mark.parametrize("title_first", [True, False])
def test_a_paper_without_an_id_is_matched_by_title(
    database: Database, known: object, *, title_first: bool
) -> None:
    assert callable(known)
    other = known(title=TITLE)
    first, second = (listed(), other) if title_first else (other, listed())
    take_one(database, first)
    take_one(database, second, WEDNESDAY)
    paper = only(database).paper
    assert paper.id == "2603.00001"
    assert paper.announced_on == other.announced_on
    if not title_first:
        assert paper.title == TITLE
        assert paper.abstract == other.abstract


def test_three_items_of_one_paper_in_one_feed_are_one_paper(database: Database) -> None:
    items = [FeedItem(listed()), FeedItem(shown(title=TITLE)), FeedItem(record()), FeedItem(listed())]
    result = ingest(database, items, at(TUESDAY))
    assert (result.seen, result.added, result.changed) == (1, 1, 0)
    assert only(database).paper.abstract == record().abstract


def test_papers_with_equal_titles_and_different_ids_stay_separate(database: Database) -> None:
    result = ingest(database, [FeedItem(record()), FeedItem(record(paper_id="2603.00002"))], at(TUESDAY))
    assert result.added == 2


def test_a_paper_without_an_arxiv_id_is_found_by_its_title_id(database: Database) -> None:
    take_one(database, listed())
    with database.read() as connection:
        assert find_paper(connection, title_id(TITLE)).paper == only(database).paper


def test_versions_are_one_paper(database: Database) -> None:
    take_one(database, record())
    result = take_one(
        database, record(paper_id="2603.00001v2", title="A better title", announced_on=WEDNESDAY)
    )
    assert (result.added, result.changed) == (0, 1)
    stored = only(database)
    assert (stored.paper.title, stored.paper.announced_on) == ("A better title", TUESDAY)
    # It is found by its new title, too.
    assert take_one(database, listed(title="A BETTER TITLE")).added == 0


# Merging items with stored papers.


def test_a_known_date_is_not_changed(database: Database) -> None:
    take_one(database, record())
    take_one(database, record(announced_on=WEDNESDAY), WEDNESDAY)
    take_one(database, record(announced_on=MONDAY), WEDNESDAY)
    assert only(database).announced_on == TUESDAY


def test_an_estimated_date_is_replaced_by_the_first_known_one(database: Database) -> None:
    take_one(database, record(announced_on=None), WEDNESDAY)
    assert (only(database).announced_on, only(database).announced_guessed) == (WEDNESDAY, True)
    take_one(database, record(announced_on=None), WEDNESDAY + DAY)
    assert only(database).announced_on == WEDNESDAY
    take_one(database, record(announced_on=TUESDAY), WEDNESDAY + DAY)
    assert (only(database).announced_on, only(database).announced_guessed) == (TUESDAY, False)


@pytest.mark.parametrize(
    ("paper_id", "estimate"),
    [
        ("2603.00001", TUESDAY),
        ("2602.00001", date(2026, 2, 28)),
        ("2402.00001", date(2024, 2, 29)),
        ("math/0611800", date(2006, 11, 30)),
        ("2604.00001", TUESDAY),
        ("", TUESDAY),
    ],
)
def test_the_id_prevents_an_old_paper_from_counting_as_new(paper_id: str, estimate: date) -> None:
    stored = new_stored_paper(make_paper(1, paper_id=paper_id, announced_on=None), at(TUESDAY))
    assert (stored.announced_on, stored.announced_guessed) == (estimate, True)


def test_a_withdrawal_stays_until_arxiv_reverses_it(database: Database) -> None:
    take_one(database, record())
    take_one(database, record(withdrawn=True))
    take_one(database, shown())
    assert only(database).paper.withdrawn
    take_one(database, record())
    assert not only(database).paper.withdrawn


def test_links_of_all_feeds_are_kept(database: Database) -> None:
    take_one(database, record(links={"doi": "https://doi.org/10.1/x"}))
    take_one(database, shown())
    take_one(database, record())
    assert set(only(database).paper.links) == {"doi", "code", "project"}


def test_an_empty_abstract_or_author_list_replaces_nothing(database: Database) -> None:
    take_one(database, record())
    take_one(database, record(abstract="", authors=()))
    assert (only(database).paper.abstract, only(database).paper.authors) == (
        record().abstract,
        record().authors,
    )


def test_different_line_breaks_are_not_a_change(database: Database) -> None:
    take_one(database, record())
    wrapped = record(title=TITLE.replace(" ", "\n  "), abstract=record().abstract.replace(" ", "\n"))
    assert take_one(database, wrapped).changed == 0


def test_merging_is_idempotent() -> None:
    stored = new_stored_paper(listed(), at(TUESDAY))
    for one in (record(), shown(), listed(), record(withdrawn=True)):
        stored = merge(stored, one)
        assert merge(stored, one) == stored


def test_a_changed_text_is_counted_again(database: Database) -> None:
    take_one(database, record())
    with database.read() as connection:
        before = dict(paper_store.read_terms(connection))
    take_one(database, record(title="Quite other words"))
    with database.read() as connection:
        after = dict(paper_store.read_terms(connection))
    assert before.keys() == after.keys()
    assert before != after


# Repeated and concurrent ingestion.


def many() -> Iterator[FeedItem]:
    for number in range(1, 30):
        yield FeedItem(make_paper(number), Popularity(at(TUESDAY), number, 1, None))
        if number % 3 == 0:
            yield FeedItem(listed(title=make_paper(number).title))
        if number % 4 == 0:
            yield FeedItem(shown(paper_id=f"2603.{number:05}"), Popularity(at(TUESDAY, 9), number + 1))


def test_ingesting_the_same_items_again_changes_nothing(database: Database) -> None:
    first = ingest(database, many(), at(TUESDAY))
    assert (first.seen, first.added) == (29, 29)
    before = contents(database)
    again = ingest(database, many(), at(WEDNESDAY))
    assert (again.seen, again.added, again.changed, again.snapshots, again.unchanged) == (29, 0, 0, 0, 29)
    assert contents(database) == before


def test_concurrent_ingestions_store_each_paper_once(database: Database) -> None:
    results = together(*[lambda: ingest(database, many(), at(TUESDAY))] * 3)
    assert sum(result.added for result in results) == 29
    with database.read() as connection:
        assert paper_store.count_papers(connection) == 29
        assert len(paper_store.read_terms(connection)) == 29


def test_progress_is_reported_per_thousand_items(database: Database) -> None:
    told: list[tuple[int, int]] = []
    items = (FeedItem(make_paper(number)) for number in range(1, 2101))
    ingest(database, items, at(TUESDAY), lambda result: told.append((result.seen, result.added)))
    assert told == [(1000, 1000), (2000, 2000), (2100, 2100)]


# Feeds that break off, and invalid items.


@pytest.mark.parametrize("error", [TryLater("503", 60), StopRun("403 go away")])
def test_items_before_a_feed_breaks_off_are_stored(database: Database, error: TryLater | StopRun) -> None:
    def feed() -> Iterator[FeedItem]:
        yield from (FeedItem(paper) for paper in make_papers(1500))
        raise error

    result = ingest(database, feed(), at(TUESDAY))
    assert (result.added, result.error) == (1500, error)
    with database.read() as connection:
        assert paper_store.count_papers(connection) == 1500
        assert term_store.counted_papers(connection)[0] == 1500


def test_a_rejected_item_affects_only_itself(database: Database) -> None:
    items: list[FeedItem | Rejected] = [
        FeedItem(make_paper(1)),
        Rejected("x:2", "no title"),
        FeedItem(make_paper(3)),
        Rejected("x:4", "no id"),
    ]
    result = ingest(database, items, at(TUESDAY))
    assert (result.seen, [one.where for one in result.rejected]) == (2, ["x:2", "x:4"])


def test_an_unexpected_error_leaves_nothing_half_written(database: Database) -> None:
    def feed() -> Iterator[FeedItem]:
        yield from (FeedItem(paper) for paper in make_papers(1200))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ingest(database, feed(), at(TUESDAY))
    with database.read() as connection:
        assert paper_store.count_papers(connection) == 1000 == len(paper_store.read_terms(connection))


def test_an_empty_feed_is_not_an_error(database: Database) -> None:
    result = ingest(database, [], at(TUESDAY))
    assert result == IngestResult()


# Document frequencies.


def versions(database: Database) -> tuple[int, int]:
    with database.read() as connection:
        return term_store.newest_version(connection) or 0, term_store.counted_papers(connection)[0]


def test_a_new_version_is_stored_when_a_tenth_of_the_papers_is_new(database: Database) -> None:
    add_papers(database, *make_papers(100))
    assert versions(database) == (1, 100)
    add_papers(database, *make_papers(10, first=101))
    assert versions(database) == (1, 100), "a tenth is not more than a tenth"
    add_papers(database, *make_papers(1, first=111))
    assert versions(database) == (2, 111)
    # Without new papers there is no new version; counting in parts gives the same result as counting all at once.
    add_papers(database, *make_papers(111))
    assert versions(database) == (2, 111)
    with database.read() as connection:
        grown = term_store.read_statistics(connection, 2)
    fresh = replace(grown, papers=0, frequencies=grown.frequencies * 0)
    with database.read() as connection:
        whole = fresh.adding(unpack_counts(list(paper_store.read_terms(connection).values())), 2)
    assert whole.papers == 111
    assert (whole.frequencies == grown.frequencies).all()


def test_profiles_of_an_older_version_keep_their_scores(database: Database) -> None:
    add_papers(database, *make_papers(60))
    subscriber = add_subscriber(database, topics=["gaussian splatting", "speech recognition"])

    def scores() -> tuple[int, bytes]:
        with database.read() as connection:
            profile = term_store.read_profiles(connection, [subscriber.id])[subscriber.id]
            statistics = term_store.read_statistics(connection, profile.statistics_version)
            counts = unpack_counts(list(paper_store.read_terms(connection, range(1, 61)).values()))
            return profile.statistics_version, score([profile], statistics.weigh(counts)).values.tobytes()

    before = scores()
    add_papers(database, *make_papers(60, first=100, subject="robots"))
    assert versions(database)[0] == 2
    assert scores() == before
    assert rebuild_outdated(database, ProfileBuilder(), at(WEDNESDAY)) == 1
    version, _ = scores()
    assert version == 2
    assert rebuild_outdated(database, ProfileBuilder(), at(WEDNESDAY) + timedelta(hours=1)) == 0
