"""The papers every profile is learned against, prepared once and shared by all readers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.ranking.terms import DIMENSIONS, Statistics

_SAMPLE = 1_400


@dataclass(frozen=True, eq=False)
class Background:
    """Stored papers in the space of one version of the statistics.

    Build it from the newest papers in a fixed order (by day and id): the same papers give the same
    profiles everywhere. 48,000 papers take about 70 MB.
    """

    statistics: Statistics
    papers: csr_matrix
    """Weighed rows of all of them, where topics look for papers about themselves."""

    @classmethod
    def build(cls, statistics: Statistics, counts: csr_matrix) -> Self:
        """Prepare from raw counts, one row a paper; no rows at all is allowed."""
        return cls(statistics, statistics.weigh(counts))

    @property
    def size(self) -> int:
        """Return how many papers there are."""
        rows: int = self.papers.shape[0]
        return rows

    @cached_property
    def sample_rows(self) -> NDArray[np.int64]:
        """Return evenly spaced rows: what the world writes about when nobody has chosen."""
        return np.unique(np.linspace(0, max(0, self.size - 1), _SAMPLE).astype(np.int64))[: self.size]

    @cached_property
    def sample(self) -> csr_matrix:
        """Return the papers of `sample_rows`."""
        return self.papers[self.sample_rows]

    @cached_property
    def prints(self) -> NDArray[np.int64]:
        """Return the fingerprint of each paper."""
        return fingerprints(self.papers)

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """Return the mean row, dense."""
        total = np.bincount(self.papers.indices, self.papers.data, DIMENSIONS)
        return (total / max(1, self.size)).astype(np.float32)


def fingerprints(rows: csr_matrix) -> NDArray[np.int64]:
    """Return a number per row that only rows with the same terms share, but for rare accidents."""
    sums = np.concatenate([[0], np.cumsum(rows.indices, dtype=np.int64)])[rows.indptr]
    prints: NDArray[np.int64] = np.diff(sums) * 65_536 + np.diff(rows.indptr)
    return prints
