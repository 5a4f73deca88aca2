"""Which words of a line, as the subscriber typed it, a paper answers."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

from digest.domain.reason_line import RATED
from digest.ranking.naming import Span
from digest.ranking.queries import REQUEST_WORDS
from digest.ranking.terms import occurrences
from digest.ranking.usage import Usage, is_all_general
from digest.ranking.words import is_modifier, is_noun_like, is_verb_like

_CLAUSE = re.compile(
    r"\b(?:is|are|was|were|be|can|could|should|that|which|who|when|where|how)\b", re.IGNORECASE
)
"""Words between which a name cannot go on."""
_HYPHEN = re.compile(r"-(?=\w)")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class _LineWord:
    bucket: int
    start: int
    end: int
    pair: int | None
    """Bucket of the pair with the word before; None when a sign stands between them."""
    is_joined: bool
    """Whether a hyphen joins it to the word before."""
    is_request: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A typed line and where its words stand."""

    text: str
    words: tuple[_LineWord, ...]

    @classmethod
    @lru_cache(maxsize=4096)
    def read(cls, text: str) -> "Line":
        """Find the words of a line; each line is read once."""
        found = occurrences("", text)
        pairs = {(start, first, second): pair for pair, start, _, first, second in found.pairs.tolist()}
        words: list[_LineWord] = []
        for bucket, start, end in found.words.tolist():
            before = words[-1] if words else None
            between = found.text[before.end : start] if before else ""
            words.append(
                _LineWord(
                    bucket,
                    start,
                    end,
                    None
                    if before is None or _CLAUSE.search(between)
                    else pairs.get((before.start, before.bucket, bucket)),
                    bool(between) and not between[-1].isspace(),
                    found.text[start:end].lower() in REQUEST_WORDS,
                )
            )
        return cls(found.text, tuple(words))

    @property
    def subject(self) -> str:
        """The line without the words of a request at its ends."""
        own = [word for word in self.words if not word.is_request]
        return self._written(own[0].start, own[-1].end) if own else " ".join(self.text.split())

    def answered(self, held: AbstractSet[int], parts: Mapping[int, float], usage: Usage) -> Span | None:
        """Return the stretch of the line that a paper holds and that carried most of its score; None for none.

        `held` are the paper's buckets, `parts` what each added to the score. Unless the paper holds the whole line,
        the stretch has to name a subject and is not cut out of a longer name.
        """
        spans = []
        for first, last in self._stretches(held):
            if last - first < len(self.words):
                first, last = self._trimmed(*self._connected(first, last, held), usage)  # noqa: PLW2901
            if first < last:
                spans.append(self._span(first, last))
        worth = [sum(parts.get(bucket, 0.0) for bucket in span.buckets) for span in spans]
        most = max(range(len(spans)), key=worth.__getitem__, default=None)
        return spans[most] if most is not None and worth[most] > 0 else None

    def _stretches(self, held: AbstractSet[int]) -> Iterator[tuple[int, int]]:
        """Yield where each run of words that the paper holds begins and ends."""
        first = 0
        for at, word in enumerate(self.words):
            is_held = word.bucket in held and not word.is_request
            if not is_held or word.pair is None:
                if first < at:
                    yield first, at
                first = at if is_held else at + 1
        if first < len(self.words):
            yield first, len(self.words)

    def _connected(self, first: int, last: int, held: AbstractSet[int]) -> tuple[int, int]:
        """Leave out words at an end that cuts a row of words, until the paper writes what is left of the row as it is.

        Of "world models robotics" a paper about models and robots does not answer "models robotics".
        """
        while (
            first < last and first and self._is_adjacent(first) and not self._is_written(first, last, held, 1)
        ):
            first += 1
        while (
            first < last < len(self.words)
            and self._is_adjacent(last)
            and not self._is_written(last - 1, first - 1, held, -1)
        ):
            last -= 1
        return first, last

    def _is_written(self, start: int, stop: int, held: AbstractSet[int], step: int) -> bool:
        """Tell whether the paper holds every pair of neighbours from a word to the end of its row."""
        for at in range(start + step, stop, step):
            later = max(at, at - step)
            if not self._is_adjacent(later):
                break
            if self.words[later].pair not in held:
                return False
        return True

    def _trimmed(self, first: int, last: int, usage: Usage) -> tuple[int, int]:
        """Leave out words at both ends until what is left names a subject and is whole."""
        while first < last and (self._is_cut(last, usage) or not self._ends_name(first, last)):
            last -= 1
        while first < last and (self._is_bound(first, usage) or not self._begins_name(first)):
            first += 1
        return (first, last) if first < last and self._ends_name(first, last) else (last, last)

    def _is_cut(self, last: int, usage: Usage) -> bool:
        """Tell whether a name goes on behind a stretch, or a general word hangs on by a preposition."""
        if self._is_bound(last, usage) or _HYPHEN.match(self.text, self.words[last - 1].end):
            return True
        if last < len(self.words) and self._is_adjacent(last) and self._is_general(last):
            return True
        return last > 1 and not self._is_adjacent(last - 1) and self._is_general(last - 1)

    def _is_adjacent(self, at: int) -> bool:
        """Tell whether no word and no sign stands between a word and the one before."""
        return not self.text[self.words[at - 1].end : self.words[at].start].strip(" -")

    def _is_general(self, at: int) -> bool:
        return is_all_general(self.text[self.words[at].start : self.words[at].end])

    def _is_bound(self, at: int, usage: Usage) -> bool:
        """Tell whether a word and the one before are one name."""
        if not 0 < at < len(self.words):
            return False
        before, word = self.words[at - 1], self.words[at]
        return word.is_joined or (
            word.pair is not None and usage.is_bound(word.pair, before.bucket, word.bucket)
        )

    def _begins_name(self, at: int) -> bool:
        word = self._written(self.words[at].start, self.words[at].end).lower()
        return not (is_modifier(word) or is_verb_like(word))

    def _ends_name(self, first: int, last: int) -> bool:
        surface = self._written(self.words[first].start, self.words[last - 1].end)
        words = _WORD.findall(surface.lower())
        return (
            bool(words)
            and not is_verb_like(words[-1])
            and is_noun_like(words[-1], is_alone=len(words) == 1)
            and not is_all_general(surface)
        )

    def _span(self, first: int, last: int) -> Span:
        words = self.words[first:last]
        buckets = tuple(word.bucket for word in words)
        pairs = tuple(word.pair for word in words[1:] if word.pair is not None)
        surface = self._written(words[0].start, words[-1].end)
        return Span(surface, buckets, tuple(dict.fromkeys([*pairs, *buckets])))

    def _written(self, start: int, end: int) -> str:
        return " ".join(self.text[start:end].split())


def interest_in_words(name: str) -> str:
    """Return the name of an interest as a reason has it: without "I work on" and the like."""
    return name if name == RATED else Line.read(name).subject
