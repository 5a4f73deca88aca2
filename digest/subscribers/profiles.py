"""Keeping profiles true to what subscribers said: built when words or verdicts change, then stored."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import NO_PROFILE, Profile, build_profile
from digest.ranking.terms import unpack_counts
from digest.store import feedback as feedback_store
from digest.store import papers as paper_store
from digest.store import subscribers as subscriber_store
from digest.store import terms as term_store
from digest.store.database import Connection, Database

REFERENCE_PAPERS = 48_000
"""Profiles are learned against the newest so many papers: more than a year of five arXiv categories."""

_CACHE_SIZE = 16

_PAGE = 200


@dataclass(frozen=True, eq=False, slots=True)
class StoredReference:
    """The background papers and which ones they are."""

    reference: ReferenceCorpus
    row_ids: NDArray[np.int64]
    """The row number of each in the database."""


class ProfileBuilder:
    """Builds profiles. Keeps the background papers, some 90 MB, for as long as their version is the newest.

    May be used by several threads.
    """

    def __init__(self) -> None:
        self._stored_reference: StoredReference | None = None
        self._reading = Lock()
        # A subscriber who tries out filters asks for the same profile again and again, and then saves it.
        self._learned = lru_cache(_CACHE_SIZE)(_learn)

    def rebuild(self, connection: Connection, subscriber_ids: Collection[int], now: datetime) -> None:
        """Build and store the profiles of these subscribers anew; who told us nothing keeps none."""
        topics = subscriber_store.read_interests(connection, subscriber_ids)
        verdicts = feedback_store.read_feedback(connection, subscriber_ids)
        rated = {paper for said in verdicts.values() for paper, _ in said}
        blobs = paper_store.read_terms(connection, rated)
        built: dict[int, Profile] = {}
        for subscriber_id in subscriber_ids:
            words = topics[subscriber_id].topics if subscriber_id in topics else ()
            profile = self._build(connection, words, verdicts.get(subscriber_id, []), blobs)
            if profile.interests:
                built[subscriber_id] = profile
        term_store.save_profiles(connection, built, now)
        term_store.delete_profiles(connection, set(subscriber_ids) - built.keys())

    def build(
        self, connection: Connection, topics: Sequence[str], verdicts: Sequence[tuple[int, str]]
    ) -> Profile:
        """Return the profile that somebody would have who said this, the oldest word first; nothing is written."""
        blobs = paper_store.read_terms(connection, {paper for paper, _ in verdicts})
        return self._build(connection, topics, verdicts, blobs)

    def _build(
        self,
        connection: Connection,
        topics: Sequence[str],
        verdicts: Iterable[tuple[int, str]],
        blobs: Mapping[int, bytes],
    ) -> Profile:
        rated: dict[str, list[bytes]] = {"more": [], "less": []}
        for paper, verdict in verdicts:
            if paper in blobs:
                rated[verdict].append(blobs[paper])
        if not topics and not rated["more"]:
            return NO_PROFILE
        return self._learned(
            tuple(topics), tuple(rated["more"]), tuple(rated["less"]), self.reference(connection)
        )

    def reference(self, connection: Connection) -> ReferenceCorpus:
        """Return the papers that profiles are learned against, in the newest version of the term weights."""
        return self.stored_reference(connection).reference

    def stored_reference(self, connection: Connection) -> StoredReference:
        """Return the background papers with their row numbers."""
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
) -> int:
    """Build the profiles anew that name another than the newest term weights; return how many.

    An old profile goes on giving its scores, so this may take its time: a transaction per page. `is_over` is
    asked after each; what is left is for the next time.
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
    return done
