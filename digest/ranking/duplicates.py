"""Near-duplicates among papers: titles of one series, and texts that share their rare terms."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from digest.ranking.matching import folded

_DUPLICATE = 0.8

_RARE = 8

_SERIES = re.compile(r" (part|vol|volume|[ivx]+|\d+)(?= )")


def duplicate_groups(titles: Sequence[str], rows: csr_matrix) -> NDArray[np.int32]:
    """Give each paper a number that near-duplicates, and parts of one series, share."""
    size = rows.shape[0]
    if not size:
        return np.zeros(0, np.int32)
    # Only papers that share rare terms can be near-duplicates; that keeps the product small.
    rare = np.bincount(rows.indices, minlength=rows.shape[1]) <= _RARE
    rare_terms = csr_matrix(
        (np.where(rare[rows.indices], rows.data, 0), rows.indices, rows.indptr), rows.shape, copy=True
    )
    rare_terms.eliminate_zeros()
    shared = (rare_terms @ rare_terms.T).tocoo()
    near = (shared.data > _DUPLICATE / 4) & (shared.row < shared.col)
    one, other = shared.row[near], shared.col[near]
    close = (
        np.asarray(rows[one].multiply(rows[other]).sum(axis=1)).ravel() >= _DUPLICATE
        if len(one)
        else near[:0]
    )
    first: dict[str, int] = {}
    same = [
        (first.setdefault(_series(title) or str(index), index), index) for index, title in enumerate(titles)
    ]
    left = np.concatenate([one[close], [a for a, _ in same]]).astype(int)
    right = np.concatenate([other[close], [b for _, b in same]]).astype(int)
    graph = coo_matrix((np.ones(len(left), np.int8), (left, right)), shape=(size, size))
    groups: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return groups


def _series(title: str) -> str:
    """Reduce a title to what all parts of its series share; empty when too little is left to tell."""
    left = _SERIES.sub("", folded(title))
    return left if len(left.split()) >= 3 else ""
