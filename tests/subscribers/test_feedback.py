"""Feedback on a paper: its effect on the profile, the shown terms, and undo."""

import pytest

from digest.domain.subscriber import Verdict
from digest.errors import BadInput, NotFound
from digest.store import terms as term_store
from digest.store.database import Database
from digest.subscribers.feedback import record_feedback, verdict_on, without_shared_words
from digest.subscribers.profile_terms import describe_profile
from digest.subscribers.profiles import ProfileBuilder
from tests.factories import WEDNESDAY, add_papers, add_subscriber, at, make_papers

NOW = at(WEDNESDAY)
SPLATS, ROBOTS = "2603.00004", "2603.00005"


def stored_profile(database: Database, number: int) -> bytes | None:
    with database.read() as connection:
        profile = term_store.read_profiles(connection, [number]).get(number)
    return profile.to_bytes() if profile else None


def test_more_raises_the_terms_of_the_paper_and_less_lowers_them(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscriber = add_subscriber(database, topics=["robot grasping"])
    builder = ProfileBuilder()
    more = record_feedback(database, builder, subscriber.key, SPLATS, Verdict.MORE, NOW)
    assert {"gaussian", "splatting"} & set(" ".join(more.rising).casefold().split())
    assert not more.falling
    less = record_feedback(database, builder, subscriber.key, SPLATS, Verdict.LESS, NOW)
    assert less.falling
    with database.read() as connection:
        assert verdict_on(connection, subscriber, 4) == "less"


def test_removing_feedback_restores_the_profile(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscriber = add_subscriber(database, topics=["robot grasping"])
    builder = ProfileBuilder()
    before = stored_profile(database, subscriber.id)
    record_feedback(database, builder, subscriber.key, SPLATS, Verdict.MORE, NOW)
    assert stored_profile(database, subscriber.id) != before
    back = record_feedback(database, builder, subscriber.key, SPLATS, None, NOW)
    assert back.falling
    assert stored_profile(database, subscriber.id) == before
    with database.read() as connection:
        assert verdict_on(connection, subscriber, 4) is None


def test_less_without_other_interests_is_stored_and_changes_no_terms(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscriber = add_subscriber(database)
    effect = record_feedback(database, ProfileBuilder(), subscriber.key, ROBOTS, Verdict.LESS, NOW)
    assert (effect.rising, effect.falling) == ((), ())
    with database.read() as connection:
        assert verdict_on(connection, subscriber, 5) == "less"
        assert describe_profile(connection, ProfileBuilder(), subscriber) == ()


def test_feedback_on_an_unknown_paper_or_by_an_unknown_subscriber_is_refused(database: Database) -> None:
    add_papers(database, *make_papers(2))
    subscriber = add_subscriber(database)
    for key, paper, error in (
        (subscriber.key, "2603.99999", NotFound),
        ("nobody", SPLATS, NotFound),
        (subscriber.key, "nonsense", BadInput),
    ):
        with pytest.raises(error):
            record_feedback(database, ProfileBuilder(), key, paper, Verdict.MORE, NOW)


def test_of_terms_that_share_a_word_one_is_shown() -> None:
    assert without_shared_words(["gaussian splatting", "splatting", "rooms", "Rooms"], 5) == (
        "gaussian splatting",
        "rooms",
    )
    assert without_shared_words(["a", "b", "c"], 2) == ("a", "b")
