"""A subscriber's own library, pasted in: arXiv ids and addresses, BibTeX, RIS, a Zotero export in any of these.

Pure. Whatever the form, two things are looked for: ids that stand anywhere in the text, and titles in the
fields that hold them.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from digest.errors import BadInput
from digest.papers.identifiers import canonical_id, title_id

MOST_PAPERS = 2000
"""More of a library is not read: the newest few hundred say what somebody works on."""
_LONGEST_TITLE = 500
_MOST_TRIED = 2 * MOST_PAPERS
"""Titles and different ids of a text that are looked at more closely."""

_ID = re.compile(
    r"(?<![\w./-])(?:[0-9]{4}\.[0-9]{4,5}|[a-z]{2,8}(?:-[a-z]{2,4})?(?:\.[A-Z]{2})?/[0-9]{7})(?:v[0-9]{1,3})?(?![\w-])",
)
_AFTER_SLASH = re.compile(r"(?:abs|pdf|html|arXiv[.:])[/:]?\s?", re.IGNORECASE)
_BRACE_OR_QUOTE = re.compile(r'[{}"]')
_BIBTEX_TITLE = re.compile(r"(?:^|[,\s])title\s{0,9}=\s{0,9}", re.IGNORECASE)
_RIS_TITLE = re.compile(r"^(?:TI|T1)  - (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pasted:
    """The papers that a pasted text names, each once, in its order."""

    ids: tuple[str, ...]
    """Canonical ids."""
    title_ids: tuple[str, ...]
    """What papers would be called by their titles alone."""


def read_pasted(text: str) -> Pasted:
    """Find the papers that a text names; a text without any gives none. Never raises."""
    # An address has its id right behind a slash, which elsewhere would be part of something longer.
    loose = _AFTER_SLASH.sub(" ", text)
    ids = _first((match[0] for match in _ID.finditer(loose)), _id)
    return Pasted(ids, _first(_titles(text), _title))


def _first(written: Iterable[str], read: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return the different papers that texts name, in their order; the first few thousand texts are read."""
    different = islice(dict.fromkeys(written), _MOST_TRIED)
    found = dict.fromkeys(paper for text in different if (paper := read(text)))
    return tuple(found)[:MOST_PAPERS]


def _id(text: str) -> str | None:
    try:
        return canonical_id(text)
    except BadInput:
        return None


def _title(text: str) -> str | None:
    try:
        return title_id(text[:_LONGEST_TITLE])
    except BadInput:
        return None


def _titles(text: str) -> Iterator[str]:
    for match in islice(_BIBTEX_TITLE.finditer(text), _MOST_TRIED):
        yield _value(text[match.end() : match.end() + 2 * _LONGEST_TITLE])
    for match in _RIS_TITLE.finditer(text):
        yield match[1].strip()


def _value(text: str) -> str:
    """Return the BibTeX value that a text starts with: between braces, or between quotes."""
    opening = text[:1]
    if opening not in {"{", '"'}:
        return ""
    depth = 0
    for sign in _BRACE_OR_QUOTE.finditer(text):
        place = sign.start()
        if opening == '"' and sign[0] == '"' and place and not depth:
            return text[1:place]
        depth += (sign[0] == "{") - (sign[0] == "}")
        if opening == "{" and not depth:
            return text[1:place]
    return ""
