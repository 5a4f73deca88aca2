"""The described profile: its strongest terms first, spelled out."""

from typing import Any

import numpy as np
import pytest

from digest.domain.subscriber import Verdict
from digest.ranking.profile import Interest, Profile
from digest.ranking.terms import count_terms
from digest.store import terms as term_store
from digest.store.database import Database
from digest.subscribers.feedback import record_feedback
from digest.subscribers.preferences import Change, change
from digest.subscribers.profile_terms import AGAINST_SHOWN, TERMS_SHOWN, describe_profile
from digest.subscribers.profiles import ProfileBuilder
from tests.factories import TUESDAY, add_papers, add_subscriber, at, make_papers, subscriber_now

NOW = at(TUESDAY)
SPLATS, ROBOTS = "2603.00004", "2603.00005"


def stored_profile(database: Database, number: int) -> Profile:
    with database.read() as connection:
        return term_store.read_profiles(connection, [number])[number]


def weight_of(interest: Interest, written: str) -> set[float]:
    """Return the profile's weights of all terms of a few words."""
    buckets = count_terms([("", written)]).indices
    return {
        float(weight)
        for term, weight in zip(interest.terms, interest.weights, strict=True)
        if term in buckets
    }


@pytest.mark.parametrize(
    "told",
    [
        {"topics": ["gaussian splatting", "robots that grasp"]},
        {"likes": [SPLATS, "2603.00008"]},
        {"topics": ["protein folding"], "likes": [ROBOTS], "dislikes": [SPLATS, "2603.00008"]},
    ],
    ids=["words", "papers", "everything"],
)
def test_the_strongest_terms_of_topics_and_papers_are_shown(database: Database, told: dict[str, Any]) -> None:
    add_papers(database, *make_papers(40))
    subscriber = add_subscriber(database, **told)
    profile = stored_profile(database, subscriber.id)
    with database.read() as connection:
        known = describe_profile(connection, ProfileBuilder(), subscriber)
    assert [one.name for one in known] == [interest.name for interest in profile.interests]
    for one, interest in zip(known, profile.interests, strict=True):
        assert one.size == len(interest.terms)
        strongest = np.sort(interest.weights[interest.weights > 0])[::-1][:TERMS_SHOWN]
        shares = [share for _, share in one.terms]
        assert shares == pytest.approx((strongest / strongest[0]).tolist())
        weakest = np.sort(interest.weights[interest.weights <= -0.01 * strongest[0]])[:AGAINST_SHOWN]
        assert [share for _, share in one.against] == pytest.approx((weakest / strongest[0]).tolist())
        for term, share in (*one.terms, *one.against):
            assert pytest.approx(share * strongest[0]) in list(weight_of(interest, term)), term


def test_negative_terms_are_shown(database: Database) -> None:
    add_papers(database, *make_papers(40))
    subscriber = add_subscriber(database, topics=["gaussian splatting"])
    builder = ProfileBuilder()
    for number in (1, 5, 9):
        record_feedback(database, builder, subscriber.key, f"2603.{number:05}", Verdict.LESS, NOW)
    with database.read() as connection:
        (known,) = describe_profile(connection, builder, subscriber)
    assert {"robot", "grasping", "tactile"} & {word for term, _ in known.against for word in term.split()}


def test_terms_are_spelled_as_the_subscriber_typed_them(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscriber = add_subscriber(database, topics=["Gaussian Splattings"])
    with database.read() as connection:
        (known,) = describe_profile(connection, ProfileBuilder(), subscriber)
    assert {"Gaussian Splattings", "Gaussian"} <= {term for term, _ in known.terms}


def test_a_subscriber_who_removes_everything_has_no_terms(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscriber = add_subscriber(database, topics=["gaussian splatting"])
    builder = ProfileBuilder()
    change(database, builder, subscriber.address, Change(topics=()), NOW)
    with database.read() as connection:
        assert describe_profile(connection, builder, subscriber_now(database, subscriber.address)) == ()
