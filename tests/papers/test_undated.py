"""A paper without a date: shown as "unknown", never new and never trending, until a feed supplies the date."""

from dataclasses import replace

import pytest

from digest.delivery.candidates import card_of
from digest.domain.paper import Paper
from digest.errors import BadInput
from digest.papers.search import Library, explain_trend, trending_papers
from digest.store import papers as paper_store
from digest.store.database import Database
from tests.factories import (
    DAY,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    delivery_context,
    make_papers,
    received_by,
    whole_run,
)


def undated(papers: list[Paper]) -> list[Paper]:
    return [replace(paper, announced_on=None) for paper in papers]


def test_an_undated_import_is_neither_new_nor_trending(database: Database) -> None:
    add_papers(database, *undated(make_papers(20)), now=at(TUESDAY), upvotes=50)
    with database.read() as connection:
        assert paper_store.newest_announcement(connection, WEDNESDAY) is None
        assert paper_store.announced_between(connection, MONDAY - 30 * DAY, WEDNESDAY) == []
        assert trending_papers(connection, at(TUESDAY, 12), None, None, 10) == []
        assert Library(connection).search("gaussian splatting", 5, since=MONDAY) == []
        assert Library(connection).search("gaussian splatting", 5) != []
        with pytest.raises(BadInput, match=r"announcement date of 2603\.00001 is unknown"):
            explain_trend(connection, at(TUESDAY, 12), "2603.00001")


def test_dated_papers_trend_beside_undated_ones(database: Database) -> None:
    add_papers(database, *undated(make_papers(20)), now=at(TUESDAY), upvotes=50)
    dated = make_papers(3, first=100)
    add_papers(database, *dated, now=at(TUESDAY))
    with database.read() as connection:
        found = trending_papers(connection, at(TUESDAY, 12), None, None, 10)
        assert {stored.paper.id for stored, _, _ in found} == {paper.id for paper in dated}
        # They are last in lists by day, and in no range of days.
        listed = paper_store.newest_papers(connection, 30)
        assert [stored.stated_on for stored in listed] == [TUESDAY] * 3 + [None] * 20
        assert len(paper_store.newest_papers(connection, 30, since=MONDAY)) == 3
        assert len(paper_store.newest_papers(connection, 5)) == 5


def test_an_undated_paper_is_not_sent_as_new(database: Database) -> None:
    subscriber = add_subscriber(database)
    old, new = undated(make_papers(10)), make_papers(10, first=100)
    add_papers(database, *old, *new, now=at(TUESDAY, 1))
    whole_run(delivery_context(database), at(TUESDAY))
    received = received_by(database, subscriber)
    sent = {paper for papers in received.values() for paper in papers}
    assert sent
    assert sent <= {paper.id for paper in new}


def test_a_date_from_a_feed_makes_the_paper_new(database: Database) -> None:
    (paper,) = make_papers(1)
    add_papers(database, replace(paper, announced_on=None), now=at(MONDAY))
    add_papers(database, replace(paper, announced_on=TUESDAY), now=at(TUESDAY, 1))
    with database.read() as connection:
        (stored,) = paper_store.announced_between(connection, MONDAY, TUESDAY)
    assert stored.stated_on == TUESDAY


def test_a_card_shows_an_unknown_date_and_the_code_link(database: Database) -> None:
    (paper,) = make_papers(1, abstract="We splat. Code: https://github.com/fern/splats.")
    add_papers(database, replace(paper, announced_on=None), now=at(MONDAY))
    with database.read() as connection:
        (stored,) = paper_store.newest_papers(connection, 1)
    card = card_of(stored, None)
    assert card.announced_on is None
    assert card.links == (("Code", "https://github.com/fern/splats"),)
    assert type(card).from_json(card.to_json()) == card
    told = replace(stored, paper=replace(stored.paper, links={"code": "https://example.org/code"}))
    assert card_of(told, None).links == (("Code", "https://example.org/code"),)
