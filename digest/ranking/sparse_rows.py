"""Sparse rows with other columns."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


def widened(rows: csr_matrix, width: int) -> csr_matrix:
    """Return the same rows with empty columns behind them."""
    return csr_matrix((rows.data, rows.indices, rows.indptr), shape=(rows.shape[0], width))


def only(rows: csr_matrix, columns: NDArray[np.intp]) -> csr_matrix:
    """Return these columns of the rows, in order."""
    lookup = np.full(rows.shape[1], -1, np.int32)
    within = columns[: np.searchsorted(columns, rows.shape[1])]
    lookup[within] = np.arange(len(within), dtype=np.int32)
    new = lookup[rows.indices]
    held = np.flatnonzero(new >= 0)
    edges = np.searchsorted(held, rows.indptr).astype(np.int32)
    shape = rows.shape[0], len(columns)
    return csr_matrix((rows.data[held].astype(np.float64), new[held], edges), shape=shape)
