"""Any RSS or Atom feed of a journal or blog.

| Field | Read from the first of these elements that has it |
|---|---|
| id | a DOI or arXiv id in prism:doi, dc:identifier, guid, id, link; else the title |
| title | title |
| abstract | content:encoded, content, description, summary: the longest, as plain text |
| authors | author/name, dc:creator, author; "Author(s):" in the text |
| date | dc:date, pubDate, published, prism:publicationDate, updated; else the day on which it is read |

A field that the settings name elements for is read from these alone, so that a wrong name shows: when no entry has any of
them, the fetch ends with an error.

The parser is digest.papers.sources.xml, as for arXiv's feeds. Measured on a broken document of 2 MB with 80,000 items:
feedparser 6.0 takes twenty times as long and 160 MB of memory instead of 50, and it sets no limits.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

from digest.domain.feed_fields import USUAL_FIELDS, FeedFields, Place
from digest.domain.paper import FeedItem
from digest.domain.source_categories import source_category
from digest.errors import BadInput, StopRun
from digest.papers.identifiers import known_ids, preferred_id
from digest.papers.sources.common import Found, Rejected, make_paper, stopping_at_many_rejects
from digest.papers.sources.dates import day_in, parse_moment
from digest.papers.sources.http import Fetcher, Pacer
from digest.papers.sources.xml import Document, Element, expect, parse
from digest.text.markup import has_tex, plain_line, plain_text

_ENTRIES = frozenset({"entry", "item"})
_TEXTS = ("encoded", "content", "description", "summary")
_IDS = ("doi", "identifier", "guid", "id", "link")
_DATES = ("date", "pubDate", "published", "publicationDate", "updated")
_DEEPEST = 20
_MOST_NAMED = 20
"""Elements that an error names."""
# What publishers put before the abstract: Nature its citation, Elsevier a list of facts instead of the abstract.
_CITATION = re.compile(r"\A[^\n]{0,150}?\bPublished online:[^\n]{0,80}?doi:\s?10\.\S+\s*", re.IGNORECASE)
_HEADING = re.compile(r"\A\s*(?:abstract|summary)\b[\s.:]*", re.IGNORECASE)
_FACT = re.compile(
    r"^(?:Publication date|Source|Author\(s\)|Volume|DOI)\s*:(.*)$", re.IGNORECASE | re.MULTILINE
)
_AUTHORS = re.compile(r"^Author\(s\)\s*:(.*)$", re.IGNORECASE | re.MULTILINE)
_IN_BRACKETS = re.compile(r"\S+@\S+\s*\(([^()]*)\)")


class JournalFeed:
    """One feed of the settings."""

    def __init__(
        self, name: str, address: str, fetcher: Fetcher, pacer: Pacer, fields: FeedFields = USUAL_FIELDS
    ) -> None:
        """`name` is the source's name, `rss:` and the name in the settings; it is the category of the papers, too."""
        self.name = name
        self._address = address
        self._fetcher = fetcher
        self._pacer = pacer
        self._fields = fields

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield all entries of the feed, which has no earlier ones, so `since` is not used."""
        del since
        answer = self._fetcher.get(self._address, pacer=self._pacer)
        yield from read_page(
            answer.body, self.name, now, charset=answer.charset, cut=answer.cut, fields=self._fields
        )


@stopping_at_many_rejects
def read_page(
    body: bytes,
    name: str,
    now: datetime,
    *,
    charset: str = "",
    cut: str = "",
    fields: FeedFields = USUAL_FIELDS,
) -> Found:
    """Yield the papers of one feed document.

    Raises, after them, TryLater when it breaks off, and StopRun when no entry has an element that `fields` names.
    """
    document = parse(body, _ENTRIES, charset=charset, cut=cut)
    for number, entry in enumerate(document.entries, 1):
        try:
            yield _item(entry, name, now.astimezone(UTC).date(), fields)
        except BadInput as error:
            yield Rejected(f"{name} entry {number}", str(error))
    expect(document, {"feed", "rss", "RDF"}, name)
    _expect_fields(document, fields, name)


def _expect_fields(document: Document, fields: FeedFields, name: str) -> None:
    for field, places in fields.named.items() if document.entries else ():
        if not any(_texts(entry, places) for entry in document.entries):
            written = "|".join(place.written for place in places)
            elements = sorted({child.name for entry in document.entries[:10] for child in entry.children})
            raise StopRun(
                f"{name}: no entry has {written}, which DIGEST_RSS_FIELDS names for the {field}; "
                f"the entries have {', '.join(elements[:_MOST_NAMED]) or 'no elements'}."
            )


def _texts(entry: Element, places: Iterable[Place]) -> list[str]:
    """Return the texts at the first of these places that has any."""
    return next(filter(None, (_texts_at(entry, place) for place in places)), [])


def _texts_at(entry: Element, place: Place) -> list[str]:
    found = [entry]
    for name in place.elements:
        found = [child for element in found for child in element.all(name)]
    if place.attribute:
        return [text for one in found if (text := one.attributes.get(place.attribute, "").strip())]
    return [text for one in found if (text := _whole_text(one).strip())]


def _item(entry: Element, name: str, today: date, fields: FeedFields) -> FeedItem:
    links = [link.attributes.get("href") or link.text.strip() for link in entry.all("link")]
    ids = known_ids(_texts(entry, fields.doi) if fields.doi else _id_texts(entry, links))
    paper_id = preferred_id(ids) if ids else ""
    text = max((plain_text(_whole_text(entry.first(one))) for one in _TEXTS), key=len).strip()
    if fields.abstract:
        text = plain_text("\n".join(_texts(entry, fields.abstract))).strip()
    titles = _texts(entry, fields.title)[:1] if fields.title else [_whole_text(entry.first("title"))]
    title = plain_text("".join(titles))
    dates = _texts(entry, fields.date) if fields.date else map(entry.words, _DATES)
    abstract = _HEADING.sub("", _FACT.sub("", _CITATION.sub("", text)).strip())
    paper = make_paper(
        paper_id=paper_id,
        title=title,
        abstract=abstract,
        authors=_named_authors(entry, fields) if fields.authors else _authors(entry, text),
        categories=[name, *_categories(entry, name, fields)],
        announced_on=min(_date(dates) or today, today),
        links={"page": next(filter(None, links), "") or entry.words("guid")},
        is_tex=has_tex(f"{title} {abstract}"),
    )
    return FeedItem(paper, other_ids=tuple(one for one in ids if one != paper_id))


def _id_texts(entry: Element, links: list[str]) -> list[str]:
    return [*(entry.words(one) for one in _IDS), entry.attributes.get("about", ""), *links]


def _categories(entry: Element, name: str, fields: FeedFields) -> list[str]:
    """Return the categories of an entry as parts of the feed: `rss:gulls-ecology` for "Ecology"."""
    feed = name.removeprefix("rss:")
    return [source_category("rss", f"{feed} {plain_text(text)}") for text in _texts(entry, fields.category)]


def _named_authors(entry: Element, fields: FeedFields) -> list[str]:
    plain = [plain_line(plain_text(text)) for text in _texts(entry, fields.authors)]
    if fields.separator:
        # The separator "; " fits a line that ends with ";", too.
        return [name for text in plain for name in f"{text} ".split(fields.separator)]
    return _names(plain[0]) if len(plain) == 1 else plain


def _whole_text(element: Element | None, depth: int = 0) -> str:
    """Return the text of an element and of those inside it, which Atom allows in place of escaped HTML."""
    if element is None or depth > _DEEPEST:
        return ""
    inside = "\n".join(_whole_text(child, depth + 1) for child in element.children)
    return f"{element.text}\n{inside}" if inside else element.text


def _date(texts: Iterable[str]) -> date | None:
    for text in texts:
        moment = parse_moment(text)
        day = moment.astimezone(UTC).date() if moment else day_in(text)
        if day:
            return day
    return None


def _authors(entry: Element, text: str) -> list[str]:
    """Return the names; they are in one element each, or in one element with commas or semicolons."""
    named = [author.words("name") or author.text.strip() for author in entry.all("author")]
    named = named or [creator.text.strip() for creator in entry.all("creator")]
    if not named and (found := _AUTHORS.search(text)):
        named = [found[1]]
    plain = [plain_line(_IN_BRACKETS.sub(r"\1", plain_text(name))) for name in named]
    return _names(plain[0]) if len(plain) == 1 else plain


def _names(text: str) -> list[str]:
    if ";" in text:
        return text.split(";")
    parts = text.split(", ")
    # "Fern, Ada" is one name, "Ada Fern, Bo Li" are two.
    return parts if all(" " in part.strip() for part in parts) else [text]
