"""Why a paper was picked: the terms of its text that carried the score, as a person would write them."""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from heapq import nlargest

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.ranking.profile import Interest
from digest.ranking.queries import word_buckets
from digest.ranking.terms import occurrences
from digest.ranking.words import STOP_WORDS, stem

Row = tuple[NDArray[np.int32], NDArray[np.float32]]
"""The filled buckets of a paper's weighed row, sorted, and their weights."""

_LEAST = 0.04
"""Share of the score below which a term is no reason."""

_LEAST_OF_A_WORD = 0.08
"""The same for a single word, which says less."""

_GAIN = 1.2
"""How much more a longer phrase must carry than the shorter one inside it to be named instead."""

_TYPED = 2.0
"""How much more a term counts that holds a word the subscriber typed."""
_GENERAL = frozenset(
    [
        "achieve",
        "applying",
        "based",
        "demonstrate",
        "enable",
        "enabling",
        "existing",
        "explore",
        "following",
        "given",
        "improve",
        "improving",
        "introduce",
        "introducing",
        "learn",
        "leverage",
        "leveraging",
        "let",
        "new",
        "novel",
        "outperform",
        "present",
        "propose",
        "proposed",
        "proposing",
        "reveal",
        "show",
        "toward",
        "towards",
        "use",
        "used",
        "using",
        "via",
    ]
)
"""Verbs and connecting words that do not begin a term."""
_GENERAL_ALONE = frozenset(
    [
        "analysis",
        "application",
        "approach",
        "benchmark",
        "data",
        "dataset",
        "evaluation",
        "experiment",
        "framework",
        "graph",
        "image",
        "input",
        "large",
        "learning",
        "method",
        "model",
        "network",
        "output",
        "paper",
        "performance",
        "prediction",
        "problem",
        "result",
        "study",
        "system",
        "task",
        "training",
    ]
)
"""Words that name no subject by themselves."""
_LONGEST = 48

_UNREADABLE = re.compile(r"[^\w\s'\u2019&+-]|_")

_GAP = re.compile(r"[\s-]")

_HYPHENATED_BEFORE = re.compile(r"(?:[^\W_]+-)+\Z")

_HYPHENATED_AFTER = re.compile(r"(?:-[^\W_]+)+")

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Reason:
    """A term as the paper writes it, and the share of the score that goes when it is taken out."""

    term: str
    share: float
    buckets: tuple[int, ...]
    """What taking it out means: these entries of the paper's row."""


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring words of a paper and every bucket they fill, the joint one of a word or pair first."""

    surface: str
    buckets: tuple[int, ...]

    @property
    def is_word(self) -> bool:
        """Whether it is a single word."""
        return len(self.buckets) == 1


class Naming:
    """How one paper's terms can be named. Read once per paper; names are worked out when asked for."""

    def __init__(self, title: str, abstract: str) -> None:
        self._found = occurrences(title, abstract)
        self._names: dict[int, Span | None] = {}
        self._longer: dict[int, list[Span]] = {}

    def name(self, bucket: int) -> Span | None:
        """Return the best way to write a bucket; None for a pair that only stop words join."""
        if bucket not in self._names:
            self._names[bucket] = self._word(bucket) or self._pair(bucket)
        return self._names[bucket]

    def longer(self, pair: int) -> list[Span]:
        """Return the phrases of three and four words that hold a pair, as they stand in the text."""
        if pair not in self._longer:
            indexes = np.flatnonzero(self._found.pairs[:, 0] == pair).tolist()
            self._longer[pair] = [self._joined(first, last) for first, last in self._chains(indexes)]
        return self._longer[pair]

    def _word(self, bucket: int) -> Span | None:
        same = self._found.words[self._found.words[:, 0] == bucket]
        spellings = [self._whole(start, end) for _, start, end in same.tolist()]
        written = _best_spelling(spellings)
        return _span(written, (bucket, *self._found.joint.get(bucket, ()))) if written else None

    def _pair(self, bucket: int) -> Span | None:
        same = self._found.pairs[self._found.pairs[:, 0] == bucket].tolist()
        spellings = [self._whole(start, end) for _, start, end, _, _ in same]
        written = _best_spelling([one for one in spellings if len(_WORD.findall(one)) <= 2])
        return _span(written, (bucket, *same[0][3:])) if written else None

    def _whole(self, start: int, end: int) -> str:
        """Return a stretch of the text with the hyphenated words at its ends unbroken."""
        text = self._found.text
        before = _HYPHENATED_BEFORE.search(text, max(0, start - _LONGEST), start)
        after = _HYPHENATED_AFTER.match(text, end)
        return text[before.start() if before else start : after.end() if after else end]

    def _chains(self, indexes: list[int]) -> Iterator[tuple[int, int]]:
        """Yield the (first, last) place of the runs of two and three overlapping pairs around each place."""
        pairs = self._found.pairs
        for index in indexes:
            for length in (2, 3):
                for first in range(max(0, index - length + 1), index + 1):
                    last = first + length - 1
                    if last < len(pairs) and (pairs[first + 1 : last + 1, 1] < pairs[first:last, 2]).all():
                        yield first, last

    def _joined(self, first: int, last: int) -> Span:
        run = self._found.pairs[first : last + 1].tolist()
        within = self._found.text[run[0][1] : run[-1][2]]
        written = self._whole(run[0][1], run[-1][2])
        is_name = _is_readable(written) and len(_GAP.split(within)) <= len(run) + 1
        return _span(written, [bucket for pair in run for bucket in (pair[0], *pair[3:])] if is_name else [])


def reasons(interest: Interest, paper: Row, naming: Naming, most: int = 2) -> tuple[Reason, ...]:
    """Name up to `most` terms that carried a paper's score: those with typed words first, then the strongest.

    `paper` is its weighed row. A phrase stands for its parts too: setting `buckets` of a reason to zero
    in `paper` lowers the product with `interest` by exactly `share` of it. No bucket is counted in two
    reasons. One is always named. Empty when the product is not positive or nothing can be named.
    """
    parts = contributions(interest, paper)
    total = sum(parts.values())
    if total <= 0:
        return ()
    typed = frozenset(word_buckets(interest.name).tolist())
    found: list[Reason] = []
    named: set[int] = set()
    # Reasons begin with a strong term; looking at every weak one would cost most of the time.
    strongest = nlargest(8 * most, parts, key=parts.__getitem__)
    every = [span for bucket in strongest if (span := naming.name(bucket))]
    spans = [span for span in every if _says_something(span, typed)] or every
    while spans and len(found) < most:
        best = max(spans, key=lambda span: _worth(span, parts) * (_TYPED if typed & set(span.buckets) else 1))
        best = _lengthened(best, naming, parts, named, typed)
        share = _worth(best, parts) / total
        if found and share < (_LEAST_OF_A_WORD if best.is_word else _LEAST):
            break
        taken = tuple(bucket for bucket in best.buckets if bucket in parts)
        if not any(_same_thing(best.surface, reason.term) for reason in found):
            found.append(Reason(best.surface, share, taken))
            for bucket in taken:
                del parts[bucket]
        # A word is named once: "fast radio bursts" leaves nothing to say to "repeating fast".
        named.update(best.buckets)
        spans = [span for span in spans if named.isdisjoint(span.buckets)]
    return tuple(found)


def _says_something(span: Span, typed: AbstractSet[int]) -> bool:
    """Leave out verbs and general words, alone or at an end of a phrase, unless they were typed."""
    words = [word.lower() for word in _WORD.findall(span.surface)]
    if not words or any(part in STOP_WORDS for word in words for part in word.split("-")[-1:]):
        return False
    if span.buckets[0] in typed:
        return True
    return words[0] not in _GENERAL and (len(words) > 1 or stem(words[0]) not in _GENERAL_ALONE)


def _same_thing(one: str, other: str) -> bool:
    """Tell whether one of two terms is the abbreviation of the other."""
    short, long = sorted((one, other), key=len)
    initials = "".join(word[0] for word in re.split(r"[\s-]+", long) if word).lower()
    return short.lower() in {initials, initials + "s"}


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


def _worth(span: Span, parts: dict[int, float]) -> float:
    worth = 0.0
    for bucket in span.buckets:
        worth += parts.get(bucket, 0.0)
    return worth


def _lengthened(
    span: Span, naming: Naming, parts: dict[int, float], named: set[int], typed: AbstractSet[int]
) -> Span:
    """Return the longer phrase around a pair if the words it adds carry their part of the score."""
    best, bar = span, _worth(span, parts) * _GAIN
    for longer in naming.longer(span.buckets[0]):
        worth = _worth(longer, parts)
        if worth >= bar and named.isdisjoint(longer.buckets) and _says_something(longer, typed):
            best, bar = longer, worth * _GAIN
    return best


def _span(written: str, buckets: Sequence[int]) -> Span:
    return Span(written, tuple(dict.fromkeys(buckets)))


def _is_readable(written: str) -> bool:
    """Leave out what no person would name."""
    return len(written) <= _LONGEST and not _UNREADABLE.search(written)


def _best_spelling(spellings: Sequence[str]) -> str:
    """Return the readable spelling with the fewest capitals, as titles write every word with one; "" if none."""
    readable = [one for one in spellings if _is_readable(one)]
    return min(readable, key=lambda one: sum(map(str.isupper, one)), default="")


_LEAST_SIMILARITY = 0.2
"""Cosine below which two papers are not close; two papers of one narrow field have about 0.15."""

_LEAST_MARGIN = 1.25
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
    if fit[first] < _LEAST_SIMILARITY or fit[first] < _LEAST_MARGIN * rest:
        return None
    return first, min(1.0, float(fit[first]))
