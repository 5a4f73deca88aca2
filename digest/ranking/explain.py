"""Why a paper was picked: the subscriber's own words, and the phrases of the paper that carried the score."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.domain.reason_line import RATED
from digest.ranking.naming import Naming, Span
from digest.ranking.profile import Interest
from digest.ranking.terms import Statistics
from digest.ranking.typed_words import Line
from digest.ranking.usage import Usage

Row = tuple[NDArray[np.int32], NDArray[np.float32]]
"""The filled buckets of a paper's weighed row, sorted, and their weights."""

MOST_PHRASES = 2
"""Phrases of the paper in a reason at most."""
_LEAST = 0.03
"""Share of the score below which a phrase is no reason."""
_LEAST_OF_A_WORD = 0.05
"""The same for a single word, which says less."""
_LEAST_OF_A_TYPED_WORD = 0.2
"""The same for a single word out of a line of several."""
_PREFERENCE = {1: 0.6, 2: 1.0, 3: 0.93, 4: 0.85}
"""What the share of a phrase counts, by its number of words: a pair says more than a word, and is short."""
_CORE = 150
"""Terms of an interest, the weightiest, of which a phrase has to hold one."""
_LOOKED_AT = 24
"""Terms of the paper that carried most of the score: phrases are built around them."""
_COMMON_STEM = 0.55
"""Share of a word that two words have in common at their start when one is a form of the other."""
_LEAST_STEM = 4
_LEAST_CAPITALS = 2
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Reason:
    """A term, and the share of the score that goes when it is taken out of the paper."""

    term: str
    """As the paper writes it; words that the subscriber typed are as they typed them."""
    share: float
    buckets: tuple[int, ...]
    """What taking it out means: these entries of the paper's row."""
    is_typed: bool = False
    """Whether these are words of the subscriber."""


def reasons(
    interest: Interest, paper: Row, naming: Naming, statistics: Statistics, most: int = MOST_PHRASES
) -> tuple[Reason, ...]:
    """Name what carried a paper's score: words that the subscriber typed, then up to `most` phrases of the paper.

    `paper` is its row as weighed by `statistics`. A phrase stands for its parts too: setting `buckets` of a reason
    to zero in `paper` lowers the product with `interest` by exactly `share` of it. No bucket is counted in two
    reasons. Empty when the product is not positive or nothing can be named.
    """
    parts = contributions(interest, paper)
    total = sum(parts.values())
    if total <= 0:
        return ()
    found: list[Reason] = []
    usage = Usage(statistics)
    line = Line.read("" if interest.name == RATED else interest.name)
    typed = line.answered(set(paper[0].tolist()), parts, usage)
    if (
        typed is not None
        and typed.is_word
        and len(line.words) > 1
        and _worth(typed, parts) < _LEAST_OF_A_TYPED_WORD * total
    ):
        typed = None
    own = {word.bucket for word in line.words}
    taken: set[int] = set()
    if typed is not None:
        found.append(_taken(typed, parts, total, is_typed=True))
        taken.update(typed.buckets)
    core = _core(interest)
    strongest = nlargest(_LOOKED_AT, parts, key=parts.__getitem__)
    spans = {
        span.words: span
        for bucket in strongest
        for span in naming.phrases(bucket)
        if not (core.isdisjoint(span.buckets) or own.issuperset(span.words))
    }
    while spans and len(found) - (typed is not None) < most:
        best = max(spans.values(), key=lambda span: _worth(span, parts) * _PREFERENCE[len(span.words)])
        del spans[best.words]
        share = _worth(best, parts) / total
        if share < (_LEAST_OF_A_WORD if best.is_word else _LEAST):
            break
        if taken.isdisjoint(best.buckets) and not any(
            _same_thing(best.surface, reason.term) for reason in found
        ):
            found.append(_taken(best, parts, total))
            taken.update(best.buckets)
    return tuple(found)


def contributions(interest: Interest, paper: Row) -> dict[int, float]:
    """Return what each bucket that interest and paper share adds to the score."""
    buckets, weights = paper
    if not len(interest.terms):
        return {}
    indexes = np.searchsorted(interest.terms, buckets)
    indexes[indexes == len(interest.terms)] = 0
    shared = np.flatnonzero(interest.terms[indexes] == buckets)
    added = interest.weights[indexes[shared]] * weights[shared]
    return dict(zip(buckets[shared].tolist(), added.tolist(), strict=True))


def _core(interest: Interest) -> frozenset[int]:
    """Return the buckets of the weightiest terms."""
    order = np.argsort(-interest.weights, kind="stable")[:_CORE]
    return frozenset(interest.terms[order[interest.weights[order] > 0]].tolist())


def _taken(span: Span, parts: dict[int, float], total: float, *, is_typed: bool = False) -> Reason:
    """Make a reason of a phrase and take its buckets out of `parts`."""
    buckets = tuple(bucket for bucket in span.buckets if bucket in parts)
    return Reason(span.surface, sum(parts.pop(bucket) for bucket in buckets) / total, buckets, is_typed)


def _worth(span: Span, parts: Mapping[int, float]) -> float:
    return sum(parts.get(bucket, 0.0) for bucket in span.buckets)


def _same_thing(one: str, other: str) -> bool:
    """Tell whether two terms say the same: one has the abbreviation of the other, or a word of the same stem."""
    ones, others = _WORD.findall(one), _WORD.findall(other)
    return (
        any(_abbreviates(word, others) for word in ones)
        or any(_abbreviates(word, ones) for word in others)
        or any(_same_stem(a.lower(), b.lower()) for a in ones for b in others)
    )


def _abbreviates(word: str, words: Sequence[str]) -> bool:
    """Tell whether a word such as `RAG` or `LLMs` is made of the first letters of words, or of a part of these."""
    capitals = "".join(letter for letter in word if letter.isupper() or letter.isdigit())
    initials = "".join(other[0] for other in words).upper()
    if len(capitals) < _LEAST_CAPITALS or len(initials) < _LEAST_CAPITALS:
        return False
    return capitals in initials or initials in capitals


def _same_stem(one: str, other: str) -> bool:
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return one == other or (shared >= _LEAST_STEM and shared >= _COMMON_STEM * max(len(one), len(other)))


_LEAST_SIMILARITY = 0.2
"""Cosine below which two papers are not close; two papers of one narrow field have about 0.15."""

_LEAST_MARGIN = 1.25
"""How much closer than the next liked paper it must be, or no single one explains the pick."""


def closest(paper: csr_matrix, liked: csr_matrix) -> tuple[int, float] | None:
    """Return the place among `liked` of the one paper that is close to `paper`, and how close (0 to 1).

    Both are weighed rows of the same statistics. None when no liked paper is close, or several alike.
    """
    return closest_each(paper, liked)[0]


def closest_each(papers: csr_matrix, liked: csr_matrix) -> list[tuple[int, float] | None]:
    """Return for each paper what `closest` does."""
    if not liked.shape[0]:
        return [None] * papers.shape[0]
    return [_standing_out(fit) for fit in (papers @ liked.T).toarray()]


def _standing_out(fit: NDArray[np.float32]) -> tuple[int, float] | None:
    first = int(fit.argmax())
    rest = float(np.delete(fit, first).max(initial=0.0))
    if fit[first] < _LEAST_SIMILARITY or fit[first] < _LEAST_MARGIN * rest:
        return None
    return first, min(1.0, float(fit[first]))
