"""What everyone reads in a weekly digest: papers of the last weeks that were cited lately."""

from typing import Any

import pytest

from digest.delivery.candidates import CITED_DAYS
from digest.delivery.feed_state import FeedState, feed_state
from digest.delivery.preview import read_mail
from digest.delivery.select_papers import SelectionSettings
from digest.domain.delivery import Section
from digest.domain.paper import FeedItem, LastFetch, Popularity
from digest.domain.pick import Pick
from digest.papers.ingest import ingest
from digest.store.database import Database
from tests.factories import (
    DAY,
    MONDAY,
    TUESDAY,
    add_subscriber,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_paper,
)

WITH_CITATIONS = SelectionSettings(counts_citations=True)
BIOLOGY = ("biorxiv:neuroscience",)


def announced(database: Database, number: int, age: int, *citations: int, votes: int = 0) -> None:
    """Store a paper of some days ago, with its citations on Mondays up to the last one."""
    paper = make_paper(number, categories=BIOLOGY, announced_on=MONDAY - age * DAY)
    items = [FeedItem(paper)]
    items += [
        FeedItem(paper, Popularity(at(MONDAY - week * 7 * DAY, 3), votes, citations=count))
        for week, count in enumerate(reversed(citations))
    ]
    ingest(database, items, at(paper.announced_on or MONDAY, 1))


def read_by_everyone(
    database: Database,
    frequency: str = "weekly",
    settings: SelectionSettings = WITH_CITATIONS,
    **fields: Any,
) -> list[Pick]:
    """Return what everyone reads in the digest of Monday."""
    subscriber = add_subscriber(database, frequency=frequency, now=at(MONDAY, 0), **fields)
    deliver_due(delivery_context(database, selection_settings=settings), at(MONDAY, 12))
    (delivery,) = deliveries_of(database, subscriber)
    with database.read() as connection:
        picks = read_mail(connection, delivery.id).picks
    return [pick for pick in picks if pick.section == Section.EVERYONE]


def ids(picks: list[Pick]) -> list[str]:
    return [pick.card.paper_id for pick in picks]


def test_a_weekly_digest_has_papers_of_the_last_weeks_that_are_cited(database: Database) -> None:
    announced(database, 1, 2)
    announced(database, 2, 21, 1, 9)
    announced(database, 3, 28, 9, 9)
    announced(database, 4, CITED_DAYS + 7, 0, 90)
    announced(database, 5, 21)
    picks = read_by_everyone(database, topics=["a topic that nothing fits"])
    # What was cited last week comes before what was cited earlier; without citations, a paper is not what everyone reads.
    assert ids(picks) == ["2603.00002", "2603.00003"]
    assert picks[0].card.popularity == "9 citations"


@pytest.mark.parametrize(
    ("frequency", "settings"), [("daily", WITH_CITATIONS), ("weekly", SelectionSettings())]
)
def test_other_digests_have_papers_of_the_last_week_only(
    database: Database, frequency: str, settings: SelectionSettings
) -> None:
    announced(database, 1, 2)
    announced(database, 2, 21, 1, 9)
    announced(database, 3, 3, 2, votes=5)
    assert "2603.00002" not in ids(read_by_everyone(database, frequency, settings))


def test_fresh_votes_stay_ahead_of_old_citations(database: Database) -> None:
    announced(database, 1, 2, 0, votes=60)
    announced(database, 2, 14, 1, 5)
    assert ids(read_by_everyone(database, topics=["a topic that nothing fits"])) == [
        "2603.00001",
        "2603.00002",
    ]


def test_nobody_gets_a_cited_paper_again(database: Database) -> None:
    announced(database, 1, 3, 4)
    subscriber = add_subscriber(database, frequency="weekly", now=at(MONDAY, 0))
    context = delivery_context(database, selection_settings=WITH_CITATIONS)
    deliver_due(context, at(MONDAY, 12))
    next_monday = MONDAY + 7 * DAY
    ingest(database, [FeedItem(make_paper(9, announced_on=next_monday - DAY))], at(next_monday, 1))
    paper = make_paper(1, categories=BIOLOGY, announced_on=MONDAY - 3 * DAY)
    ingest(database, [FeedItem(paper, Popularity(at(next_monday, 3), 0, citations=40))], at(next_monday, 3))
    deliver_due(context, at(next_monday, 12))
    with database.read() as connection:
        mails = [
            [pick.card.paper_id for pick in read_mail(connection, row.id).picks]
            for row in deliveries_of(database, subscriber)
        ]
    assert mails == [["2603.00001"], ["2603.00009"]]


@pytest.mark.parametrize("source", ["citations", "arxiv"])
def test_a_fault_in_counting_does_not_explain_missing_papers(source: str) -> None:
    failed = LastFetch(source, at(TUESDAY, 6), failed=True)
    fine = LastFetch("biorxiv", at(TUESDAY, 6), failed=False)
    state = feed_state(at(TUESDAY, 12), MONDAY, MONDAY, [failed, fine], ())
    assert state is (FeedState.LATE if source == "citations" else FeedState.FAULT)
    alone = feed_state(at(TUESDAY, 12), MONDAY, MONDAY, [failed], ())
    assert alone is (FeedState.NO_FEED if source == "citations" else FeedState.FAULT)
