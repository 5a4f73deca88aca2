"""How a profile is learned: from words and marked papers to the weights of a few hundred terms."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.ranking.background import Background
from digest.ranking.terms import DIMENSIONS, count_terms

Learned = tuple[str, NDArray[np.int32], NDArray[np.float32]]

_FEEDBACK = 20
_LEVEL = 0.3


def learn(
    topics: Sequence[str],
    liked: csr_matrix,
    disliked: csr_matrix,
    background: Background,
    terms_for: Callable[[int], int],
    most: int,
) -> list[Learned]:
    """Return (name, sorted terms, weights) of each interest, at most `most` of them."""
    named = [topic for topic in topics if topic.strip()]
    directions: list[tuple[str, NDArray[np.float32]]] = []
    for topic in named[: most - 1 if liked.shape[0] else most]:
        direction = _of_topic(topic, background)
        if direction.any():
            directions.append((topic, direction))
    if liked.shape[0]:
        directions.append(("papers you marked", _mean(background.statistics.weigh(liked)) - background.mean))
    if disliked.shape[0]:
        against = _mean(background.statistics.weigh(disliked)) - background.mean
        directions = [(name, direction - 0.3 * against) for name, direction in directions]
    if not directions:
        return []
    size = terms_for(len(directions))
    return [(name, *_cut(_levelled(direction, background), size)) for name, direction in directions]


def _levelled(direction: NDArray[np.float32], background: Background) -> NDArray[np.float32]:
    """Scale so that the best fitting half percent of the background scores `_LEVEL` on average."""
    fit = np.sort(background.sample @ direction)[::-1]
    top = float(fit[: max(1, round(len(fit) / 200))].mean()) if len(fit) else 0.0
    return direction * np.float32(_LEVEL / top if top > 0 else 1.0)


def _mean(rows: csr_matrix) -> NDArray[np.float32]:
    return (np.asarray(rows.sum(axis=0)).ravel() / rows.shape[0]).astype(np.float32)


def _of_topic(topic: str, background: Background) -> NDArray[np.float32]:
    """Words, and what the stored papers that fit them best write about."""
    words = background.statistics.weigh(count_terms([("", topic)]))
    direction = _mean(words) if words.nnz else np.zeros(DIMENSIONS, np.float32)
    if not background.papers.shape[0]:
        return direction
    fit = background.papers @ direction
    best = np.argsort(-fit, kind="stable")[:_FEEDBACK]
    best = best[fit[best] > 0]
    if not len(best):
        return direction
    return direction + _mean(background.papers[best]) - background.mean


def _cut(direction: NDArray[np.float32], size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    terms = np.flatnonzero(direction)
    if len(terms) > size:
        terms = terms[np.argsort(-np.abs(direction[terms]), kind="stable")[:size]]
        terms.sort()
    weights = direction[terms]
    return terms.astype(np.int32), weights
