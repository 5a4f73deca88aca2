"""More like this, less like this: a subscriber's word on one paper, and what it changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from digest.domain.paper import Paper
from digest.domain.subscriber import Subscriber, Verdict
from digest.papers.identifiers import canonical_id
from digest.papers.search import find_paper
from digest.ranking.naming import Naming
from digest.ranking.profile import NO_PROFILE, Profile
from digest.ranking.terms import unpack_counts
from digest.store import feedback as feedback_store
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Connection, Database
from digest.subscribers.consent import subscriber_of
from digest.subscribers.profiles import ProfileBuilder

TERMS_SHOWN = 5
_NOTICEABLE = 0.002
"""A change of a term's weight below this moves no paper."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a word on a paper did."""

    subscriber: Subscriber
    paper: Paper
    verdict: Verdict | None
    rising: tuple[str, ...]
    """The terms of this paper that count for more from now on, the strongest change first."""
    falling: tuple[str, ...]
    """And those that count for less."""


def record_feedback(
    database: Database,
    builder: ProfileBuilder,
    key: str,
    paper_id: str,
    verdict: Verdict | None,
    now: datetime,
) -> Effect:
    """Keep a subscriber's word on a paper over an earlier one, or take it back with None, and learn from it.

    Raises NotFound for a subscriber or paper that is not here, BadInput for what is no paper id.
    """
    canonical = canonical_id(paper_id)
    with database.read() as connection:
        subscriber_of(connection, key)
        # Reading the background takes its time; done here, it keeps no writer waiting.
        builder.reference(connection)
    with database.begin() as connection:
        subscriber = subscriber_of(connection, key)
        stored = find_paper(connection, canonical)
        before = _profile(connection, subscriber.id)
        earlier = verdict_on(connection, subscriber, stored.row_id)
        feedback_store.save_feedback(connection, subscriber.id, stored.row_id, verdict, now)
        builder.rebuild(connection, [subscriber.id], now)
        after = _profile(connection, subscriber.id)
        counts = unpack_counts(list(paper_store.read_terms(connection, [stored.row_id]).values()))
    buckets = [int(bucket) for bucket in counts.indices]
    shifts = {bucket: _weight(after, bucket) - _weight(before, bucket) for bucket in buckets}
    naming = Naming(stored.paper.title, stored.paper.abstract)
    # Learning one thing moves the rest a little, too; said is what the subscriber asked for.
    rises = verdict == "more" or (verdict is None and earlier == "less")
    falls = verdict == "less" or (verdict is None and earlier == "more")
    return Effect(
        subscriber=subscriber,
        paper=stored.paper,
        verdict=verdict,
        rising=_named(naming, shifts) if rises else (),
        falling=_named(naming, {bucket: -shift for bucket, shift in shifts.items()}) if falls else (),
    )


def verdict_on(connection: Connection, subscriber: Subscriber, paper_row_id: int) -> str | None:
    """Return what a subscriber said of a paper; None when they did not."""
    said = dict(feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, []))
    return said.get(paper_row_id)


def _profile(connection: Connection, subscriber_id: int) -> Profile:
    return term_store.read_profiles(connection, [subscriber_id]).get(subscriber_id, NO_PROFILE)


def _weight(profile: Profile, bucket: int) -> float:
    """Return the weight a term has over all interests together."""
    total = 0.0
    for interest in profile.interests:
        place = int(interest.terms.searchsorted(bucket))
        if place < len(interest.terms) and interest.terms[place] == bucket:
            total += float(interest.weights[place])
    return total


def _named(naming: Naming, weights: dict[int, float]) -> tuple[str, ...]:
    """Write the weightiest terms the way the paper does; a word that stands in a phrase is not said again."""
    noticeable = [bucket for bucket, weight in weights.items() if weight > _NOTICEABLE]
    ordered = sorted(noticeable, key=lambda bucket: (-weights[bucket], bucket))
    spans = (naming.name(bucket) for bucket in ordered)
    return without_shared_words((span.surface for span in spans if span is not None), TERMS_SHOWN)


def without_shared_words(terms: Iterable[str], most: int) -> tuple[str, ...]:
    """Keep the first so many terms that share no word with one before them."""
    chosen: list[str] = []
    words = set[str]()
    for term in terms:
        own = set(term.casefold().replace("-", " ").split())
        if not own & words:
            chosen.append(term)
            words |= own
        if len(chosen) == most:
            break
    return tuple(chosen)
