"""Search and similar papers over everything stored: for each term, the papers that hold it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from digest.ranking.terms import DIMENSIONS, STEP, Statistics, count_terms


class Hit(NamedTuple):
    """A stored paper and how well it fits, 0 to 1."""

    row: int
    """Its place among the rows the index was built from."""
    score: float


@dataclass(frozen=True, eq=False)
class TermIndex:
    """Stored papers ready to be asked: a question costs as much as its terms are common.

    Holds six bytes a term and paper: 60 MB for 50,000 papers, and building takes a second.
    """

    statistics: Statistics
    postings: csc_matrix
    """[paper, bucket]: weights as whole multiples of `STEP`, which sixteen bits hold exactly."""

    @classmethod
    def build(cls, statistics: Statistics, counts: Iterable[csr_matrix]) -> Self:
        """Weigh raw counts (`unpack_counts` of the stored blobs), one row a paper, some thousand at a time."""
        lengths, buckets, weights = [np.zeros(1, np.int64)], [np.zeros(0, np.int32)], [np.zeros(0, np.uint16)]
        for part in counts:
            weighed = statistics.weigh(part)
            lengths.append(np.diff(weighed.indptr))
            buckets.append(weighed.indices)
            weights.append(np.rint(weighed.data / STEP).astype(np.uint16))
        starts = np.cumsum(np.concatenate(lengths))
        rows = csr_matrix(
            (np.concatenate(weights), np.concatenate(buckets), starts), shape=(len(starts) - 1, DIMENSIONS)
        )
        # Both forms side by side are enough.
        del lengths, buckets, weights
        return cls(statistics, rows.tocsc())

    def search(self, query: str, limit: int = 10, among: NDArray[np.bool_] | None = None) -> list[Hit]:
        """Return the papers that fit the words best, best first; none when no word is known.

        A paper that lacks some of the words counts less by the square of the share that it holds, rare words
        counting more: otherwise one that holds a single one of them often would come first. `among` masks the rows
        that may be found (by date or category).
        """
        query_row = self.statistics.weigh(count_terms([("", query)]))
        fit, held = self._empty(), self._empty()
        share = query_row.data / max(query_row.data.sum(), STEP)
        lists = self._lists(query_row.indices)
        for (rows, weights), weight, part in zip(lists, query_row.data, share, strict=True):
            fit[rows] += weights * np.float32(weight * STEP)
            held[rows] += part
        return self._best(fit * held**2, limit, among)

    def similar(
        self, counts: csr_matrix, limit: int = 10, among: NDArray[np.bool_] | None = None
    ) -> list[Hit]:
        """Return the papers closest to one row of raw counts; mask the paper itself if it is stored."""
        query_row = self.statistics.weigh(counts[:1])
        return self.fitting(query_row.indices, query_row.data, limit, among)

    def fitting(
        self,
        terms: NDArray[np.int32],
        weights: NDArray[np.float32],
        limit: int = 10,
        among: NDArray[np.bool_] | None = None,
    ) -> list[Hit]:
        """Return the papers with the highest products with a vector, such as an interest of the same statistics."""
        fit = self._empty()
        for (rows, held), weight in zip(self._lists(terms), weights, strict=True):
            fit[rows] += held * np.float32(weight * STEP)
        return self._best(fit, limit, among)

    def _empty(self) -> NDArray[np.float32]:
        return np.zeros(self.postings.shape[0], np.float32)

    def _lists(self, terms: NDArray[np.int32]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.uint16]]]:
        """Yield the papers that hold each term, and its weights there; no paper stands twice in a list."""
        starts, ends = self.postings.indptr[terms], self.postings.indptr[terms + 1]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            yield self.postings.indices[start:end], self.postings.data[start:end]

    def _best(self, fit: NDArray[np.float32], limit: int, among: NDArray[np.bool_] | None) -> list[Hit]:
        if among is not None:
            fit[~among] = 0
        found = np.flatnonzero(fit)
        fit = fit[found]
        return [Hit(int(found[index]), float(min(1, fit[index]))) for index in best(fit, limit)]


def best(scores: NDArray[np.float32], limit: int) -> NDArray[np.intp]:
    """Return the places of the highest positive scores, highest first, ties in order of place."""
    # Most scores of typed words are zero: leaving them out first is several times faster than sorting them out.
    positive = np.flatnonzero(scores > 0)
    values = scores[positive]
    limit = min(limit, len(values))
    if limit <= 0:
        return np.zeros(0, np.intp)
    bar = np.partition(values, len(values) - limit)[len(values) - limit]
    indexes: NDArray[np.intp] = positive[values >= bar]
    return indexes[np.argsort(-scores[indexes], kind="stable")][:limit]
