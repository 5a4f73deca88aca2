"""Scores of many subscribers against the papers of an edition: sparse products, a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.ranking.profile import Interest, Profile
from digest.ranking.terms import DIMENSIONS


@dataclass(frozen=True, eq=False)
class Scores:
    """How well each paper fits each subscriber, and which of the subscriber's interests says so."""

    values: NDArray[np.float32]
    """[subscriber, paper], 0 to 1; all zero for a subscriber without interests."""
    interests: NDArray[np.int8]
    """[subscriber, paper], place in the profile of the best matching interest; -1 where there is none."""


def score(profiles: Sequence[Profile], papers: csr_matrix) -> Scores:
    """Score every paper for every subscriber, the best matching interest counting.

    `papers` are rows weighed by the statistics of the version that all these profiles name. Each
    value is the product of an interest with the paper, brought into 0..1, and the same on every machine.
    """
    sizes = np.array([len(profile.interests) for profile in profiles], np.int64)
    found = sizes > 0
    values = np.zeros((len(profiles), papers.shape[0]), np.float32)
    winners = np.full(values.shape, -1, np.int8)
    if not found.any() or not papers.shape[0]:
        return Scores(values, winners)
    products = _products([i for profile in profiles for i in profile.interests], papers)
    if sizes.max() == 1:
        values[found], winners[found] = products, 0
    else:
        starts = np.cumsum(sizes)[found] - sizes[found]
        best = np.maximum.reduceat(products, starts, axis=0)
        index = np.zeros(best.shape, np.int8)
        for step in range(int(sizes.max()) - 1, 0, -1):  # the first of equals wins
            with_step = np.flatnonzero(sizes[found] > step)
            index[with_step] = np.where(
                products[starts[with_step] + step] == best[with_step], np.int8(step), index[with_step]
            )
        tied = products[starts] == best
        index[tied] = 0
        values[found], winners[found] = best, index
    return Scores(_saturated(values), winners)


_LINEAR = np.float32(0.5)
"""Up to this, a score is the product itself."""


def _saturated(products: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring products into 0..1 and keep their order: above a half they approach 1 and never meet it."""
    np.maximum(products, 0, out=products)
    high = products > _LINEAR
    products[high] = 1 - _LINEAR * _LINEAR / products[high]
    return products


_AT_ONCE = 256
"""Interests multiplied together."""


def _products(interests: Sequence[Interest], papers: csr_matrix) -> NDArray[np.float32]:
    """Multiply every interest with every paper, some at a time, by the terms alone that both of them have.

    Most terms of a day's papers are in no profile of a batch; leaving them out makes the product half as much
    work, and its columns few enough for the processor's cache.
    """
    is_held = np.zeros(DIMENSIONS, bool)
    is_held[papers.indices] = True
    columns = np.flatnonzero(is_held)
    lookup = np.full(DIMENSIONS, -1, np.int32)
    lookup[columns] = np.arange(len(columns), dtype=np.int32)
    indexes = lookup[papers.indices]
    products = np.empty((len(interests), papers.shape[0]), np.float32)
    for start in range(0, len(interests), _AT_ONCE):
        batch = interests[start : start + _AT_ONCE]
        at = lookup[np.concatenate([i.terms for i in batch])]
        met = np.flatnonzero(at >= 0)
        at = at[met]
        of = np.repeat(np.arange(len(batch), dtype=np.int32), [len(i.terms) for i in batch])[met]
        shared = np.zeros(len(columns), bool)
        shared[at] = True
        dense = np.zeros((int(shared.sum()), len(batch)), np.float32)
        new = np.cumsum(shared, dtype=np.int32) - 1
        dense[new[at], of] = np.concatenate([i.weights for i in batch])[met]
        held = shared[indexes]
        edges = np.concatenate([[0], np.cumsum(held)])[papers.indptr]
        rows = csr_matrix((papers.data[held], new[indexes[held]], edges), shape=(papers.shape[0], len(dense)))
        products[start : start + _AT_ONCE] = (rows @ dense).T
    return products
