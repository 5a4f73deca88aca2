"""Describes a profile by its terms: those with the largest positive and negative weights, per interest."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from digest.domain.subscriber import Subscriber
from digest.ranking.profile import Interest
from digest.ranking.spelling import rows_with_terms, spell_terms
from digest.store import feedback as feedback_store
from digest.store import library_papers as library_store
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Connection
from digest.subscribers.profiles import ProfileBuilder

TERMS_SHOWN = 15
AGAINST_SHOWN = 6
_NOTICEABLE = 0.01
"""Negative terms below this share of the largest weight are not shown."""
_LOOKED_UP = 12
"""Number of stored papers in which the spelling of an interest's terms is looked up."""
_RATED = 200
"""Number of the newest rated papers in which the spelling of the other terms is looked up."""


@dataclass(frozen=True, slots=True)
class Known:
    """One interest of a stored profile."""

    name: str
    size: int
    """Number of terms."""
    terms: tuple[tuple[str, float], ...]
    """The largest positive weights, as (term, share of the largest weight), in falling order."""
    against: tuple[tuple[str, float], ...]
    """The largest negative weights, likewise, with negative shares; the most negative first."""


def describe_profile(
    connection: Connection, builder: ProfileBuilder, subscriber: Subscriber
) -> tuple[Known, ...]:
    """Return the interests of a subscriber's stored profile; empty without a profile.

    Terms are stored as numbers. Their spelling comes from the subscriber's topics, otherwise from the papers that
    the profile was trained with. A term whose spelling is not found is left out.
    """
    profile = term_store.read_profiles(connection, [subscriber.id]).get(subscriber.id)
    if profile is None:
        return ()
    shown = [_strongest(interest) for interest in profile.interests]
    names: dict[int, str] = {}
    for texts in _sources(connection, builder, subscriber, shown):
        missing = {term for weights in shown for term in weights} - names.keys()
        if not missing:
            break
        names |= spell_terms(missing, texts)
    return tuple(
        _known(interest, weights, names) for interest, weights in zip(profile.interests, shown, strict=True)
    )


def _strongest(interest: Interest) -> dict[int, float]:
    """Return the weights of the terms to be shown: positive ones first, in falling order, then negative ones."""
    order = np.argsort(-interest.weights, kind="stable")
    least = -_NOTICEABLE * float(interest.weights.max())
    selected = [
        *(index for index in order[:TERMS_SHOWN] if interest.weights[index] > 0),
        *(index for index in order[-AGAINST_SHOWN:] if interest.weights[index] <= least),
    ]
    return {int(interest.terms[index]): float(interest.weights[index]) for index in selected}


def _sources(
    connection: Connection, builder: ProfileBuilder, subscriber: Subscriber, shown: list[dict[int, float]]
) -> Iterator[list[tuple[str, str]]]:
    """Yield (title, abstract) texts in which terms are spelled out, the subscriber's topics first."""
    yield [("", topic) for topic in subscriber.interests.topics]
    stored_reference = builder.stored_reference(connection)
    rows = rows_with_terms(stored_reference.reference, shown, _LOOKED_UP)
    yield _texts(connection, [int(stored_reference.row_ids[row]) for row in rows])
    verdicts = feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])
    yield _texts(connection, [paper for paper, _ in verdicts[-_RATED:]])
    kept = library_store.read_library(connection, [subscriber.id]).get(subscriber.id, [])
    yield library_store.texts_of(kept[-_RATED:])


def _texts(connection: Connection, row_ids: list[int]) -> list[tuple[str, str]]:
    found = paper_store.find_by_row_ids(connection, row_ids)
    return [(stored.paper.title, stored.paper.abstract) for stored in found.values()]


def _known(interest: Interest, weights: dict[int, float], names: dict[int, str]) -> Known:
    strongest = max(weights.values(), default=1.0)
    named = [(names[term], weight / strongest) for term, weight in weights.items() if term in names]
    return Known(
        interest.name,
        len(interest.terms),
        tuple(pair for pair in named if pair[1] > 0),
        tuple(sorted((pair for pair in named if pair[1] < 0), key=lambda pair: pair[1])),
    )
