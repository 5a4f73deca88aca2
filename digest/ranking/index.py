"""Search and similar papers over everything stored: for each term, the papers that hold it."""

from collections.abc import Iterable
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

        `among` masks the rows that may be found (by date or category).
        """
        return self._nearest(count_terms([("", query)]), limit, among)

    def similar(
        self, counts: csr_matrix, limit: int = 10, among: NDArray[np.bool_] | None = None
    ) -> list[Hit]:
        """Return the papers closest to one row of raw counts; mask the paper itself if it is stored."""
        return self._nearest(counts, limit, among)

    def _nearest(self, counts: csr_matrix, limit: int, among: NDArray[np.bool_] | None) -> list[Hit]:
        wanted = self.statistics.weigh(counts[:1])
        starts = self.postings.indptr[wanted.indices].tolist()
        ends = self.postings.indptr[wanted.indices + 1].tolist()
        fit = np.zeros(self.postings.shape[0], np.float32)
        for start, end, weight in zip(starts, ends, wanted.data * np.float32(STEP), strict=True):
            # No paper stands twice in the list of a term, so each gets its share.
            fit[self.postings.indices[start:end]] += self.postings.data[start:end] * weight
        if among is not None:
            fit[~among] = 0
        found = np.flatnonzero(fit)
        fit = fit[found]
        return [Hit(int(found[place]), float(min(1, fit[place]))) for place in best(fit, limit)]


def best(scores: NDArray[np.float32], limit: int) -> NDArray[np.intp]:
    """Return the places of the highest positive scores, highest first, ties in order of place."""
    limit = min(limit, len(scores))
    if limit <= 0:
        return np.zeros(0, np.intp)
    bar = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    places = np.flatnonzero(scores >= bar)
    places = places[np.argsort(-scores[places], kind="stable")][:limit]
    return places[scores[places] > 0]
