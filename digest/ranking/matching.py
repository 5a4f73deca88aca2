"""Exact words and names: what must stand in a paper, what may not, and who wrote it."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from digest.domain.orcid import is_orcid
from digest.ranking.words import stem

_WORD = re.compile(r"[^\W_]+")
_LEAST_SHARE = 0.2
"""Share of the papers with its most frequent name that a name of an ORCID iD needs."""


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
    """Return the names of a followed author as `name_parts`: `a|b` are two names of one person; ORCID iDs are left out."""
    return tuple(parts for name in author.split("|") if not is_orcid(name) and (parts := name_parts(name)))


def author_orcids(author: str) -> frozenset[str]:
    """Return the ORCID iDs among the names of a followed author."""
    return frozenset(filter(is_orcid, author.split("|")))


def with_seen_names(author: str, seen: Mapping[str, Mapping[str, int]]) -> str:
    """Return a followed author with the names under which their ORCID iDs were seen added: `iD|Jane Doe`.

    `seen` has, for each iD, the names and the numbers of papers that print them beside it. A name that is much rarer
    than the most frequent one is left out, as it may be a mistake, and so is a short form of another one: `J. Doe`
    alone would fit people whose given name is known to differ.
    """
    names: dict[str, None] = {}
    for orcid in sorted(author_orcids(author)):
        counts = seen.get(orcid, {})
        usual = max(counts.values(), default=0) * _LEAST_SHARE
        names |= dict.fromkeys(name.replace("|", " ") for name, count in counts.items() if count >= usual)
    folded_names = {name: name_parts(name) for name in names}
    full = [
        name
        for name, parts in folded_names.items()
        if parts and not any(_is_short_form(parts, other) for other in folded_names.values())
    ]
    return "|".join(dict.fromkeys([*author.split("|"), *full]))


def _is_short_form(name: Sequence[str], other: Sequence[str]) -> bool:
    return same_author(name, other) and len("".join(name)) < len("".join(other))


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
