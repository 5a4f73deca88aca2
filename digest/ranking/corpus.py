"""The papers every profile is learned against, prepared once and shared by all subscribers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from digest.ranking.latent_space import LatentSpace
from digest.ranking.terms import DIMENSIONS, Statistics

_SAMPLE = 1_400
_LATENT_SAMPLE = 6_000
_FEW_COLUMNS = 100
"""Columns up to which their papers are read one column after the other."""


@dataclass(frozen=True, eq=False)
class ReferenceCorpus:
    """Stored papers in the space of one version of the statistics.

    Build it from the newest papers in a fixed order (by day and id): the same papers give the same
    profiles everywhere. 48,000 papers take about 140 MB.
    """

    statistics: Statistics
    terms: NDArray[np.int32]
    """The bucket of each column, those that most papers hold first.

    Nearly all of a product's work is then done in a few columns that stay in the processor's cache: it takes
    a quarter of the time that it takes over the buckets themselves.
    """
    papers: csr_matrix
    """[paper, column]: the weighed rows, where topics look for papers about themselves."""

    @classmethod
    def build(cls, statistics: Statistics, counts: csr_matrix) -> Self:
        """Prepare from raw counts, one row a paper; no rows at all is allowed."""
        rows = statistics.weigh(counts)
        held = np.bincount(rows.indices, minlength=DIMENSIONS)
        terms = np.argsort(-held, kind="stable")[: np.count_nonzero(held)].astype(np.int32)
        indexes = np.zeros(DIMENSIONS, np.int32)
        indexes[terms] = np.arange(len(terms), dtype=np.int32)
        shape = rows.shape[0], len(terms)
        return cls(
            statistics, terms, csr_matrix((rows.data, indexes[rows.indices], rows.indptr), shape=shape)
        )

    @property
    def size(self) -> int:
        """Return how many papers there are."""
        rows: int = self.papers.shape[0]
        return rows

    @property
    def width(self) -> int:
        """Return how many columns there are."""
        return len(self.terms)

    @cached_property
    def indexes(self) -> NDArray[np.int32]:
        """Return the column of each bucket; -1 of those that no paper holds."""
        indexes = np.full(DIMENSIONS, -1, np.int32)
        indexes[self.terms] = np.arange(self.width, dtype=np.int32)
        return indexes

    @cached_property
    def sample_rows(self) -> NDArray[np.int64]:
        """Return evenly spaced rows: what the world writes about when nobody has chosen."""
        return self._spread(_SAMPLE)

    def _spread(self, count: int) -> NDArray[np.int64]:
        return np.unique(np.linspace(0, max(0, self.size - 1), count).astype(np.int64))[: self.size]

    @cached_property
    def sample(self) -> csr_matrix:
        """Return the papers of `sample_rows`."""
        return self.papers[self.sample_rows]

    @cached_property
    def latent_space(self) -> LatentSpace:
        """Return the main directions; finding them takes half a second of CPU."""
        return LatentSpace.fit(self.papers[self._spread(_LATENT_SAMPLE)])

    @cached_property
    def latent(self) -> NDArray[np.float32]:
        """Return how much each paper has of each direction."""
        return self.latent_space.of(self.papers)

    @cached_property
    def prints(self) -> NDArray[np.int64]:
        """Return the fingerprint of each paper."""
        return fingerprints(self.papers)

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """Return the mean row, dense."""
        total = np.bincount(self.papers.indices, self.papers.data, self.width)
        return (total / max(1, self.size)).astype(np.float32)

    @cached_property
    def reach(self) -> NDArray[np.float32]:
        """Return how many scores each column's weight moves: the square root of its root mean square."""
        squares = np.bincount(self.papers.indices, self.papers.data.astype(np.float64) ** 2, self.width)
        return ((squares / max(1, self.size)) ** 0.25).astype(np.float32)

    @cached_property
    def by_term(self) -> csc_matrix:
        """Return the papers that hold each term; 40 MB for 48,000 papers."""
        return self.papers.tocsc()

    def fit(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the product of each paper with weights of the columns; what is beyond them no paper holds."""
        weights = weights[: self.width]
        columns = np.flatnonzero(weights)
        found: NDArray[np.float32]
        if len(columns) > _FEW_COLUMNS:
            found = self.papers @ weights
            return found
        # A typed line has a few terms: only the papers that hold them are read, which takes a tenth of the time.
        # The order is that of the terms in the rows, so that the sums are the same to the last bit.
        found = np.zeros(self.size, np.float32)
        for column in columns[np.argsort(self.terms[columns])].tolist():
            held = slice(self.by_term.indptr[column], self.by_term.indptr[column + 1])
            found[self.by_term.indices[held]] += self.by_term.data[held] * weights[column]
        return found

    def holds(self, column: int) -> NDArray[np.bool_]:
        """Tell which papers hold a term."""
        held = np.zeros(self.size, bool)
        held[
            np.searchsorted(self.papers.indptr, np.flatnonzero(self.papers.indices == column), "right") - 1
        ] = True
        return held


def fingerprints(rows: csr_matrix) -> NDArray[np.int64]:
    """Return a number per row that only rows with the same terms share, but for rare accidents."""
    sums = np.concatenate([[0], np.cumsum(rows.indices, dtype=np.int64)])[rows.indptr]
    prints: NDArray[np.int64] = np.diff(sums) * 65_536 + np.diff(rows.indptr)
    return prints
