"""The stored papers as a library: trending, search and look-alikes."""

from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from digest.errors import NotFound
from digest.papers.identifiers import canonical_id
from digest.papers.paper import Popularity
from digest.ranking.index import Hit, TermIndex
from digest.ranking.terms import unpack_counts
from digest.ranking.trending import Trend, Watched, explain_trending, popularity_line, trending
from digest.store import papers as store
from digest.store import terms as term_store
from digest.store.database import Connection
from digest.store.papers import StoredPaper

TRENDING_DAYS = timedelta(days=7)


def find_paper(connection: Connection, paper_id: str) -> StoredPaper:
    """Return one stored paper by any form of its id. Raises BadInput or NotFound."""
    wanted = canonical_id(paper_id)
    found = store.find_by_ids(connection, [wanted])
    if wanted not in found:
        raise NotFound(f"There is no paper {wanted} here; fetch or import it first.")
    return found[wanted]


def watched(stored: StoredPaper, snapshots: list[Popularity]) -> Watched:
    """Return a stored paper as trending sees it."""
    categories = stored.paper.categories
    return Watched(categories[0] if categories else "", stored.announced_on, tuple(snapshots))


def trending_papers(
    connection: Connection, now: datetime, since: date | None, category: str | None, top: int
) -> list[tuple[StoredPaper, float, str]]:
    """Return the most trending papers at `now` with their score and popularity line, the hottest first.

    Without `since`, the week up to the newest announcement counts.
    """
    newest = store.newest_announcement(connection, now.date())
    if newest is None:
        return []
    after = newest - TRENDING_DAYS if since is None else since - timedelta(days=1)
    around = [one for one in store.announced_between(connection, after, newest) if not one.paper.withdrawn]
    snapshots = store.popularity_of(connection, [one.number for one in around], now)
    heat = trending([watched(one, snapshots.get(one.number, [])) for one in around], now)
    order = [place for place in np.argsort(-heat, kind="stable") if _in_category(around[place], category)]
    return [
        (around[place], float(heat[place]), popularity_line(snapshots.get(around[place].number, []), now))
        for place in order[:top]
    ]


def explain_trend(connection: Connection, now: datetime, paper_id: str) -> tuple[StoredPaper, Trend]:
    """Return a paper with the numbers behind its trending score, against the papers of the week around it.

    Raises BadInput or NotFound.
    """
    wanted = find_paper(connection, paper_id)
    newest = store.newest_announcement(connection, now.date()) or wanted.announced_on
    after = min(newest - TRENDING_DAYS, wanted.announced_on - timedelta(days=1))
    around = [one for one in store.announced_between(connection, after, newest) if not one.paper.withdrawn]
    others = [one for one in around if one.number != wanted.number]
    papers = [wanted, *others]
    snapshots = store.popularity_of(connection, [one.number for one in papers], now)
    trends = explain_trending([watched(one, snapshots.get(one.number, [])) for one in papers], now)
    return wanted, trends[0]


def _in_category(stored: StoredPaper, category: str | None) -> bool:
    return category is None or any(
        one == category or one.startswith(f"{category}.") for one in stored.paper.categories
    )


class Library:
    """All stored papers, or those since a day and of a category, ready to be asked."""

    def __init__(
        self, connection: Connection, since: date | None = None, category: str | None = None
    ) -> None:
        blobs = store.read_terms(connection)
        self._numbers = list(blobs)
        version = term_store.newest_version(connection) or 0
        self._index = TermIndex.build(
            term_store.read_statistics(connection, version), unpack_counts(list(blobs.values()))
        )
        self._among: NDArray[np.bool_] | None = None
        if since is not None or category is not None:
            wanted = store.numbers_within(connection, since, category)
            self._among = np.isin(np.array(self._numbers), np.array(sorted(wanted), dtype=np.int64))

    def search(self, connection: Connection, query: str, top: int) -> list[tuple[StoredPaper, float]]:
        """Return the papers that fit the words best and how well (cosine), best first."""
        return self._papers(connection, self._index.search(query, top, self._among))

    def similar(self, connection: Connection, paper_id: str, top: int) -> list[tuple[StoredPaper, float]]:
        """Return the papers most like a stored one, best first; itself left out. Raises BadInput or NotFound."""
        stored = find_paper(connection, paper_id)
        counts = unpack_counts(list(store.read_terms(connection, [stored.number]).values()))
        hits = self._index.similar(counts, top + 1, self._among)
        others = [hit for hit in hits if self._numbers[hit.row] != stored.number]
        return self._papers(connection, others[:top])

    def _papers(self, connection: Connection, hits: list[Hit]) -> list[tuple[StoredPaper, float]]:
        numbers = [self._numbers[hit.row] for hit in hits]
        stored = store.find_by_numbers(connection, numbers)
        return [(stored[number], hit.score) for number, hit in zip(numbers, hits, strict=True)]
