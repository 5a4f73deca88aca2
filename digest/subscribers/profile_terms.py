"""What a profile holds, in words: the terms that count for and against a paper, per interest."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from digest.domain.subscriber import Subscriber
from digest.ranking.profile import Interest
from digest.ranking.spelling import rows_with_terms, spell_terms
from digest.store import feedback as feedback_store
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Connection
from digest.subscribers.profiles import ProfileBuilder

TERMS_SHOWN = 15
AGAINST_SHOWN = 6
_NOTICEABLE = 0.01
"""Share of the strongest term below which one against a paper changes nothing."""
_LOOKED_UP = 12
"""Stored papers an interest's terms are looked up in."""
_RATED = 200
"""The newest of the marked papers, for the terms that only these have."""


@dataclass(frozen=True, slots=True)
class Known:
    """One interest as we keep it."""

    name: str
    size: int
    """How many terms it has in all."""
    terms: tuple[tuple[str, float], ...]
    """The weightiest, each with its share of the strongest one (1 to 0), strongest first."""
    against: tuple[tuple[str, float], ...]
    """Those that count most against a paper, with the same share, less than zero."""


def describe_profile(
    connection: Connection, builder: ProfileBuilder, subscriber: Subscriber
) -> tuple[Known, ...]:
    """Return what is kept about a subscriber's interests; empty for who told us nothing.

    Terms are stored as numbers. They are written as the subscriber wrote them, else as the stored papers do that
    the profile was learned from.
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
    """Return the terms to be shown, the strongest first, those against a paper last."""
    order = np.argsort(-interest.weights, kind="stable")
    least = -_NOTICEABLE * float(interest.weights.max())
    selected = [
        *(place for place in order[:TERMS_SHOWN] if interest.weights[place] > 0),
        *(place for place in order[-AGAINST_SHOWN:] if interest.weights[place] <= least),
    ]
    return {int(interest.terms[place]): float(interest.weights[place]) for place in selected}


def _sources(
    connection: Connection, builder: ProfileBuilder, subscriber: Subscriber, shown: list[dict[int, float]]
) -> Iterator[list[tuple[str, str]]]:
    """Yield the texts that can lend a term its spelling, the subscriber's own words first."""
    yield [("", topic) for topic in subscriber.interests.topics]
    stored_reference = builder.stored_reference(connection)
    rows = rows_with_terms(stored_reference.reference, shown, _LOOKED_UP)
    yield _texts(connection, [int(stored_reference.row_ids[row]) for row in rows])
    said = feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])
    yield _texts(connection, [paper for paper, _ in said[-_RATED:]])


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
