"""Why a paper was picked: the terms of its text that carried the score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.ranking.profile import Interest
from digest.ranking.terms import DIMENSIONS, Phrase, phrases

_LEAST = 0.04


@dataclass(frozen=True, slots=True)
class Reason:
    """A term as the paper writes it, and the share of the score that goes when it is taken out."""

    term: str
    share: float
    buckets: tuple[int, ...]
    """What taking it out means: these entries of the paper's row."""


def reasons(
    interest: Interest, paper: csr_matrix, title: str, abstract: str, most: int = 3
) -> tuple[Reason, ...]:
    """Name up to `most` terms that carried a paper's score, the strongest first.

    `paper` is its one weighed row. A phrase stands for its parts too: setting `buckets` of a reason
    to zero in `paper` lowers the product with `interest` by exactly `share` of it. No bucket is
    counted in two reasons. Empty when the product is not positive.
    """
    parts = contributions(interest, paper)
    total = sum(parts.values())
    if total <= 0:
        return ()
    found: list[Reason] = []
    free = dict(parts)
    spans = list(_spans(phrases(title, abstract), parts))
    while len(found) < most:
        best = max(spans, key=lambda span: _worth(span, free), default=None)
        if best is None or _worth(best, free) < _LEAST * total:
            break
        buckets = tuple(sorted({bucket for bucket in best[1] if bucket in free}))
        share = sum(free.pop(bucket) for bucket in buckets) / total
        found.append(Reason(best[0], share, buckets))
    return tuple(found)


def contributions(interest: Interest, paper: csr_matrix) -> dict[int, float]:
    """Return what each bucket that interest and paper share adds to the score."""
    weights = np.zeros(DIMENSIONS, np.float32)
    weights[interest.terms] = interest.weights
    added: NDArray[np.float32] = weights[paper.indices] * paper.data
    return {int(b): float(v) for b, v in zip(paper.indices, added, strict=True) if v}


Span = tuple[str, frozenset[int]]


def _worth(span: Span, free: dict[int, float]) -> float:
    return sum(free.get(bucket, 0.0) for bucket in span[1])


def _spans(occurrences: Sequence[Phrase], parts: dict[int, float]) -> Iterator[Span]:
    """Yield every readable word and pair with the buckets it stands for."""
    for phrase in occurrences:
        if parts.get(phrase.bucket, 0.0) > 0 and _readable(phrase.surface):
            yield phrase.surface, frozenset((phrase.bucket, *phrase.parts))


def _readable(surface: str) -> bool:
    return not any(c in surface for c in ",;:()[]{}$\\/\"|<>=~_^") and len(surface) <= 48
