from sqlalchemy import select

from digest.domain.paper import Popularity
from digest.store import papers as paper_store
from digest.store.database import Database
from digest.store.models import popularity
from tests.factories import (
    TUESDAY,
    WEDNESDAY,
    add_papers,
    at,
)
from tests.papers.ingest_helpers import listed, only, record, take_one

# Popularity.


def upvotes(database: Database) -> list[tuple[int, int]]:
    with database.read() as connection:
        rows = connection.execute(select(popularity).order_by(popularity.c.observed_at)).all()
    return [(row.observed_at.day, row.upvotes) for row in rows]


def test_unchanged_counts_are_not_stored_again_within_a_day(database: Database) -> None:
    for hour in (1, 5, 9):
        add_papers(database, record(), now=at(TUESDAY, hour), upvotes=7)
    add_papers(database, record(), now=at(TUESDAY, 12), upvotes=8)
    add_papers(database, record(), now=at(WEDNESDAY, 11), upvotes=8)
    assert upvotes(database) == [(3, 7), (3, 8)]
    # A day later, unchanged counts are stored again.
    add_papers(database, record(), now=at(WEDNESDAY, 12), upvotes=8)
    assert upvotes(database) == [(3, 7), (3, 8), (4, 8)]


def test_changed_comments_and_stars_are_stored(database: Database) -> None:
    for votes in (
        Popularity(at(TUESDAY, 1), 7),
        Popularity(at(TUESDAY, 2), 7, 1),
        Popularity(at(TUESDAY, 3), 7, 1, 5),
    ):
        assert take_one(database, record(), votes=votes).snapshots == 1


def test_a_snapshot_of_the_same_instant_is_not_changed(database: Database) -> None:
    for count, new in ((7, 1), (9, 0)):
        assert take_one(database, record(), votes=Popularity(at(TUESDAY), count)).snapshots == new
    assert upvotes(database) == [(3, 7)]


def test_snapshots_belong_to_the_paper_matched_by_title(database: Database) -> None:
    take_one(database, record())
    take_one(database, listed(), votes=Popularity(at(TUESDAY), 12))
    with database.read() as connection:
        found = paper_store.popularity_of(connection, [only(database).row_id], at(WEDNESDAY))
    assert [one.upvotes for one in found[only(database).row_id]] == [12]


def test_any_number_of_votes_can_be_stored(database: Database) -> None:
    take_one(database, record(), votes=Popularity(at(TUESDAY), 2**31 - 1, 2**31 - 1, 2**31 - 1))
    assert upvotes(database) == [(3, 2**31 - 1)]
