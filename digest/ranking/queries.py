"""A line of words as the subscriber typed it: which interests it lists, and which of its words say what is meant."""

import re

import numpy as np
from numpy.typing import NDArray

from digest.ranking.terms import count_terms, occurrences
from digest.ranking.words import stem

# Words of a request, not of a subject: "I work on ...", "my group studies whether ...", "we want to ...".
# In the INQUERY tradition these are removed from questions but stay in papers (stop structures: Callan et al., 1992).
_REQUEST = """
am area articles ask asks automatically build building develop developing especially field find finding follow
following group help helps i'm interest interested interests interesting keep lab latest like looking look love
mainly make makes making mostly need needs new news paper papers particularly people phd recent research
researcher researching stuff student studied studies study studying team things topic topics tries try trying
use used using want wants ways way work worked working works
"""
REQUEST_WORDS = frozenset(_REQUEST.split())
_LIST = re.compile(r"[,;\n]+")
_AND = re.compile(r"\s+(?:and|&|plus)\s+", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


def listed(line: str) -> list[str]:
    """Split a line at commas, semicolons and line ends; the parts that say something, in order."""
    return [part for part in map(str.strip, _LIST.split(line)) if _WORD.search(part)]


def joined_by_and(part: str) -> list[str]:
    """Split at *and*; one part when there is none."""
    return [piece for piece in map(str.strip, _AND.split(part)) if piece]


def subject(text: str) -> str:
    """Return the text without the words of a request; the text itself when nothing else is in it.

    A comma marks where words were removed, so that what stood around them does not become a pair.
    """
    kept = _WORD.sub(lambda match: "," if match.group().lower() in REQUEST_WORDS else match.group(), text)
    return kept if count_terms([("", kept)]).nnz else text


# Endings, and those that other forms of such a word have: "detecting" and "detection", "summaries" and "summarization".
_ENDINGS = (
    ("ing", ("ion", "", "ation", "er", "ed")),
    ("ion", ("", "ing", "or")),
    ("ation", ("e", "ing", "")),
    ("ies", ("ization", "ize")),
    ("y", ("ization", "ize")),
    ("s", ("ization",)),
    ("", ("ing", "ion")),
)
_LEAST_ROOT = 5
"""Letters that two forms of a word have in common at least."""


def word_forms(word: str) -> list[str]:
    """Return how other forms of a word would be written; many of them are no words."""
    lower = word.lower()
    forms = [
        lower[: len(lower) - len(ending)] + other
        for ending, others in _ENDINGS
        if lower.endswith(ending) and len(lower) - len(ending) >= _LEAST_ROOT
        for other in others
    ]
    return [form for form in dict.fromkeys(forms) if stem(form) != stem(lower)]


def words_of(text: str) -> list[str]:
    """Return the single words of a text, in order."""
    found = occurrences("", text)
    return [found.text[start:end] for _, start, end in found.words.tolist()]


def word_buckets(text: str) -> NDArray[np.int32]:
    """Return the buckets of the single words of a text, sorted."""
    return np.unique(occurrences("", text).words[:, 0])
