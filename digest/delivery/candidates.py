"""The candidates of a window of days, read once per process and shared by all subscribers with that window."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from hashlib import blake2b, sha256
from threading import Lock
from typing import Any

import numpy as np
from cachetools import LRUCache

from digest.domain.paper import Popularity
from digest.domain.pick import Card, PickReason
from digest.domain.votes import Votes
from digest.papers.identifiers import abstract_url, pdf_url
from digest.papers.links_in_abstracts import named_addresses
from digest.papers.search import trend_input
from digest.ranking.candidates import Candidates
from digest.ranking.explain import reasons
from digest.ranking.profile import Interest
from digest.ranking.terms import Statistics, unpack_counts
from digest.ranking.trending import NEWNESS, trending, votes_of
from digest.ranking.typed_words import interest_in_words
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Connection
from digest.store.papers import StoredPaper
from digest.store.same_works import absorbed_rows
from digest.text.languages import gettext_noop

# Papers get votes for days after they are announced, so a trending paper may be a week old.
TRENDING_DAYS = 7
TRENDING_PAPERS = 200
# A paper that is stored some days after it was announced joins the next edition.
LATE_DAYS = 7
_CACHE_SIZE = 8
_KEPT_REASONS = 50_000


@dataclass(frozen=True, slots=True)
class Window:
    """Which papers are new to a subscriber: those announced in (after, through], and late ones.

    A late paper was announced in the week before `after` and stored later than `seen_after`.
    """

    after: date
    through: date
    seen_after: datetime | None = None


@dataclass(frozen=True)
class StoredCandidates:
    """Candidates, with what the database and the mail need of them. Lists are aligned with `candidates.papers`."""

    window: Window
    candidates: Candidates
    row_ids: list[int]
    earlier_copies: Mapping[int, str]
    """Rows of papers that a candidate repeats under another id, of earlier weeks or of the same work: to the candidate's id."""
    considered: int
    """How many of the papers are new in this window; the others are trending."""
    _stored: list[StoredPaper]
    _popularity: Mapping[int, list[Popularity]]
    _now: datetime
    _cards: dict[int, tuple[str, Card]] = field(default_factory=dict)
    _reasons: dict[tuple[int, int, bytes], PickReason] = field(default_factory=dict)

    def reasons(self, version: int, interest: Interest, key: bytes, index: int) -> PickReason:
        """Return why a paper fits an interest; computed once for each pair.

        `key` is the interest's `interest_key`.
        """
        asked = (version, index, key)
        known = self._reasons.get(asked)
        if known is None:
            if len(self._reasons) >= _KEPT_REASONS:
                self._reasons.clear()
            named = reasons(
                interest,
                self.candidates.row(version, index),
                self.candidates.naming(version, index),
                self.candidates.statistics[version],
            )
            known = self._reasons[asked] = PickReason(
                terms=tuple((reason.term, reason.share) for reason in named),
                is_typed=bool(named) and named[0].is_typed,
                interest=interest_in_words(interest.name),
            )
        return known

    def card(self, index: int) -> tuple[str, Card]:
        """Return a paper's card and its fingerprint."""
        known = self._cards.get(index)
        if known is None:
            stored = self._stored[index]
            card = card_of(stored, votes_of(self._popularity.get(stored.row_id, []), self._now))
            known = self._cards[index] = (fingerprint(card.to_json()), card)
        return known

    @cached_property
    def ids(self) -> dict[int, str]:
        """The candidate's id by row in the database: of the candidates, and of the earlier copies of one."""
        shown = {row_id: paper.id for row_id, paper in zip(self.row_ids, self.candidates.papers, strict=True)}
        return {**self.earlier_copies, **shown}

    @cached_property
    def first_row_id(self) -> int:
        """The lowest row in `ids`; 0 without candidates."""
        return min(self.ids, default=0)


def interest_key(interest: Interest) -> bytes:
    """Return a key that is equal for equal interests, whichever subscriber they belong to."""
    content = interest.name.encode() + interest.terms.tobytes() + interest.weights.tobytes()
    return blake2b(content, digest_size=16).digest()


def fingerprint(document: dict[str, Any]) -> str:
    """Return the same short text for the same JSON document, whatever the order of its keys."""
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]


def card_of(stored: StoredPaper, votes: Votes | None) -> Card:
    """Return a stored paper as mails and pages show it."""
    paper = stored.paper
    links = {**named_addresses(paper.abstract), **paper.links}
    return Card(
        paper_id=paper.id,
        title=paper.title,
        authors=paper.authors,
        abstract=paper.abstract,
        categories=paper.categories,
        announced_on=stored.stated_on,
        abstract_url=abstract_url(paper.id) or paper.links.get("page", ""),
        pdf_url=pdf_url(paper.id) or paper.links.get("pdf", ""),
        links=tuple(
            (label, links[kind])
            for kind, label in (("code", gettext_noop("Code")), ("project", gettext_noop("Project")))
            if kind in links
        ),
        popularity=votes.in_english() if votes else "",
        votes=votes,
        summary=paper.summary,
    )


class CandidateCache:
    """Caches the candidates of the last few windows, and the document frequencies that weigh them.

    Thread-safe: while one thread reads the candidates of a window, the others wait for them.
    """

    def __init__(self) -> None:
        self._preparing = Lock()
        self._candidates: LRUCache[tuple[Any, ...], StoredCandidates] = LRUCache(_CACHE_SIZE)
        self._statistics: dict[int, Statistics] = {}

    def statistics(self, connection: Connection, version: int) -> Statistics:
        """Return one version of the document frequencies, read once."""
        known = self._statistics.get(version)
        if known is None:
            known = self._statistics[version] = term_store.read_statistics(connection, version)
        return known

    def candidates(
        self, connection: Connection, window: Window, versions: Collection[int], now: datetime
    ) -> StoredCandidates:
        """Return the candidates of a window, weighed for profiles of these versions; read again after new papers or votes."""
        newest = (paper_store.newest_row_id(connection), paper_store.newest_snapshot(connection))
        hour = window.seen_after and window.seen_after.replace(minute=0, second=0, microsecond=0)
        window = Window(window.after, window.through, hour)
        key = (window, frozenset(versions), newest, now.date())
        with self._preparing:
            known = self._candidates.get(key)
            if known is None:
                known = self._candidates[key] = self._build(connection, window, versions, now)
            return known

    def _build(
        self, connection: Connection, window: Window, versions: Collection[int], now: datetime
    ) -> StoredCandidates:
        popular_after = window.through - timedelta(days=TRENDING_DAYS)
        around = paper_store.announced_between(
            connection, min(popular_after, window.after - timedelta(days=LATE_DAYS)), window.through
        )
        snapshots = paper_store.popularity_of(connection, [one.row_id for one in around], now)
        trend_scores = trending([trend_input(one, snapshots.get(one.row_id, [])) for one in around], now)
        new = np.array([_is_new(one, window, now) for one in around], bool)
        is_trending = np.array([one.announced_on > popular_after for one in around], bool) & (
            trend_scores > NEWNESS
        )
        most_trending = np.zeros(len(around), bool)
        most_trending[
            [index for index in np.argsort(-trend_scores, kind="stable") if is_trending[index]][
                :TRENDING_PAPERS
            ]
        ] = True
        indexes = np.flatnonzero(new | most_trending).tolist()
        stored = [around[index] for index in indexes]
        blobs = paper_store.read_terms(connection, [one.row_id for one in stored])
        return StoredCandidates(
            window=window,
            candidates=Candidates.build(
                [one.paper for one in stored],
                unpack_counts([blobs[one.row_id] for one in stored]),
                [self.statistics(connection, version) for version in sorted(versions)],
                trend_scores[indexes],
            ),
            row_ids=[one.row_id for one in stored],
            earlier_copies={**_earlier_copies(stored, around), **_absorbed_copies(connection, stored)},
            considered=int(new.sum()),
            _stored=stored,
            _popularity=snapshots,
            _now=now,
        )


def _earlier_copies(shown: list[StoredPaper], around: list[StoredPaper]) -> dict[int, str]:
    by_title = {one.title_id: one.paper.id for one in shown}
    candidate_ids = {one.row_id for one in shown}
    return {
        one.row_id: by_title[one.title_id]
        for one in around
        if one.title_id in by_title and one.row_id not in candidate_ids
    }


def _absorbed_copies(connection: Connection, shown: list[StoredPaper]) -> dict[int, str]:
    ids = {one.row_id: one.paper.id for one in shown}
    return {row: ids[kept] for row, kept in absorbed_rows(connection, ids.keys()).items()}


def _is_new(stored: StoredPaper, window: Window, now: datetime) -> bool:
    if stored.announced_on > window.after:
        return True
    return (
        window.seen_after is not None
        and stored.announced_on > window.after - timedelta(days=LATE_DAYS)
        and window.seen_after < stored.first_seen_at <= now
    )
