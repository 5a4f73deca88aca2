"""Queries over the stored papers: trending, search and similar papers."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.domain.categories import field_of
from digest.domain.paper import Popularity
from digest.domain.votes import Votes
from digest.errors import BadInput, NotFound
from digest.papers.identifiers import canonical_id
from digest.ranking.index import Hit, TermIndex
from digest.ranking.profile import Profile
from digest.ranking.starters import AROUND, OFFERED, spread
from digest.ranking.terms import unpack_counts
from digest.ranking.trending import Trend, Watched, explain_trending, trend_order, trending, votes_of
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Connection
from digest.store.papers import Listing, StoredPaper
from digest.text.languages import gettext

TRENDING_DAYS = timedelta(days=7)
_CHUNK = 4096
"""Papers per batch; all in one batch would take five times the memory of the result."""


def find_paper(connection: Connection, paper_id: str) -> StoredPaper:
    """Return one stored paper by any form of its id. Raises BadInput or NotFound."""
    canonical = canonical_id(paper_id)
    found = paper_store.find_by_paper_ids(connection, [canonical])
    if canonical not in found:
        raise NotFound(
            gettext("There is no paper %(paper)s here; fetch or import it first.", paper=canonical)
        )
    return found[canonical]


def trend_input(stored: StoredPaper, snapshots: list[Popularity]) -> Watched:
    """Return the input of the trending formula for a stored paper."""
    categories = stored.paper.categories
    return Watched(categories[0] if categories else "", stored.announced_on, tuple(snapshots))


def trending_papers(
    connection: Connection, now: datetime, since: date | None, category: str | None, top: int
) -> list[tuple[StoredPaper, float, Votes | None]]:
    """Return the most trending papers at `now` with score and votes, highest score first.

    Without `since`, the week up to the newest announcement counts. Papers without votes
    follow all others: they are new, not trending.
    """
    newest = paper_store.newest_announcement(connection, now.date())
    if newest is None:
        return []
    after = newest - TRENDING_DAYS if since is None else since - timedelta(days=1)
    around = [
        one for one in paper_store.announced_between(connection, after, newest) if not one.paper.withdrawn
    ]
    snapshots = paper_store.popularity_of(connection, [one.row_id for one in around], now)
    scores = trending([trend_input(one, snapshots.get(one.row_id, [])) for one in around], now)
    votes = [votes_of(snapshots.get(one.row_id, []), now) for one in around]
    fields = [field_of(one.paper.categories[0]) if one.paper.categories else "" for one in around]
    order = [
        index
        # Stable: the order by trend remains within the papers with votes, and within the others.
        for index in sorted(trend_order(fields, scores), key=lambda index: not votes[index])
        if category is None or category in listed_under(around[index].paper.categories)
    ]
    return [(around[index], float(scores[index]), votes[index]) for index in order[:top]]


def explain_trend(connection: Connection, now: datetime, paper_id: str) -> tuple[StoredPaper, Trend]:
    """Return a paper with the parts of its trending score among the papers of the same week.

    Raises BadInput or NotFound.
    """
    stored = find_paper(connection, paper_id)
    if stored.stated_on is None:
        raise BadInput(f"The announcement date of {stored.paper.id} is unknown, so it has no trending score.")
    newest = paper_store.newest_announcement(connection, now.date()) or stored.announced_on
    after = min(newest - TRENDING_DAYS, stored.announced_on - timedelta(days=1))
    around = [
        one for one in paper_store.announced_between(connection, after, newest) if not one.paper.withdrawn
    ]
    others = [one for one in around if one.row_id != stored.row_id]
    papers = [stored, *others]
    snapshots = paper_store.popularity_of(connection, [one.row_id for one in papers], now)
    trends = explain_trending([trend_input(one, snapshots.get(one.row_id, [])) for one in papers], now)
    return stored, trends[0]


def listed_under(categories: Sequence[str]) -> set[str]:
    """Return these categories (`cs.CL`) and their archives and sources (`cs`)."""
    return {*categories, *map(field_of, categories)}


class Found(NamedTuple):
    """A stored paper's id and its similarity, 0 to 1."""

    row_id: int
    fit: float


def read_found(connection: Connection, found: Sequence[Found]) -> list[tuple[StoredPaper, float]]:
    """Return the stored papers of search results, in the same order."""
    stored = paper_store.find_by_row_ids(connection, [one.row_id for one in found])
    return [(stored[one.row_id], one.fit) for one in found]


class Library:
    """A search index over all stored papers. Thread-safe."""

    def __init__(self, connection: Connection) -> None:
        terms = paper_store.read_terms(connection)
        self._row_ids = np.array(list(terms), np.int64)
        version = term_store.newest_version(connection) or 0
        blobs = list(terms.values())
        self._index = TermIndex.build(
            term_store.read_statistics(connection, version),
            (unpack_counts(blobs[start : start + _CHUNK]) for start in range(0, len(blobs), _CHUNK)),
        )
        self._facets = _Facets(paper_store.listings(connection), self._row_ids)

    def search(
        self, query: str, top: int, since: date | None = None, category: str | None = None
    ) -> list[Found]:
        """Return the best matches for the words, best first; `since` and `category` restrict them."""
        return self._found(self._index.search(query, top, self._facets.among(since, category)))

    def similar(
        self,
        connection: Connection,
        row_id: int,
        top: int,
        since: date | None = None,
        category: str | None = None,
    ) -> list[Found]:
        """Return the papers most similar to a stored one, best first, without the paper itself."""
        counts = unpack_counts(list(paper_store.read_terms(connection, [row_id]).values()))
        found = self._found(self._index.similar(counts, top + 1, self._facets.among(since, category)))
        return [one for one in found if one.row_id != row_id][:top]

    def starters(self, connection: Connection, profile: Profile, since: date | None = None) -> list[int]:
        """Return the row ids of papers around a profile's interests, spread over their subthemes."""
        among, interests = self._facets.among(since, None), profile.interests
        each = max(OFFERED, AROUND // max(1, len(interests)))
        hits = [hit for one in interests for hit in self._index.fitting(one.terms, one.weights, each, among)]
        found = {row_id for row_id, _ in self._found(hits)}
        blobs = paper_store.read_terms(connection, found)
        rows = self._index.statistics.weigh(unpack_counts(list(blobs.values())))
        row_ids = list(blobs)
        return [row_ids[place] for place in spread(rows, OFFERED)]

    def _found(self, hits: list[Hit]) -> list[Found]:
        return [Found(int(self._row_ids[hit.row]), hit.score) for hit in hits]


class _Facets:
    """The announcement days of an index's rows, and the rows of each category."""

    def __init__(self, listings: Iterable[Listing], row_ids: NDArray[np.int64]) -> None:
        rows = {row_id: row for row, row_id in enumerate(row_ids.tolist())}
        self._days = np.zeros(len(rows), np.int32)
        of_name: dict[str, list[int]] = {}
        for row_id, announced_on, categories in listings:
            row = rows.get(row_id)
            if row is not None:
                # Day 0 is before every date, so `since` excludes it.
                self._days[row] = announced_on.toordinal() if announced_on else 0
                for name in listed_under(categories):
                    of_name.setdefault(name, []).append(row)
        self._rows = {name: np.array(listed, np.int32) for name, listed in of_name.items()}

    def among(self, since: date | None, category: str | None) -> NDArray[np.bool_] | None:
        """Return a mask of the rows since a day and of a category; None when neither is named."""
        if since is None and category is None:
            return None
        among = np.full(len(self._days), category is None)
        if category is not None:
            among[self._rows.get(category, [])] = True
        if since is not None:
            among &= self._days >= since.toordinal()
        return among
