"""One paper of a library, and the ids that texts name."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from digest.errors import BadInput
from digest.papers.identifiers import canonical_id
from digest.text.latex import one_line, paragraphs

MOST_ENTRIES = 2000
"""Entries of one library; the rest is ignored: a few hundred papers are enough to describe an interest."""
LONGEST_TITLE = 500
LONGEST_ABSTRACT = 10_000
_LONGEST_LABEL = 100
_LONGEST_TEXT_WITH_IDS = 5_000

_ARXIV_ID = re.compile(
    r"(?<![\w./-])(?:[0-9]{4}\.[0-9]{4,5}|[a-z]{2,8}(?:-[a-z]{2,4})?(?:\.[A-Z]{2})?/[0-9]{7})(?:v[0-9]{1,3})?(?![\w-])",
)
_AFTER_SLASH = re.compile(r"(?:abs|pdf|html|papers|arXiv[.:])[/:]?\s?", re.IGNORECASE)
_DOI = re.compile(r"(?<![\w.])10\.[0-9]{4,9}/[^\s\"<>{}|\\^`]{1,200}", re.ASCII)
_MARKUP = re.compile(
    r"</?(?:i|b|em|strong|italic|bold|sub|sup|sc|scp|span|p|div|br|jats:[a-z]{1,12})(?:\s[^<>]{0,99})?/?>",
    re.IGNORECASE,
)
_NO_ABSTRACT = "[No abstract available]"
_AFTER_DOI = ".,;:'"
_VERSION_OF_PAGE = re.compile(r"(10\.1101/[0-9.]+)v[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a library. It is understood when it has an id, a DOI or a title."""

    label: str
    """What the report calls it: the title, or what the file calls it."""
    title: str = ""
    abstract: str = ""
    paper_id: str = ""
    """The canonical arXiv id."""
    doi: str = ""
    """In lower case. The DOI of an arXiv paper is its arXiv id instead."""

    @property
    def is_understood(self) -> bool:
        """Whether anything tells which paper it is."""
        return bool(self.title or self.paper_id or self.doi)


def entry_of(label: str, title: str = "", abstract: str = "", *naming: str) -> Entry:
    """Return an entry from fields as they are written. `naming` are texts that may hold its arXiv id or its DOI."""
    # The cut bounds the work on a hostile field.
    title = one_line(_plain(title[: 2 * LONGEST_TITLE]))[:LONGEST_TITLE].strip()
    text = " ".join(part[:_LONGEST_TEXT_WITH_IDS] for part in naming if part)
    doi = next(dois_in(text), "")
    paper_id = next(arxiv_ids_in(text), "")
    return Entry(
        label=(title or one_line(label[: 2 * _LONGEST_LABEL]))[:_LONGEST_LABEL],
        title=title,
        abstract=paragraphs(_plain(abstract[:LONGEST_ABSTRACT])) if title else "",
        paper_id=paper_id,
        doi="" if paper_id and doi.startswith("10.48550/") else doi,
    )


def _plain(text: str) -> str:
    """Return a text without the markup that publishers put into titles and abstracts."""
    if "<" in text or "&" in text:
        text = html.unescape(_MARKUP.sub("", text))
    return text.replace(_NO_ABSTRACT, "")


def arxiv_ids_in(text: str) -> Iterator[str]:
    """Yield the canonical arXiv ids that a text names, each once."""
    # In an address the id follows a slash; elsewhere, what follows a slash is part of a longer word.
    loose = _AFTER_SLASH.sub(" ", text)
    written = dict.fromkeys(match[0] for match in islice(_ARXIV_ID.finditer(loose), 2 * MOST_ENTRIES))
    found: dict[str, None] = {}
    for one in written:
        try:
            paper_id = canonical_id(one)
        except BadInput:
            continue
        if paper_id not in found:
            found[paper_id] = None
            yield paper_id


def dois_in(text: str) -> Iterator[str]:
    """Yield the DOIs that a text names, in lower case, each once."""
    found: dict[str, None] = {}
    for match in islice(_DOI.finditer(text), 2 * MOST_ENTRIES):
        doi = match[0].rstrip(_AFTER_DOI)
        while doi.endswith((")", "]")) and doi.count("(") + doi.count("[") < doi.count(")") + doi.count("]"):
            doi = doi[:-1].rstrip(_AFTER_DOI)
        doi = _VERSION_OF_PAGE.sub(r"\1", doi.lower())
        if doi not in found:
            found[doi] = None
            yield doi
