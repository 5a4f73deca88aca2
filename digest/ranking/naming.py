"""How the terms of a paper can be written: phrases of its own text that are whole and name a subject."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from digest.ranking.terms import Statistics, occurrences
from digest.ranking.usage import Usage, is_all_general
from digest.ranking.words import (
    STOP_WORDS,
    is_empty_head,
    is_modifier,
    is_noun_like,
    is_participle,
    is_verb_like,
)

_LONGEST = 48
"""Characters of a phrase at most."""
_MOST_WORDS = 4
_BEFORE_PART = re.compile(r"[\w)][-/_'\u2019+@^&.]\Z")
_PART_FOLLOWS = re.compile(r"[-/_'\u2019+@^&.](?=\w)")
_GAP = re.compile(r"\s|-|-(?:[a-z]{1,4}-){1,2}")
"""What may stand between two words of a phrase: a space, a hyphen, or short words inside a compound."""
_PRODUCT = re.compile(r"[a-z][A-Z]|[A-Z][a-z]+[A-Z]|(?<![^\W\d_])\d+(?![dD]\b)[^\W_]|[^\W\d_]\d")
"""The spelling of a name that somebody made up for a model or a data set: `LoCoMo`, `GPT4`; not `3D`."""
_AFTER_SUBJECT = re.compile(
    r"\b(?:we|it|they|you|i|who|which|can|could|may|might|will|would|should|must|cannot|not|do|does|did|let)\s+\Z",
    re.IGNORECASE,
)
"""What stands before a verb."""
_AFTER_TO = re.compile(r"\bto\s+\Z", re.IGNORECASE)
_VERBS_BEHIND_TO_TEXT = """
model plan map measure estimate balance guide reason trace bridge support study design test benchmark rank score
train edit search control cause match limit filter cover fit monitor switch guard
"""
_VERBS_BEHIND_TO = frozenset(_VERBS_BEHIND_TO_TEXT.split())
"""Words that are verbs there and nouns elsewhere."""
_AFTER_PLURAL = re.compile(r"[a-zA-Z]{2}(?<![sui])(?<!ic)s \Z")
"""What stands before a verb or, in a title, before another name."""
_BEFORE_OBJECT = re.compile(
    r"\s+(?:the|an?|its|their|our|your|his|her|this|these|those|that|every|each|no|them|it|us)\b"
)
"""What stands behind a verb and hardly ever behind a plural."""
_PLURAL = re.compile(r"[a-z]{2,}(?<![sui])(?<!ic)s")
"""An ending that a plural and a verb have in common: `closes`; not `physics`, `loss` or `analysis`."""
_FOLLOWING = re.compile(r" ([^\W_]+)")
_NOUN_LIKE_VERB = re.compile(r" (?:use|call|release|play|help|need|focus|display|answer)\b", re.IGNORECASE)
_SINGULAR = frozenset(["lens", "series", "species", "news", "sports", "always", "sales", "systems"])
_INNER_CAPITAL = re.compile(r"(?<=[^\W\d_])[A-Z]")


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring words and every bucket they fill."""

    surface: str
    """As the text writes it: of several spellings the one with the fewest capitals."""
    words: tuple[int, ...]
    """Buckets of its words, in order."""
    buckets: tuple[int, ...]
    """All buckets: its pairs, its words, and the parts of a joint name such as `MotionGPT`."""

    @property
    def is_word(self) -> bool:
        """Whether it is a single word."""
        return len(self.words) == 1


class Naming:
    """The phrases of one paper that can be named. Read once per paper, whatever the number of subscribers."""

    def __init__(self, title: str, abstract: str, statistics: Statistics | None = None) -> None:
        """Read a text. Without `statistics`, every phrase counts as in use."""
        found = occurrences(title, abstract)
        usage = Usage(statistics or Statistics.empty())
        is_verb = _VerbAt(found.text, is_strict=not usage.is_known)
        places: defaultdict[tuple[int, ...], list[_Place]] = defaultdict(list)
        for run in _runs(found.text, found.words.tolist(), found.pairs.tolist(), is_verb):
            for place in _places(found.text, run, usage):
                places[place.words].append(place)
        self._phrases: dict[int, list[Span]] = {}
        for words, same in places.items():
            if not _is_whole(same) or is_all_general(same[0].surface):
                continue
            surface = min((place.surface for place in same), key=_capitals)
            if usage.is_used(surface, words, same[0].pairs, len(same)):
                inner = [bucket for word in words for bucket in found.joint.get(word, ())]
                span = Span(surface, words, tuple(dict.fromkeys([*same[0].pairs, *words, *inner])))
                for bucket in (*same[0].pairs, *words):
                    self._phrases.setdefault(bucket, []).append(span)

    def phrases(self, bucket: int) -> Sequence[Span]:
        """Return the phrases of up to four words that hold a word or a pair."""
        return self._phrases.get(bucket, ())

    def name(self, bucket: int) -> Span | None:
        """Return the shortest phrase that writes a bucket; None when no phrase of the text does."""
        return min(self.phrases(bucket), key=lambda span: len(span.words), default=None)


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the text, with what it may do in a name."""

    bucket: int
    start: int
    end: int
    pair: int
    """Bucket of the pair with the word before in the same run; -1 for the first."""
    role: "_Role"
    is_begin: bool
    """Whether it is not the later part of a compound."""
    is_end: bool
    """Whether it is not the earlier part of a compound."""


class _Role(NamedTuple):
    """What a word, wherever it stands, may do in a name."""

    may_begin: bool
    may_end: bool
    may_be_alone: bool
    continues: bool
    """Whether a name in front of it goes on with it."""


@lru_cache(maxsize=100_000)
def _role(written: str) -> _Role | None:
    """Return the role of a word; None for a verb or a made-up name, which no name holds."""
    lower = written.lower()
    if is_verb_like(lower) or _PRODUCT.search(written):
        return None
    return _Role(
        not is_modifier(lower),
        is_noun_like(lower, is_alone=False),
        is_noun_like(lower, is_alone=True),
        not is_empty_head(lower),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """One place in the text where a phrase stands."""

    surface: str
    words: tuple[int, ...]
    pairs: tuple[int, ...]
    is_begun: bool
    """Whether the word behind it belongs to the name."""
    is_cut: bool
    """Whether it is one name with the word before or behind it."""


def _is_whole(places: Sequence[_Place]) -> bool:
    """Tell whether a phrase stands somewhere as a whole; a compound with hyphens, mostly an adjective, everywhere."""
    surface = places[0].surface
    if "-" in surface and " " not in surface and any(place.is_begun for place in places):
        return False
    return any(not place.is_begun for place in places) and any(not place.is_cut for place in places)


@dataclass(frozen=True, slots=True)
class _VerbAt:
    """Tells by the words around it whether a word is a verb at its place."""

    text: str
    is_strict: bool
    """Whether a word that may be one counts as one: right where no stored papers tell what is a name."""

    def __call__(self, start: int, end: int) -> bool:
        before, word = self.text[max(0, start - 10) : start], self.text[start:end]
        if _AFTER_SUBJECT.search(before) or (_is_plural(word) and _BEFORE_OBJECT.match(self.text, end)):
            return True
        if _AFTER_TO.search(before) and (self.is_strict or word in _VERBS_BEHIND_TO):
            return True
        return self.is_strict and bool(
            (before.endswith(" ") and is_participle(word.lower()) and self._goes_on(end))
            or _AFTER_PLURAL.search(before)
        )

    def _goes_on(self, end: int) -> bool:
        following = _FOLLOWING.match(self.text, end)
        return bool(following and following[1].lower() not in STOP_WORDS)


def _is_plural(word: str) -> bool:
    lower = word.lower()
    return bool(_PLURAL.fullmatch(lower)) and lower not in _SINGULAR


def _runs(
    text: str,
    words: Sequence[Sequence[int]],
    pairs: Sequence[Sequence[int]],
    is_verb: Callable[[int, int], bool],
) -> Iterator[list[_Word]]:
    """Yield runs of words that only spaces and hyphens join; no word in them is a verb or a made-up name.

    A run ends with a plural: nouns before another noun have none, so what follows ("the model closes gaps") is a verb's.
    """
    pair_at = {(start, first, second): pair for pair, start, _, first, second in pairs}
    run: list[_Word] = []
    for bucket, start, end in words:
        if (start and text[start - 1].isalnum()) or (end < len(text) and text[end].isalnum()):
            continue  # a part of a joint name
        before = run[-1] if run else None
        pair = pair_at.get((before.start, before.bucket, bucket), -1) if before else -1
        if before and (
            pair < 0
            or not _GAP.fullmatch(text, before.end, start)
            or (text[before.end] == " " and _is_plural(text[before.start : before.end]))
        ):
            yield run
            run, pair = [], -1
        role = None if is_verb(start, end) else _role(text[start:end])
        if role is None:
            yield run
            run = []
            continue
        is_begin = not _BEFORE_PART.search(text, max(0, start - 2), start)
        is_end = not _PART_FOLLOWS.match(text, end)
        run.append(_Word(bucket, start, end, pair, role, is_begin, is_end))
    yield run


def _places(text: str, run: Sequence[_Word], usage: Usage) -> Iterator[_Place]:
    bound = [
        False,
        *(usage.is_bound(b.pair, a.bucket, b.bucket) for a, b in pairwise(run)),
        False,
    ]
    for first, begin in enumerate(run):
        if not (begin.is_begin and begin.role.may_begin):
            continue
        for last in range(first + 1, min(first + _MOST_WORDS, len(run)) + 1):
            end = run[last - 1]
            may_end = end.role.may_end if last - first > 1 else end.role.may_be_alone
            if not (end.is_end and may_end) or end.end - begin.start > _LONGEST:
                continue
            yield _Place(
                text[begin.start : end.end],
                tuple(word.bucket for word in run[first:last]),
                tuple(word.pair for word in run[first + 1 : last]),
                is_begun=(last < len(run) and run[last].role.continues) or _goes_on(text, end.start, end.end),
                is_cut=bound[first] or bound[last],
            )


def _goes_on(text: str, start: int, end: int) -> bool:
    """Tell whether the name goes on with a noun that is written like a verb: `tool use`, but not `tools use`."""
    return bool(_NOUN_LIKE_VERB.match(text, end)) and not _is_plural(text[start:end])


def _capitals(surface: str) -> tuple[int, int]:
    """Count capitals behind another letter, and all capitals."""
    return len(_INNER_CAPITAL.findall(surface)), sum(map(str.isupper, surface))
