"""One work from several sources is one paper, whichever source comes first."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from digest.domain.paper import FeedItem, Paper, Popularity
from digest.domain.subscriber import Verdict
from digest.papers.ingest import ingest
from digest.papers.search import find_paper, trending_papers
from digest.papers.sources.common import make_paper as paper_from_feed
from digest.store import papers as paper_store
from digest.store.database import Database
from digest.store.feedback import read_feedback
from digest.store.models import papers, popularity
from digest.store.picks import received_on
from digest.subscribers.feedback import record_feedback
from digest.subscribers.pending_feedback import apply_arrived
from digest.subscribers.profiles import ProfileBuilder
from tests.factories import (
    DAY,
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    delivery_context,
    make_paper,
    make_papers,
    received_by,
)

PREPRINT, PUBLISHED, ARXIV = "10.1101/2026.03.03.123456", "10.1038/s41586-026-00001-1", "2603.00001"
TITLE = "Neurons of the herring gull remember where the fog began"


def biology(paper_id: str = PREPRINT, **changes: Any) -> Paper:
    usual: dict[str, Any] = {
        "paper_id": paper_id,
        "title": TITLE,
        "abstract": "Gulls remember fog for a whole winter.",
        "authors": ("Ada B. Fern", "Bo Li"),
        "categories": ("biorxiv:neuroscience",),
        "announced_on": TUESDAY,
    }
    return paper_from_feed(**{**usual, **changes})


def preprint() -> FeedItem:
    return FeedItem(biology())


def published(**changes: Any) -> FeedItem:
    """Return the work as a journal has it, listed by OpenAlex."""
    usual: dict[str, Any] = {
        "title": f"{TITLE.upper()}.",
        "authors": ("Fern, A. B.", "Li, B."),
        "categories": ("openalex:neuroscience",),
        "announced_on": WEDNESDAY,
    }
    return FeedItem(biology(PUBLISHED, **{**usual, **changes}))


def on_arxiv() -> FeedItem:
    return FeedItem(biology(ARXIV, categories=("q-bio.NC",), abstract="As on arXiv."))


def take(database: Database, *items: FeedItem, now_on: Any = TUESDAY) -> None:
    result = ingest(database, items, at(now_on))
    assert not result.rejected


def shown(database: Database) -> list[Paper]:
    with database.read() as connection:
        return [stored.paper for stored in paper_store.newest_papers(connection, 1000)]


def by_id(database: Database, paper_id: str) -> Paper:
    with database.read() as connection:
        return find_paper(connection, paper_id).paper


@pytest.mark.parametrize(
    ("order", "together"),
    [
        *((order, False) for order in permutations((preprint, published, on_arxiv))),
        ((published, preprint, on_arxiv), True),
    ],
)
def test_a_work_of_three_sources_is_one_paper_found_by_each_id(
    database: Database, order: Sequence[Any], *, together: bool
) -> None:
    items = [one() for one in order]
    for _ in range(2):
        if together:
            take(database, *items)
        else:
            for item in items:
                take(database, item)
    (paper,) = shown(database)
    assert paper.id == ARXIV
    assert paper.abstract == "As on arXiv."
    assert paper.categories[0] == "q-bio.NC"
    assert set(paper.categories) == {"q-bio.NC", "biorxiv:neuroscience", "openalex:neuroscience"}
    assert {by_id(database, one).id for one in (PREPRINT, PUBLISHED, ARXIV, f"doi:{PUBLISHED.upper()}")} == {
        ARXIV
    }


def test_sources_do_not_overwrite_each_other_on_every_fetch(database: Database) -> None:
    items = [preprint(), published(), on_arxiv()]
    take(database, *items)
    for _ in range(2):
        result = ingest(database, items, at(WEDNESDAY))
        assert (result.added, result.changed) == (0, 0)


@pytest.mark.parametrize(
    "other",
    [
        biology("10.1101/2026.03.03.654321"),  # another DOI of the same registrant
        biology(PUBLISHED, authors=("Cy Moss",)),
        biology(PUBLISHED, authors=()),
        biology(PUBLISHED, title=f"{TITLE} II"),
    ],
)
def test_works_that_may_differ_stay_separate(database: Database, other: Paper) -> None:
    take(database, preprint(), FeedItem(other))
    assert len(shown(database)) == 2


def test_a_short_title_tells_no_works_apart(database: Database) -> None:
    take(database, FeedItem(biology(title="Editorial")), FeedItem(biology(PUBLISHED, title="Editorial")))
    assert len(shown(database)) == 2


def test_two_papers_of_arxiv_that_name_one_doi_stay_two(database: Database) -> None:
    for _ in range(2):
        take(database, *(FeedItem(one, other_ids=(PUBLISHED,)) for one in make_papers(2)))
    assert [paper.id for paper in shown(database)] == ["2603.00002", "2603.00001"]
    assert by_id(database, PUBLISHED).id == "2603.00001"


def test_published_versions_of_one_journal_are_two_works(database: Database) -> None:
    one = FeedItem(biology(), other_ids=(PUBLISHED,))
    other = FeedItem(on_arxiv().paper, other_ids=("10.1038/s41586-026-00002-2",))
    for _ in range(2):
        take(database, one)
        take(database, other)
    assert {paper.id for paper in shown(database)} == {PREPRINT, ARXIV}
    assert by_id(database, PUBLISHED).id == PREPRINT


def retitled() -> FeedItem:
    """Return the work under the title that the journal gave it."""
    return published(
        title="Fog memory in seabirds", authors=("A. B. Fern",), abstract="The journal's abstract."
    )


def linking() -> FeedItem:
    """Return the preprint's record after it names its published version."""
    return FeedItem(biology(), other_ids=(PUBLISHED,))


def test_rows_become_one_paper_when_a_source_says_that_they_are(database: Database) -> None:
    take(database, FeedItem(biology(), Popularity(at(TUESDAY), 7)))
    take(database, FeedItem(retitled().paper, Popularity(at(WEDNESDAY), 0, citations=3)))
    assert len(shown(database)) == 2
    for _ in range(2):
        take(database, linking(), now_on=WEDNESDAY)
        take(database, retitled(), now_on=WEDNESDAY)
    (paper,) = shown(database)
    assert (paper.id, paper.title) == (PREPRINT, TITLE)
    assert by_id(database, PUBLISHED).id == PREPRINT
    with database.read() as connection:
        counts = connection.execute(select(popularity.c.upvotes, popularity.c.citations)).all()
        assert sorted(map(tuple, counts), key=str) == [(0, 3), (7, None)]
        assert len(paper_store.read_terms(connection)) == 1
        assert len(trending_papers(connection, at(WEDNESDAY), None, None, 10)) == 1
        # The row of the other id stays, for the mails that refer to it.
        assert len(connection.execute(select(papers.c.id)).all()) == 2


def test_a_link_within_one_fetch_makes_one_paper(database: Database) -> None:
    take(database, retitled(), preprint(), linking())
    assert [paper.id for paper in shown(database)] == [PREPRINT]
    assert by_id(database, PUBLISHED).id == PREPRINT


def test_feedback_on_either_id_is_feedback_on_the_work(database: Database) -> None:
    builder = ProfileBuilder()
    take(database, preprint(), retitled())
    ada = add_subscriber(database)
    bo = add_subscriber(database, "bo@example.org")
    record_feedback(database, builder, ada.key, PUBLISHED, Verdict.MORE, at(TUESDAY))
    for paper_id, verdict in ((PREPRINT, Verdict.MORE), (PUBLISHED, Verdict.LESS)):
        record_feedback(database, builder, bo.key, paper_id, verdict, at(TUESDAY))
    take(database, linking(), now_on=WEDNESDAY)
    with database.read() as connection:
        row_id = find_paper(connection, PREPRINT).row_id
        said = read_feedback(connection, [ada.id, bo.id])
    assert said == {ada.id: [(row_id, Verdict.MORE)], bo.id: [(row_id, Verdict.MORE)]}


def test_a_rated_doi_counts_when_the_work_arrives_under_another_id(database: Database) -> None:
    ada = add_subscriber(database, likes=(PUBLISHED,))
    take(database, FeedItem(make_paper(1), other_ids=(PUBLISHED,)))
    assert apply_arrived(database, ProfileBuilder(), at(TUESDAY)) == 1
    with database.read() as connection:
        row_id = find_paper(connection, ARXIV).row_id
        assert read_feedback(connection, [ada.id]) == {ada.id: [(row_id, Verdict.MORE)]}


def test_a_work_is_received_once_whichever_id_it_was_sent_under(database: Database) -> None:
    context = delivery_context(database)
    # Enough others that the subscriber gets a mail on each day.
    add_papers(database, *make_papers(8, first=10))
    take(
        database,
        FeedItem(
            make_paper(1, paper_id=PUBLISHED, categories=("openalex:medicine",)), Popularity(at(TUESDAY), 9)
        ),
    )
    ada = add_subscriber(database, topics=("gaussian splatting",))
    assert deliver_due(context, at(TUESDAY)).sent == 1
    assert PUBLISHED in received_by(database, ada)[TUESDAY]
    # The arXiv record has another title; a later one says that both are one work.
    new = make_paper(1, title="Splatting rooms again, with more cameras", announced_on=WEDNESDAY)
    add_papers(database, *make_papers(8, first=30, announced_on=WEDNESDAY), new)
    take(database, FeedItem(new, Popularity(at(WEDNESDAY, 1), 90), other_ids=(PUBLISHED,)), now_on=WEDNESDAY)
    assert deliver_due(context, at(WEDNESDAY)).sent == 1
    assert not {ARXIV, PUBLISHED} & set(received_by(database, ada)[WEDNESDAY])
    with database.read() as connection:
        assert received_on(connection, ada.id, find_paper(connection, ARXIV).row_id) == TUESDAY


def test_no_duplicates_in_500_pairs_of_sources(database: Database) -> None:
    pairs = []
    for number in range(500):
        paper = make_paper(number, subject=("splats", "robots", "speech", "proteins")[number % 4])
        arxiv = FeedItem(paper, other_ids=(f"10.1234/{number}",) if number % 3 == 0 else ())
        family = f"{paper.authors[0].split()[1]}, A."
        again = paper_from_feed(
            paper_id=f"10.1234/{number}",
            # One in three has a new title and is linked by its DOI.
            title=paper.title.upper() if number % 3 else f"Journal title of the study {paper.title[-12:]}",
            abstract="The journal's text.",
            authors=(family, "Li, B."),
            categories=("openalex:medicine",),
            announced_on=TUESDAY + timedelta(days=1),
        )
        journal = FeedItem(again, other_ids=(paper.id,) if number % 6 == 3 else ())
        pairs.append((arxiv, journal) if number % 2 else (journal, arxiv))
    take(database, *(first for first, _ in pairs))
    take(database, *(second for _, second in pairs), now_on=TUESDAY + DAY)
    stored = shown(database)
    assert len(stored) == 500
    assert all(":" not in paper.categories[0] for paper in stored)
