"""Papers of which only the title is known, as in a library whose papers are not stored.

A row of ten words is no row of a hundred. Learned beside whole papers, it teaches how titles differ from abstracts.
So stored papers are told from titles by their own titles, and the stored papers nearest to a title give it a context.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.index import best
from digest.ranking.terms import TITLE_WEIGHT

_NEAREST = 5
"""Stored papers that give a title its context."""
_LEAST_SHARED = 2
"""How many of them must hold a term."""
_AT_ONCE = 64
_LEAST_COUNT = TITLE_WEIGHT - 0.4
"""Counts are recovered from weights, which are rounded."""


def are_titles(counts: csr_matrix) -> NDArray[np.bool_]:
    """Tell which rows of raw counts are of a title alone: each term of a title counts several times."""
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    is_title: NDArray[np.bool_] = np.diff(counts.indptr) > 0
    is_title[row[counts.data < TITLE_WEIGHT]] = False
    return is_title


def with_context(rows: csr_matrix, is_title: NDArray[np.bool_], reference: ReferenceCorpus) -> csr_matrix:
    """Return the rows, each title together with the terms that several of the stored papers nearest to it share.

    Two titles of one field mostly share no word; their contexts do.
    """
    titles = np.flatnonzero(is_title)
    if not reference.size:
        return rows
    rarity = reference.statistics.rarity[reference.terms]
    held = csr_matrix(
        (np.ones(reference.papers.nnz, np.float32), reference.papers.indices, reference.papers.indptr),
        shape=reference.papers.shape,
    )
    postings = reference.papers.T.tocsr()
    parts = []
    for start in range(0, len(titles), _AT_ONCE):
        some = rows[titles[start : start + _AT_ONCE]]
        fits = (some[:, : reference.width] @ postings).toarray()
        near = [best(fit, _NEAREST) for fit in fits]
        edges = np.concatenate([[0], np.cumsum([len(one) for one in near])])
        chosen = csr_matrix(
            (np.ones(edges[-1], np.float32), np.concatenate(near), edges), shape=(len(near), reference.size)
        )
        shared = chosen @ held
        shared.data = np.where(shared.data >= _LEAST_SHARED, rarity[shared.indices], 0).astype(np.float32)
        shared.resize(some.shape)
        parts.append(_unit(some + _unit(shared)))
    order = np.arange(rows.shape[0])
    order[titles] = rows.shape[0] + np.arange(len(titles))
    placed: csr_matrix = vstack([rows, *parts], format="csr", dtype=np.float32)[order]
    return placed


def _unit(rows: csr_matrix) -> csr_matrix:
    """Return rows of unit length."""
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    lengths = np.sqrt(np.bincount(row, rows.data.astype(np.float64) ** 2, rows.shape[0]))
    rows.data = (rows.data / np.maximum(lengths[row], 1e-9)).astype(np.float32)
    return rows


def as_titles(rows: csr_matrix, share: float, reference: ReferenceCorpus) -> csr_matrix:
    """Return rows of the reference corpus with this share of them, evenly spread, reduced to their titles.

    The terms of a title are those that count as often as a title's; a word that the abstract repeats is one of them.
    """
    steps = np.floor(np.arange(rows.shape[0] + 1) * share)
    is_reduced = np.repeat(np.diff(steps) > 0, np.diff(rows.indptr))
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    rarity = reference.statistics.rarity[reference.terms][rows.indices]
    # A weight is (1 + ln count) x rarity x the scale of its row, and the least count of a row is 1.
    damped = rows.data / rarity
    scale = np.full(rows.shape[0], np.inf, np.float32)
    np.minimum.at(scale, row, damped)
    is_of_title = np.exp(damped / scale[row] - 1) >= _LEAST_COUNT
    reduced = rows.copy()
    reduced.data = np.where(is_reduced, np.where(is_of_title, rarity, 0), rows.data).astype(np.float32)
    reduced.eliminate_zeros()
    return _unit(reduced)
