"""Feedback of a subscriber on a paper (more or less like this), and its effect on the profile."""

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
from digest.subscribers.teams import lock_team, share

TERMS_SHOWN = 5
_NOTICEABLE = 0.002
"""Smaller changes of a term's weight do not change the ranking and are not shown."""
_BESIDE_LARGEST = 0.3
"""The same beside the largest change: the small ones follow from it, and are general terms more often."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The result of feedback on a paper."""

    subscriber: Subscriber
    paper: Paper
    verdict: Verdict | None
    rising: tuple[str, ...]
    """Terms of this paper whose weight rose, the largest change first."""
    falling: tuple[str, ...]
    """Terms of this paper whose weight fell, the largest change first."""


def record_feedback(
    database: Database,
    builder: ProfileBuilder,
    key: str,
    paper_id: str,
    verdict: Verdict | None,
    now: datetime,
) -> Effect:
    """Store a subscriber's verdict on a paper and rebuild the profile; None deletes an earlier verdict.

    In a team, the verdict is that of all members.

    Raises NotFound for an unknown subscriber or paper, and BadInput for an invalid paper id.
    """
    canonical = canonical_id(paper_id)
    with database.read() as connection:
        subscriber_of(connection, key)
        # Reading the reference corpus is slow; outside of the write transaction it does not block writers.
        statistics = builder.reference(connection).statistics
    with database.begin() as connection:
        subscriber = subscriber_of(connection, key)
        lock_team(connection, subscriber)
        stored = find_paper(connection, canonical)
        before = _profile(connection, subscriber.id)
        earlier = verdict_on(connection, subscriber, stored.row_id)
        feedback_store.save_feedback(connection, subscriber.id, stored.row_id, verdict, now)
        builder.rebuild(connection, [subscriber.id], now)
        share(connection, builder, subscriber, now, verdicts={stored.row_id: verdict})
        after = _profile(connection, subscriber.id)
        counts = unpack_counts(list(paper_store.read_terms(connection, [stored.row_id]).values()))
    buckets = [int(bucket) for bucket in counts.indices]
    shifts = {bucket: _weight(after, bucket) - _weight(before, bucket) for bucket in buckets}
    # In a small library hardly any term is known to be in use; then every phrase of the paper may be named.
    namings = (
        Naming(stored.paper.title, stored.paper.abstract, statistics),
        Naming(stored.paper.title, stored.paper.abstract),
    )
    # Every change of a profile shifts other weights slightly; only shifts in the requested direction are shown.
    rises = verdict == Verdict.MORE or (verdict is None and earlier == Verdict.LESS)
    falls = verdict == Verdict.LESS or (verdict is None and earlier == Verdict.MORE)
    return Effect(
        subscriber=subscriber,
        paper=stored.paper,
        verdict=verdict,
        rising=_named(namings, shifts) if rises else (),
        falling=_named(namings, {bucket: -shift for bucket, shift in shifts.items()}) if falls else (),
    )


def verdict_on(connection: Connection, subscriber: Subscriber, paper_row_id: int) -> str | None:
    """Return a subscriber's verdict on a paper; None without one."""
    verdicts = dict(feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, []))
    return verdicts.get(paper_row_id)


def _profile(connection: Connection, subscriber_id: int) -> Profile:
    return term_store.read_profiles(connection, [subscriber_id]).get(subscriber_id, NO_PROFILE)


def _weight(profile: Profile, bucket: int) -> float:
    """Return the sum of a term's weights over all interests."""
    total = 0.0
    for interest in profile.interests:
        index = int(interest.terms.searchsorted(bucket))
        if index < len(interest.terms) and interest.terms[index] == bucket:
            total += float(interest.weights[index])
    return total


def _named(namings: Iterable[Naming], weights: dict[int, float]) -> tuple[str, ...]:
    """Return the terms with the largest weights, spelled as in the paper, without terms that share a word.

    The first of `namings` that names any of them counts.
    """
    least = max(_NOTICEABLE, _BESIDE_LARGEST * max(weights.values(), default=0.0))
    noticeable = [bucket for bucket, weight in weights.items() if weight > least]
    ordered = sorted(noticeable, key=lambda bucket: (-weights[bucket], bucket))
    for naming in namings:
        spans = (naming.name(bucket) for bucket in ordered)
        if found := without_shared_words((span.surface for span in spans if span is not None), TERMS_SHOWN):
            return found
    return ()


def without_shared_words(terms: Iterable[str], most: int) -> tuple[str, ...]:
    """Return the first terms, at most `most`, that share no word with an earlier one."""
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
