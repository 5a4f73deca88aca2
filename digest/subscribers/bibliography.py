"""Reading a pasted bibliography: arXiv ids and addresses, BibTeX, RIS, a Zotero export in any of these.

Two things are extracted from every form: arXiv ids anywhere in the text, and the contents of title fields.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from digest.errors import BadInput
from digest.papers.identifiers import canonical_id, title_id

MOST_PAPERS = 2000
"""The rest is ignored: a few hundred papers are enough to describe an interest."""
_LONGEST_TITLE = 500
_MOST_TRIED = 2 * MOST_PAPERS
"""The most titles, and the most different ids, of a text that are parsed."""

_ID = re.compile(
    r"(?<![\w./-])(?:[0-9]{4}\.[0-9]{4,5}|[a-z]{2,8}(?:-[a-z]{2,4})?(?:\.[A-Z]{2})?/[0-9]{7})(?:v[0-9]{1,3})?(?![\w-])",
)
_AFTER_SLASH = re.compile(r"(?:abs|pdf|html|arXiv[.:])[/:]?\s?", re.IGNORECASE)
_BRACE_OR_QUOTE = re.compile(r'[{}"]')
_BIBTEX_TITLE = re.compile(r"(?:^|[,\s])title\s{0,9}=\s{0,9}", re.IGNORECASE)
_RIS_TITLE = re.compile(r"^(?:TI|T1)  - (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pasted:
    """The papers that a text names, each once, in the order of the text."""

    ids: tuple[str, ...]
    """Canonical ids."""
    title_ids: tuple[str, ...]
    """Ids derived from titles."""


def read_pasted(text: str) -> Pasted:
    """Return the papers that a text names, possibly none. Never raises."""
    # In an address the id follows a slash; elsewhere, what follows a slash is part of a longer word.
    loose = _AFTER_SLASH.sub(" ", text)
    ids = _first((match[0] for match in _ID.finditer(loose)), _id)
    return Pasted(ids, _first(_titles(text), _title))


def _first(written: Iterable[str], read: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return the different papers that texts name, in order; at most _MOST_TRIED texts are read."""
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
    """Return the BibTeX value at the start of a text, in braces or in quotes; "" if there is none."""
    opening = text[:1]
    if opening not in {"{", '"'}:
        return ""
    depth = 0
    for sign in _BRACE_OR_QUOTE.finditer(text):
        position = sign.start()
        if opening == '"' and sign[0] == '"' and position and not depth:
            return text[1:position]
        depth += (sign[0] == "{") - (sign[0] == "}")
        if opening == "{" and not depth:
            return text[1:position]
    return ""
