"""What a reader told, sorted into interests: one per topic or group of liked papers that stand apart."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.ranking.background import Background
from digest.ranking.index import best
from digest.ranking.learning import DEFAULT, Examples, Tuning, learn, with_neighbours
from digest.ranking.terms import DIMENSIONS, count_terms

Learned = tuple[str, NDArray[np.int32], NDArray[np.float32]]

MARKED = "papers you marked"


def learn_interests(
    topics: Sequence[str],
    liked: csr_matrix,
    disliked: csr_matrix,
    background: Background,
    terms_for: Callable[[int], int],
    most: int,
    tuning: Tuning = DEFAULT,
) -> list[Learned]:
    """Return (name, sorted terms, weights) of each interest, at most `most` of them."""
    against = background.statistics.weigh(disliked)
    groups = list(_of_topics(topics, background, tuning))[: most - 1 if liked.shape[0] else most]
    groups += list(_of_papers(background.statistics.weigh(liked), background, tuning))
    groups = groups[:most]
    size = terms_for(max(1, len(groups)))
    return [(name, *learn(examples, against, background, size, tuning)) for name, examples in groups]


def _of_topics(
    topics: Sequence[str], background: Background, tuning: Tuning
) -> Iterator[tuple[str, Examples]]:
    for topic in topics:
        words = background.statistics.weigh(count_terms([("", topic)]))
        if words.nnz:
            yield topic, _found(words, background, tuning)


def _found(words: csr_matrix, background: Background, tuning: Tuning) -> Examples:
    """Let the stored papers that fit the words best stand for them."""
    typed = np.zeros(DIMENSIONS, np.float32)
    typed[words.indices] = words.data
    fit = background.papers @ typed
    near = best(fit, tuning.found)
    if not len(near):
        return Examples(words, np.ones(1, np.float32), typed)
    return Examples(background.papers[near], fit[near], typed)


def _of_papers(liked: csr_matrix, background: Background, tuning: Tuning) -> Iterator[tuple[str, Examples]]:
    count = liked.shape[0]
    if not count:
        return
    nothing = np.zeros(DIMENSIONS, np.float32)
    examples = Examples(liked, np.full(count, 1 / count, np.float32), nothing)
    weight = tuning.neighbours_weight * min(1.0, 5 / count) ** tuning.fading
    yield MARKED, with_neighbours(examples, background, tuning.neighbours, weight)
