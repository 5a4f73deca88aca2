"""Feedback on a paper that is not stored: pending, fetched by id, and applied when the paper arrives."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest

from digest.domain.paper import FeedItem
from digest.domain.subscriber import Subscriber, Verdict
from digest.errors import DigestError, TryLater
from digest.papers.sources.common import Found
from digest.store import feedback as feedback_store
from digest.store import pending_feedback as store
from digest.store import terms as term_store
from digest.store.database import Database
from digest.subscribers.pending_feedback import ASKED_FOR, apply_arrived, fetch_pending
from digest.subscribers.preferences import Change, change
from digest.subscribers.profiles import ProfileBuilder
from tests.factories import MONDAY, TUESDAY, Clock, add_papers, add_subscriber, at, make_paper, make_papers

LIKED = "2603.00042"


@pytest.fixture
def builder() -> ProfileBuilder:
    """Return a builder for this test: it caches the reference corpus of its database."""
    return ProfileBuilder()


class Arxiv:
    """A source of given papers that records the requested ids."""

    def __init__(self, *numbers: int, error: DigestError | None = None) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._papers = {paper.id: paper for paper in map(make_paper, numbers)}
        self._error = error

    def papers(self, ids: Sequence[str]) -> Found:
        return iter(self._answer(ids))

    def _answer(self, ids: Sequence[str]) -> Iterator[FeedItem]:
        self.asked.append(tuple(ids))
        yield from (FeedItem(self._papers[one]) for one in ids if one in self._papers)
        if self._error is not None:
            raise self._error


def pending_of(database: Database, subscriber: Subscriber) -> list[tuple[str, Verdict]]:
    with database.read() as connection:
        return store.read_pending(connection, [subscriber.id]).get(subscriber.id, [])


def verdicts_of(database: Database, subscriber: Subscriber) -> list[tuple[int, Verdict]]:
    with database.read() as connection:
        return feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])


def test_a_like_of_a_paper_that_is_not_stored_is_pending(database: Database) -> None:
    ada = add_subscriber(database, likes=("https://arxiv.org/abs/2603.00042v2",), dislikes=("2603.00043",))
    assert pending_of(database, ada) == [(LIKED, "more"), ("2603.00043", "less")]
    assert verdicts_of(database, ada) == []


def test_pending_feedback_applies_when_the_paper_arrives(database: Database, builder: ProfileBuilder) -> None:
    add_papers(database, *make_papers(12))
    ada = add_subscriber(database, likes=(LIKED, "2603.00001"))
    assert apply_arrived(database, builder, at(TUESDAY)) == 0
    add_papers(database, make_paper(42))
    assert apply_arrived(database, builder, at(TUESDAY)) == 1
    assert [verdict for _, verdict in verdicts_of(database, ada)] == ["more", "more"]
    assert pending_of(database, ada) == []
    bob = add_subscriber(database, "bob@example.org", likes=("2603.00001", LIKED))
    with database.read() as connection:
        learned = term_store.read_profiles(connection, [ada.id, bob.id])
    assert learned[ada.id].interests[0].terms.tolist() == learned[bob.id].interests[0].terms.tolist()


def test_a_pending_paper_is_fetched_by_id_once(database: Database, builder: ProfileBuilder) -> None:
    ada = add_subscriber(database, likes=(LIKED, "2603.00043"))
    arxiv = Arxiv(42)
    done = fetch_pending(database, arxiv, builder, at(TUESDAY))
    assert (done.asked, done.added, done.error) == (2, 1, "")
    assert arxiv.asked == [(LIKED, "2603.00043")]
    assert len(verdicts_of(database, ada)) == 1
    # A paper that arXiv does not have is requested again after a day, for a week.
    assert fetch_pending(database, arxiv, builder, at(TUESDAY, 9)).asked == 0
    assert fetch_pending(database, arxiv, builder, at(TUESDAY, 9) + timedelta(days=1)).asked == 1
    assert fetch_pending(database, arxiv, builder, at(MONDAY) + ASKED_FOR + timedelta(days=1)).asked == 0
    assert pending_of(database, ada) == [("2603.00043", "more")]


def test_a_failed_request_to_arxiv_is_repeated_and_nothing_is_lost(
    database: Database, builder: ProfileBuilder
) -> None:
    ada = add_subscriber(database, likes=(LIKED,))
    done = fetch_pending(
        database, Arxiv(error=TryLater("arXiv is busy; try again later.")), builder, at(TUESDAY)
    )
    assert (done.added, done.error) == (0, "arXiv is busy; try again later.")
    assert pending_of(database, ada) == [(LIKED, "more")]
    assert fetch_pending(database, Arxiv(42), builder, at(TUESDAY)).added == 1


def test_many_ids_are_requested_in_batches_each_once(database: Database, builder: ProfileBuilder) -> None:
    likes = tuple(f"2603.{number:05}" for number in range(1, 251))
    for name in ("ada", "bob"):
        add_subscriber(database, f"{name}@example.org", likes=likes)
    arxiv = Arxiv(*range(1, 251))
    done = fetch_pending(database, arxiv, builder, at(TUESDAY))
    assert (done.asked, done.added) == (250, 250)
    assert [len(ids) for ids in arxiv.asked] == [100, 100, 50]
    assert apply_arrived(database, builder, at(TUESDAY)) == 0


def test_later_feedback_replaces_pending_feedback(database: Database, builder: ProfileBuilder) -> None:
    ada = add_subscriber(database, likes=(LIKED,))
    change(database, builder, ada.address, Change(), at(TUESDAY), dislikes=[LIKED])
    assert pending_of(database, ada) == [(LIKED, "less")]
    add_papers(database, make_paper(42))
    change(database, builder, ada.address, Change(), at(TUESDAY), likes=[LIKED])
    apply_arrived(database, builder, at(TUESDAY))
    assert [verdict for _, verdict in verdicts_of(database, ada)] == ["more"]


def test_the_pending_feedback_of_a_subscriber_is_limited(
    database: Database, builder: ProfileBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_PENDING", 3)
    ada = add_subscriber(database)
    clock = Clock(at(TUESDAY))
    for number in range(1, 6):
        clock.advance(minutes=1)
        _like(database, builder, ada, number, clock())
    assert [one for one, _ in pending_of(database, ada)] == ["2603.00003", "2603.00004", "2603.00005"]


def _like(
    database: Database, builder: ProfileBuilder, subscriber: Subscriber, number: int, now: datetime
) -> None:
    change(database, builder, subscriber.address, Change(), now, likes=[f"2603.{number:05}"])
