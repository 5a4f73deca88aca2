"""Exact words and names: what must stand in a paper, what may not, and who wrote it."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from digest.ranking.words import stem

_WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    return stem(word)


def folded(text: str) -> str:
    """Lower case, no accents, plurals folded, one space around each word; equal for `LLMs` and `llm`."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    words = " ".join(map(_stem, _WORD.findall(text.lower())))
    return f" {words} " if words else ""


def alternatives(word: str) -> tuple[str, ...]:
    """Split `a|b` into the folded phrases any of which will do; empty when nothing is left to look for."""
    return tuple(phrase for phrase in map(folded, word.split("|")) if phrase)


def author_names(author: str) -> tuple[tuple[str, ...], ...]:
    """Return the names of a followed author as `name_parts`: `a|b` are two names of one person."""
    return tuple(parts for parts in map(name_parts, author.split("|")) if parts)


def name_parts(author: str) -> tuple[str, ...]:
    """Fold a name into its words, given names first: `LeCun, Yann` and `Yann LeCun` are the same.

    A family name with a hyphen is one word, a given name with a hyphen two: `Jean-Luc Doe-Smith` has three.
    """
    family, comma, given = author.partition(",")
    text = f"{given} {family}" if comma else author
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = text.translate(_LETTERS).lower()
    return tuple(_WORD.findall(_FAMILY_HYPHENS.sub("", text)))


_FAMILY_HYPHENS = re.compile(r"[-\u2010\u2011](?=[^\W\d_][^\s.]*\s*$)")
"""The hyphens in the last word of a name."""
_LETTERS = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "AE"}
)


def same_author(one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether two names (as `name_parts` gives them) can be one person's.

    The family name (the last word) must be equal; given names are compared one by one as far as both
    go, an initial standing for any name it begins. A family name alone fits nobody but itself.
    """
    if not one or not other or one[-1] != other[-1]:
        return False
    if len(one) == 1 or len(other) == 1:
        return len(one) == len(other)
    return all(_given(a, b) for a, b in zip(one[:-1], other[:-1], strict=False))


def is_by_initials(one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether two names of `same_author` share no given name that is written out: they may be two people's."""
    return not any(len(a) > 1 and a == b for a, b in zip(one[:-1], other[:-1], strict=False))


def _given(one: str, other: str) -> bool:
    if len(one) == 1 or len(other) == 1:
        return one[0] == other[0]
    return one == other
