"""A line of words as the subscriber typed it: which interests it lists, and which of its words say what is meant."""

import re

import numpy as np
from numpy.typing import NDArray

from digest.ranking.terms import count_terms, occurrences

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


def word_buckets(text: str) -> NDArray[np.int32]:
    """Return the buckets of the single words of a text, sorted."""
    return np.unique(occurrences("", text).words[:, 0])
