"""Logistic regression around a prior, small and fast enough to run once per subscriber."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Vector = NDArray[np.float64]

_STEPS = 8
_INNER_STEPS = 12


class Table:
    """What is known of each row: sparse columns, and behind them dense ones. Multiplies as one matrix."""

    def __init__(self, sparse: csr_matrix, dense: NDArray[np.float32] | None = None) -> None:
        self.shape = sparse.shape[0], sparse.shape[1] + (0 if dense is None else dense.shape[1])
        self._sparse, self._across = sparse, sparse.T.tocsr()
        self._dense = dense

    def times(self, weights: Vector) -> Vector:
        """Return each row's product with weights of the columns."""
        width = self._sparse.shape[1]
        found: Vector = self._sparse @ weights[:width]
        if self._dense is not None:
            found += self._dense @ weights[width:].astype(np.float32)
        return found

    def sums(self, weights: Vector) -> Vector:
        """Return the sum of each column, the rows weighed."""
        found: Vector = self._across @ weights
        if self._dense is None:
            return found
        return np.concatenate([found, weights.astype(np.float32) @ self._dense])

    def squared(self) -> "Table":
        """Return the table of squares."""
        sparse = self._sparse.copy()
        sparse.data = sparse.data**2
        return Table(sparse, None if self._dense is None else self._dense**2)


def fit(table: Table, labels: Vector, sample_weight: Vector, prior_variance: float, prior: Vector) -> Vector:
    """Return the weights that tell rows marked +1 in `labels` from those marked -1.

    Minimises  |w - prior|^2 / (2 prior_variance) + sum(sample_weight x log(1 + exp(-labels (table w + bias)))):
    with few rows the prior stays, with many the rows decide. Newton's method with conjugate
    gradients inside; the same input gives the same output.
    """
    squared = table.squared()
    change, bias = np.zeros(table.shape[1]), 0.0
    margins = table.times(prior)
    bias = -float(margins.max(initial=0.0)) / 2
    margins = margins + bias
    loss = _loss(margins, labels, sample_weight, change, prior_variance)
    first = 0.0
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(np.clip(labels * margins, -30, 30)))
        pull = -labels * sample_weight * chance
        slope, slope_bias = table.sums(pull) + change / prior_variance, float(pull.sum())
        steepness = float(slope @ slope + slope_bias**2)
        first = first or steepness
        if steepness <= 1e-6 * first:
            break
        curve = sample_weight * chance * (1 - chance)
        move, move_bias = _newton_step(
            table, squared.sums(curve) + 1 / prior_variance, curve, prior_variance, slope, slope_bias
        )
        along = table.times(move) + move_bias
        promised = float(slope @ move + slope_bias * move_bias)
        size = 1.0
        while size > 1e-3:
            new = _loss(margins + size * along, labels, sample_weight, change + size * move, prior_variance)
            if new <= loss + 1e-4 * size * promised:
                break
            size /= 2
        else:
            break
        change, bias, margins, loss = (
            change + size * move,
            bias + size * move_bias,
            margins + size * along,
            new,
        )
    return prior + change


def _loss(
    margins: Vector, labels: Vector, sample_weight: Vector, change: Vector, prior_variance: float
) -> float:
    return float(change @ change / (2 * prior_variance) + sample_weight @ np.logaddexp(0, -labels * margins))


def _newton_step(
    table: Table,
    diagonal: Vector,
    curve: Vector,
    prior_variance: float,
    slope: Vector,
    slope_bias: float,
) -> tuple[Vector, float]:
    """Solve for the Newton step by conjugate gradients, scaled by the diagonal."""
    diagonal_bias = max(float(curve.sum()), 1e-9)
    move, move_bias = np.zeros(len(slope)), 0.0
    rest, rest_bias = -slope, -slope_bias
    way, way_bias = rest / diagonal, rest_bias / diagonal_bias
    size = start = float(rest @ way + rest_bias * way_bias)
    for _ in range(_INNER_STEPS):
        felt = curve * (table.times(way) + way_bias)
        bent, bent_bias = table.sums(felt) + way / prior_variance, float(felt.sum())
        length = size / float(way @ bent + way_bias * bent_bias)
        move, move_bias = move + length * way, move_bias + length * way_bias
        rest, rest_bias = rest - length * bent, rest_bias - length * bent_bias
        scaled, scaled_bias = rest / diagonal, rest_bias / diagonal_bias
        new = float(rest @ scaled + rest_bias * scaled_bias)
        if new <= 0.01 * start:
            break
        way, way_bias = scaled + new / size * way, scaled_bias + new / size * way_bias
        size = new
    return move, move_bias
