"""Building and storing profiles: rebuilt when a subscriber's topics or feedback, or the term weights, change."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from digest.domain.subscriber import Verdict
from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import NO_PROFILE, Profile, build_profile
from digest.ranking.terms import count_terms, pack_counts, unpack_counts
from digest.store import feedback as feedback_store
from digest.store import library_papers as library_store
from digest.store import papers as paper_store
from digest.store import subscribers as subscriber_store
from digest.store import terms as term_store
from digest.store.database import Connection, Database

REFERENCE_PAPERS = 48_000
"""Size of the reference corpus (the newest papers): more than a year of five arXiv categories."""

_CACHE_SIZE = 16

_PAGE = 200

Texts = Sequence[tuple[str, str]]
"""(title, abstract) of papers that are not stored; the abstract may be empty."""


@dataclass(frozen=True, eq=False, slots=True)
class StoredReference:
    """The reference corpus and the row ids of its papers."""

    reference: ReferenceCorpus
    row_ids: NDArray[np.int64]
    """The row id of each paper, in the order of the corpus."""


class ProfileBuilder:
    """Builds profiles. Caches the reference corpus (about 140 MB) until a newer version of the term weights is stored.

    May be used by several threads.
    """

    def __init__(self) -> None:
        self._stored_reference: StoredReference | None = None
        self._reading = Lock()
        # A subscriber who changes filters in the preview requests the same profile several times.
        self._learned = lru_cache(_CACHE_SIZE)(_learn)

    def rebuild(self, connection: Connection, subscriber_ids: Collection[int], now: datetime) -> None:
        """Build and store the profiles of these subscribers.

        A subscriber without topics, likes or a library has no profile.
        """
        topics = subscriber_store.read_interests(connection, subscriber_ids)
        verdicts = feedback_store.read_feedback(connection, subscriber_ids)
        rated = {paper for rows in verdicts.values() for paper, _ in rows}
        blobs = paper_store.read_terms(connection, rated)
        libraries = library_store.read_library(connection, subscriber_ids)
        built: dict[int, Profile] = {}
        for subscriber_id in subscriber_ids:
            words = topics[subscriber_id].topics if subscriber_id in topics else ()
            texts = library_store.texts_of(libraries.get(subscriber_id, ()))
            profile = self._build(connection, words, verdicts.get(subscriber_id, []), blobs, texts)
            if profile.interests:
                built[subscriber_id] = profile
        term_store.save_profiles(connection, built, now)
        term_store.delete_profiles(connection, set(subscriber_ids) - built.keys())

    def defer(self, connection: Connection, subscriber_ids: Collection[int], now: datetime) -> None:
        """Store that the profiles of these new subscribers are still to be built.

        `rebuild_outdated` does it, and `build_missing` before their first mail.
        """
        term_store.save_profiles(connection, dict.fromkeys(subscriber_ids, NO_PROFILE), now)

    def build(
        self,
        connection: Connection,
        topics: Sequence[str],
        verdicts: Sequence[tuple[int, str]],
        texts: Texts = (),
    ) -> Profile:
        """Return the profile of these topics, (paper_row_id, verdict) pairs, oldest first, and texts; write nothing."""
        blobs = paper_store.read_terms(connection, {paper for paper, _ in verdicts})
        return self._build(connection, topics, verdicts, blobs, texts)

    def _build(
        self,
        connection: Connection,
        topics: Sequence[str],
        verdicts: Iterable[tuple[int, str]],
        blobs: Mapping[int, bytes],
        texts: Texts,
    ) -> Profile:
        rated: dict[str, list[bytes]] = {Verdict.MORE: [], Verdict.LESS: []}
        for paper, verdict in verdicts:
            if paper in blobs:
                rated[verdict].append(blobs[paper])
        if not topics and not rated[Verdict.MORE] and not texts:
            return NO_PROFILE
        # A library is older evidence than what was marked one by one.
        liked = (*pack_counts(count_terms(texts)), *rated[Verdict.MORE])
        return self._learned(tuple(topics), liked, tuple(rated[Verdict.LESS]), self.reference(connection))

    def reference(self, connection: Connection) -> ReferenceCorpus:
        """Return the reference corpus, in the newest version of the term weights."""
        return self.stored_reference(connection).reference

    def stored_reference(self, connection: Connection) -> StoredReference:
        """Return the reference corpus with the row ids of its papers."""
        version = term_store.newest_version(connection) or 0
        with self._reading:
            if (
                self._stored_reference is None
                or self._stored_reference.reference.statistics.version != version
            ):
                blobs = paper_store.newest_terms(connection, REFERENCE_PAPERS)
                statistics = term_store.read_statistics(connection, version)
                self._stored_reference = StoredReference(
                    ReferenceCorpus.build(statistics, unpack_counts(list(blobs.values()))),
                    np.fromiter(blobs, np.int64, len(blobs)),
                )
                self._learned.cache_clear()
            return self._stored_reference


def _learn(
    topics: tuple[str, ...], liked: tuple[bytes, ...], disliked: tuple[bytes, ...], reference: ReferenceCorpus
) -> Profile:
    return build_profile(topics, unpack_counts(liked), unpack_counts(disliked), reference)


def rebuild_outdated(
    database: Database,
    builder: ProfileBuilder,
    now: datetime,
    is_over: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _done: None,
) -> int:
    """Rebuild the profiles that were built with older term weights; return how many.

    Each page of profiles is one transaction. When `is_over` returns True after a page, the rest is left to the next
    call: an old profile stays valid and gives the same scores as before. `progress` is told how many are done.
    """
    done = 0
    while not (done and is_over()):
        with database.begin() as connection:
            newest = term_store.newest_version(connection) or 0
            page = term_store.outdated_profiles(connection, newest, _PAGE)
            if page:
                builder.rebuild(connection, page, now)
            else:
                term_store.delete_unused_statistics(connection)
                return done
        done += len(page)
        progress(done)
    return done


def build_missing(
    database: Database, builder: ProfileBuilder, subscriber_ids: Collection[int], now: datetime
) -> None:
    """Build the profiles of these subscribers that are still to be built, in transactions of one page."""
    with database.read() as connection:
        missing = term_store.unbuilt_profiles(connection, subscriber_ids)
    for start in range(0, len(missing), _PAGE):
        with database.begin() as connection:
            builder.rebuild(connection, missing[start : start + _PAGE], now)
