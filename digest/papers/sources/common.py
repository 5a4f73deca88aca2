"""The types that every feed and file yields, and building a paper from raw fields.

Every source is an iterator of feed items and rejected items. The good items of an incomplete batch are yielded
before the error is raised, so a caller that stores as it reads keeps them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar
from urllib.parse import urlsplit

from digest.domain.orcid import parse_orcid
from digest.domain.paper import FeedItem, Paper
from digest.domain.source_categories import CATEGORY_FORM
from digest.errors import BadInput, TryLater
from digest.papers.identifiers import canonical_id, title_id
from digest.text.characters import visible
from digest.text.latex import one_line, paragraphs
from digest.text.markup import plain_line, plain_paragraphs

LONGEST_TITLE = 1_000
LONGEST_ABSTRACT = 20_000
LONGEST_NAME = 1_000
LONGEST_SUMMARY = 2_000
"""Characters of a summary that are read."""
MOST_AUTHORS = 10_000
MOST_CATEGORIES = 100
MOST_REJECTED = 1_000
"""Items of one document; a feed with more of them counts as broken."""
LONGEST_COMMENT = 2_000
"""Characters of an author's comment that are read."""

_WITHDRAWN_COMMENT = re.compile(
    r"\b(?:withdrawn|withdraws)\b(?!\s+from\b(?!\s+(?:the\s+)?arxiv\b))", re.IGNORECASE
)
_WITHDRAWN_ABSTRACT = re.compile(
    r"\A\W*(?:(?:this|the|our)\s+)?(?:paper|article|submission|manuscript|preprint|work|version|authors?)\b"
    r"[^.]{0,60}\bwithdr(?:awn|ew)\b|\A\W*(?:withdrawn|retracted)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item of a feed or file that cannot be used."""

    where: str
    """File and line (`papers.jsonl:12`), or the feed's name and the item's number."""
    reason: str
    """One sentence."""


Found = Iterator[FeedItem | Rejected]


class Source(Protocol):
    """A feed of papers."""

    @property
    def name(self) -> str:
        """The name in settings and on the command line."""

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield the items of the days from `since` to `now`.

        Raises TryLater when the feed does not answer and StopRun when it refuses the request, each after
        all good items.
        """


_Document = TypeVar("_Document")
_Others = ParamSpec("_Others")


def stopping_at_many_rejects(
    read: Callable[Concatenate[_Document, str, _Others], Found],
) -> Callable[Concatenate[_Document, str, _Others], Found]:
    """Decorate a reader of documents: it raises TryLater after MOST_REJECTED rejected items."""

    @wraps(read)
    def reading(document: _Document, name: str, /, *others: _Others.args, **named: _Others.kwargs) -> Found:
        rejected = 0
        for item in read(document, name, *others, **named):
            yield item
            rejected += isinstance(item, Rejected)
            if rejected >= MOST_REJECTED:
                raise TryLater(f"{name}: {rejected:,} items cannot be used; the rest was not read.")

    return reading


def make_paper(
    *,
    paper_id: str,
    title: str,
    abstract: str,
    authors: Sequence[str] = (),
    categories: Sequence[str] = (),
    announced_on: date | None = None,
    comment: str = "",
    withdrawn: bool = False,
    links: dict[str, str] | None = None,
    summary: str = "",
    is_tex: bool = True,
) -> Paper:
    """Build a paper from a feed's raw fields; with an empty `paper_id` the id is derived from the title.

    `is_tex` says whether TeX in title and abstract is resolved; elsewhere, `~` and `$` are ordinary signs.

    Raises BadInput with the reason when the fields do not make a paper.
    """
    # Lengths are checked first, so that the work below is bounded.
    for field, text, longest in (("title", title, LONGEST_TITLE), ("abstract", abstract, LONGEST_ABSTRACT)):
        if len(text) > longest:
            raise BadInput(f"the {field} is {len(text):,} characters long; the most is {longest:,}")
    readable_title = one_line(title) if is_tex else plain_line(title)
    if not readable_title:
        raise BadInput("the title is missing")
    return Paper(
        id=canonical_id(paper_id) if paper_id else title_id(readable_title),
        title=readable_title,
        abstract=paragraphs(abstract) if is_tex else plain_paragraphs(abstract),
        authors=_names(authors),
        categories=_categories(categories),
        announced_on=announced_on,
        withdrawn=withdrawn or says_withdrawn(comment[:LONGEST_COMMENT], abstract),
        links={kind: address for kind, address in (links or {}).items() if is_web_address(address)},
        raw_title=visible(title).strip(),
        raw_abstract=visible(abstract).strip(),
        summary=one_line(summary[:LONGEST_SUMMARY]),
    )


def _names(authors: Sequence[str]) -> tuple[str, ...]:
    if len(authors) > MOST_AUTHORS:
        raise BadInput(f"there are {len(authors):,} authors; the most is {MOST_AUTHORS:,}")
    if any(len(name) > LONGEST_NAME for name in authors):
        raise BadInput(f"an author's name is longer than {LONGEST_NAME} characters")
    # Nearly all names are plain letters; one check of all together replaces a check of each.
    together = "\n".join(authors)
    if not (together.isascii() and together.replace("\n", "").isprintable()) or _TEX_SIGNS.search(together):
        authors = [one_line(name) for name in authors]
    return tuple(name for name in map(str.strip, authors) if any(map(str.isalpha, name)))


def read_orcids(authors: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the names and ORCID iDs of authors, both as they are stored; those without a valid iD are left out."""
    found: dict[str, str] = {}
    for name, orcid in authors:
        try:
            known = parse_orcid(orcid) if orcid else ""
        except BadInput:
            continue
        for written in _names([name]) if known else ():
            found.setdefault(known, written)
    return tuple((name, orcid) for orcid, name in found.items())


_TEX_SIGNS = re.compile(r"[\\{}$~^`]|''|--|  ")


def _categories(categories: Sequence[str]) -> tuple[str, ...]:
    """Return the categories of arXiv and other sources, each once, in order; classes of other schemes are dropped."""
    known = (
        name for name in categories[:MOST_CATEGORIES] if len(name) <= 60 and CATEGORY_FORM.fullmatch(name)
    )
    return tuple(dict.fromkeys(known))


def says_withdrawn(comment: str, abstract: str) -> bool:
    """Whether an author's comment, or an abstract that replaces the real one, says that the paper is withdrawn.

    arXiv has no flag for it. A comment about a withdrawal from a conference does not count.
    """
    return bool(_WITHDRAWN_COMMENT.search(comment) or _WITHDRAWN_ABSTRACT.match(abstract))


def is_web_address(text: str) -> bool:
    """Whether `text` is one http or https address that may stand in a mail."""
    if len(text) > 2_000 or not text.isprintable() or any(sign in text for sign in " <>\"'\\"):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in parts.netloc
