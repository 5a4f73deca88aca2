"""arXiv's daily feeds: today's announcements in some categories, as Atom or RSS.

A feed holds the current batch only. New papers and cross-lists are announcements, dated by the feed. Replacements
are newer texts of papers announced before, so they have no date. All categories are requested together; when
the answer has as many entries as arXiv returns at most, each category is requested alone as well.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime

from digest.domain.paper import FeedItem
from digest.errors import BadInput
from digest.papers.calendar import EASTERN
from digest.papers.identifiers import known_ids
from digest.papers.sources.common import Found, Rejected, make_paper, stopping_at_many_rejects
from digest.papers.sources.dates import parse_moment
from digest.papers.sources.http import Fetcher, Pacer
from digest.papers.sources.xml import Element, expect, parse

MOST_ENTRIES = 2000
"""The most entries in one answer of arXiv."""

_ENTRIES = frozenset({"entry", "item"})
_ANNOUNCEMENTS = frozenset({"new", "cross"})
_ABSTRACT = re.compile(
    r"\A\s*arXiv:\S+\s+Announce Type:\s*(?P<type>[\w-]+)\s*(?:Abstract:\s*)?", re.IGNORECASE
)
_NAME_SIGN = re.compile(r",\s+|[(){}]")


class ArxivFeed:
    """The feeds of rss.arxiv.org."""

    name = "arxiv"

    def __init__(self, address: str, categories: Sequence[str], fetcher: Fetcher, pacer: Pacer) -> None:
        self._address = address
        self._categories = tuple(categories)
        self._fetcher = fetcher
        self._pacer = pacer

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield the current batch; the feed has no earlier ones, so the days are not used."""
        del since, now
        seen = 0
        for item in self._batch(self._categories):
            seen += 1
            yield item
        if seen >= MOST_ENTRIES and len(self._categories) > 1:
            for category in self._categories:
                yield from self._batch((category,))

    def _batch(self, categories: Sequence[str]) -> Found:
        answer = self._fetcher.get(f"{self._address}/atom/{'+'.join(categories)}", pacer=self._pacer)
        yield from read_page(answer.body, self.name, charset=answer.charset, cut=answer.cut)


@stopping_at_many_rejects
def read_page(body: bytes, name: str, *, charset: str = "", cut: str = "") -> Found:
    """Yield the papers of one feed document, Atom or RSS. Raises TryLater, after them, when it breaks off."""
    document = parse(body, _ENTRIES, charset=charset, cut=cut)
    for number, entry in enumerate(document.entries, 1):
        try:
            yield _item(entry)
        except BadInput as error:
            yield Rejected(f"{name} entry {number}", str(error))
    expect(document, {"feed", "rss", "RDF"}, name)


def _item(entry: Element) -> FeedItem:
    body = entry.words("summary") or entry.words("description")
    heading = _ABSTRACT.match(body)
    kind = entry.words("announce_type") or (heading["type"] if heading else "new")
    link = entry.words("id") or entry.words("guid") or entry.words("link")
    doi = entry.words("DOI") or entry.words("doi")
    return FeedItem(
        make_paper(
            paper_id=link or _alternate(entry),
            title=entry.words("title"),
            abstract=body[heading.end() :] if heading else body,
            authors=_authors(entry),
            categories=[
                category.attributes.get("term") or category.text for category in entry.all("category")
            ],
            announced_on=_announced_on(entry) if kind.lower() in _ANNOUNCEMENTS else None,
            links={"doi": f"https://doi.org/{doi}"} if doi else {},
        ),
        other_ids=known_ids(doi.split()),
    )


def _alternate(entry: Element) -> str:
    return next((link.attributes.get("href", "") for link in entry.all("link")), "")


def _authors(entry: Element) -> list[str]:
    """Return the names; they are in one element, separated by commas, or in one element each."""
    if entry.all("author"):
        return [author.words("name") for author in entry.all("author")]
    return [name for creator in entry.all("creator") for name in _names(creator.text.strip())]


def _names(text: str) -> list[str]:
    """Split at commas, except inside an affiliation, that is where the next bracket is a closing one."""
    breaks: list[tuple[int, int]] = []
    inside = 0
    for sign in _NAME_SIGN.finditer(text):
        if sign[0] in {")", "}"}:
            del breaks[inside:]
        elif sign[0][0] == ",":
            breaks.append(sign.span())
        if sign[0][0] != ",":
            inside = len(breaks)
    ends = [start for start, _ in breaks] + [len(text)]
    starts = [0] + [end for _, end in breaks]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def _announced_on(entry: Element) -> date | None:
    """Return the listing date: the feed's own day in arXiv's time zone."""
    for text in (entry.words("published"), entry.words("pubDate"), entry.words("updated")):
        moment = parse_moment(text)
        if moment:
            return moment.astimezone(EASTERN).date()
    return None
