"""What a profile holds, in words: the terms that count for and against a paper, per interest."""

from collections.abc import Iterator
from dataclasses import dataclass

from digest.ranking.explain import Naming
from digest.ranking.profile import Interest
from digest.readers.feedback import apart
from digest.readers.subscriber import Subscriber
from digest.store import papers as paper_store
from digest.store import readers as store
from digest.store import terms as term_store
from digest.store.database import Connection

TERMS_SHOWN = 12
_LOOKED_AT = 200
"""Of each interest, the weightiest terms that a name is sought for."""
_SOURCES = 60
"""Marked papers whose words can lend a name, the newest words first."""


@dataclass(frozen=True, slots=True)
class Known:
    """One interest as we keep it."""

    name: str
    terms: tuple[tuple[str, float], ...]
    """What makes a paper fit, with its share of the strongest term (1 to 0), strongest first."""


def known_interests(connection: Connection, subscriber: Subscriber) -> list[Known]:
    """Return what is kept about a reader's interests; empty for who told us nothing.

    Terms are stored as numbers. They are named by the reader's own words and the papers they marked; a term
    that stands in none of these can not be named and is left out.
    """
    profile = term_store.read_profiles(connection, [subscriber.id]).get(subscriber.id)
    if profile is None:
        return []
    marked = [paper for paper, _ in store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])]
    papers = paper_store.find_by_numbers(connection, marked[-_SOURCES:])
    namings = [Naming(topic, "") for topic in subscriber.interests.topics]
    namings += [Naming(stored.paper.title, stored.paper.abstract) for stored in papers.values()]
    return [Known(interest.name, _terms(interest, namings)) for interest in profile.interests]


def _terms(interest: Interest, namings: list[Naming]) -> tuple[tuple[str, float], ...]:
    heaviest = sorted(range(len(interest.terms)), key=lambda place: -float(interest.weights[place]))
    named: dict[str, float] = {}
    for place in heaviest[:_LOOKED_AT]:
        weight = float(interest.weights[place])
        if weight <= 0:
            break
        for term in _names(int(interest.terms[place]), namings):
            named.setdefault(term, weight)
            break
    strongest = max(named.values(), default=1.0)
    return tuple((term, named[term] / strongest) for term in apart(named, TERMS_SHOWN))


def _names(bucket: int, namings: list[Naming]) -> Iterator[str]:
    for naming in namings:
        span = naming.name(bucket)
        if span is not None:
            yield span.surface
