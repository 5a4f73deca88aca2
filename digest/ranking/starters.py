"""Which papers to offer somebody who has typed a few words, so that marking a few of them teaches the most.

The papers that fit the words best are often alike. Each next paper is the one that makes the offered ones represent the
fitting papers best: the sum over these of fit times similarity to the closest offered paper (facility location; the
greedy choice reaches 63 % of the best one at least, Nemhauser et al., 1978). So every subtheme is offered once.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


def spread(rows: csr_matrix, fits: NDArray[np.float32], count: int) -> list[int]:
    """Return the places of up to `count` papers, the most representative first.

    `rows` are weighed rows of length 1 and `fits` say how well each paper fits the words; papers that do not fit are left out.
    """
    fitting = np.flatnonzero(fits > 0)
    similar = (rows[fitting] @ rows[fitting].T).toarray()
    weights = fits[fitting]
    covered = np.zeros(len(fitting), np.float32)
    chosen: list[int] = []
    for _ in range(min(count, len(fitting))):
        gains = np.maximum(similar - covered, 0) @ weights
        gains[chosen] = -1
        best = int(np.argmax(gains))
        chosen.append(best)
        covered = np.maximum(covered, similar[best])
    return [int(fitting[index]) for index in chosen]
