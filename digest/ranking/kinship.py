"""Which one liked paper explains a pick best, for *close to <title>*."""

import numpy as np
from scipy.sparse import csr_matrix

_LEAST = 0.2
"""Cosine below which two papers are not close; two papers of one narrow field have about 0.15."""
_BEYOND = 1.25
"""How much closer than the next liked paper it must be, or no single one explains the pick."""


def closest(paper: csr_matrix, liked: csr_matrix) -> tuple[int, float] | None:
    """Return the place among `liked` of the one paper that is close to `paper`, and how close (0 to 1).

    Both are weighed rows of the same statistics. None when no liked paper is close, or several alike.
    """
    if not liked.shape[0]:
        return None
    fit = (liked @ paper.T).toarray().ravel()
    first = int(fit.argmax())
    rest = float(np.delete(fit, first).max(initial=0.0))
    if fit[first] < _LEAST or fit[first] < _BEYOND * rest:
        return None
    return first, min(1.0, float(fit[first]))
