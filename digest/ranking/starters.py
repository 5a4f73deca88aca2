"""Which papers to offer somebody who has typed a few words, so that marking a few of them teaches the most.

The papers that fit the words best are often alike. Each next paper is the one that makes the offered ones represent all
fitting papers best: the sum over these of the similarity to the closest offered paper (facility location; the greedy
choice reaches 63 % of the best one at least, Nemhauser et al., 1978). So every subtheme is offered. How well each paper
fits does not count: weighed by it, the choice is hardly another one than the papers that fit best.
"""

import numpy as np
from scipy.sparse import csr_matrix

OFFERED = 12
AROUND = 60
"""Papers that fit best, of which OFFERED are offered."""


def spread(rows: csr_matrix, count: int) -> list[int]:
    """Return the places of `count` papers of these, the most representative first; all when there are fewer.

    `rows` are weighed rows of length 1.
    """
    # Cosines of TF-IDF rows are small, so a paper would represent itself alone; the root raises them.
    similar = np.sqrt(np.clip((rows @ rows.T).toarray(), 0, 1))
    covered = np.zeros(rows.shape[0], np.float32)
    chosen: list[int] = []
    for _ in range(min(count, rows.shape[0])):
        gains = np.maximum(similar - covered, 0).sum(axis=1)
        gains[chosen] = -1
        chosen.append(int(np.argmax(gains)))
        covered = np.maximum(covered, similar[chosen[-1]])
    return chosen
