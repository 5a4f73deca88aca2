"""The papers every profile is learned against, prepared once and shared by all readers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.ranking.terms import Statistics

_SAMPLE = 2_000


@dataclass(frozen=True, eq=False)
class Background:
    """Stored papers in the space of one version of the statistics.

    Build it from the newest papers in a fixed order (by day and id): the same papers give the same
    profiles everywhere. 48,000 papers take about 90 MB.
    """

    statistics: Statistics
    papers: csr_matrix
    """Weighed rows of all of them, where topics look for papers about themselves."""
    sample: csr_matrix
    """Evenly spaced rows of `papers`: what the world writes about when nobody has chosen."""

    @classmethod
    def build(cls, statistics: Statistics, counts: csr_matrix) -> Self:
        """Prepare from raw counts, one row a paper; no rows at all is allowed."""
        papers = statistics.weigh(counts)
        rows = np.unique(np.linspace(0, papers.shape[0] - 1, _SAMPLE).astype(int)) if papers.shape[0] else []
        return cls(statistics, papers, papers[rows])

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """Return the mean row of the sample, dense."""
        total = np.asarray(self.sample.sum(axis=0)).ravel()
        return (total / max(1, self.sample.shape[0])).astype(np.float32)
