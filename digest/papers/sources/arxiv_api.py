"""arXiv's search API: papers of some categories by submission date, in pages.

The API does not give the announcement date; it is estimated from the calendar and the id. It sometimes answers with
an empty page, which is requested again. It reports errors as a feed with one entry.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta

from digest.domain.paper import FeedItem, Paper
from digest.errors import BadInput, StopRun, TryLater
from digest.papers.calendar import estimated_listing
from digest.papers.identifiers import canonical_id, known_ids
from digest.papers.sources.common import Found, Rejected, make_paper, stopping_at_many_rejects
from digest.papers.sources.dates import parse_moment
from digest.papers.sources.http import Fetcher, Pacer
from digest.papers.sources.xml import Document, Element, expect, parse

MOST_RESULTS = 30_000
"""The most results of one search that arXiv returns."""
_TRIES_AT_EMPTY_PAGES = 3
_LONGEST_DELAY = timedelta(days=7)
"""The longest expected time from submission to announcement: a weekend, a holiday, moderation."""
_ENTRIES = frozenset({"entry"})


class ArxivApi:
    """The search API of export.arxiv.org."""

    name = "arxiv-api"

    def __init__(
        self,
        address: str,
        categories: Sequence[str],
        fetcher: Fetcher,
        pacer: Pacer,
        *,
        holidays: Collection[date] = (),
        page_size: int = 500,
    ) -> None:
        self._address = address
        self._categories = tuple(categories)
        self._fetcher = fetcher
        self._pacer = pacer
        self._holidays = holidays
        self._page_size = page_size

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield papers submitted since a week before `since`, newest first."""
        query = _query(self._categories, since - _LONGEST_DELAY, now)
        start, total = 0, 1
        while start < min(total, MOST_RESULTS):
            document = self._page(query, start)
            yield from _read(document, self.name, self._holidays)
            total = _total(document)
            start += len(document.entries)

    def papers(self, ids: Sequence[str]) -> Found:
        """Yield those of these papers (by canonical id) that arXiv has; at most 2,000 ids in one request.

        When arXiv refuses a request because of one id, the list is split until only that id is rejected.
        """
        if not ids:
            return
        parameters = {"id_list": ",".join(ids), "max_results": str(len(ids))}
        answer = self._fetcher.get(
            self._address, parameters, pacer=self._pacer, readable_errors=frozenset({400})
        )
        document = parse(answer.text, _ENTRIES, cut=answer.cut)
        reason = next(filter(None, map(_refusal, document.entries)), "")
        if not reason:
            yield from _read(document, self.name, self._holidays)
        elif len(ids) == 1:
            yield Rejected(f"{self.name} {ids[0]}", reason)
        else:
            middle = len(ids) // 2
            yield from self.papers(ids[:middle])
            yield from self.papers(ids[middle:])

    def _page(self, query: str, start: int) -> Document:
        """Request a page, again while it is empty although the total says that there are more."""
        parameters = {
            "search_query": query,
            "start": str(start),
            "max_results": str(min(self._page_size, MOST_RESULTS - start)),
            "sortBy": "submittedDate",
            "sortOrder": "descending",
        }
        for _ in range(_TRIES_AT_EMPTY_PAGES):
            answer = self._fetcher.get(
                self._address, parameters, pacer=self._pacer, readable_errors=frozenset({400})
            )
            document = parse(answer.body, _ENTRIES, charset=answer.charset, cut=answer.cut)
            if document.entries or document.broken or start >= _total(document):
                return document
        raise TryLater(
            f"{self.name}: the search repeatedly answered with an empty page at {start}; try again later."
        )


def read_page(body: bytes, name: str, holidays: Collection[date] = ()) -> Found:
    """Yield the papers of one saved answer. Raises TryLater, after them, when it breaks off."""
    yield from _read(parse(body, _ENTRIES), name, holidays)


def _query(categories: Sequence[str], first_on: date, now: datetime) -> str:
    first = datetime.combine(first_on, time(), UTC)
    any_category = " OR ".join(f"cat:{category}" for category in categories)
    return f"({any_category}) AND submittedDate:[{first:%Y%m%d%H%M} TO {now.astimezone(UTC):%Y%m%d%H%M}]"


def _total(document: Document) -> int:
    text = document.root.words("totalResults")
    return int(text[:9]) if text.isascii() and text.isdigit() else 0


@stopping_at_many_rejects
def _read(document: Document, name: str, holidays: Collection[date]) -> Found:
    for number, entry in enumerate(document.entries, 1):
        if reason := _refusal(entry):
            raise StopRun(f"{name}: the search was refused ({reason}); check the categories in the settings.")
        try:
            yield FeedItem(_paper(entry, holidays), other_ids=known_ids(entry.words("doi").split()))
        except BadInput as error:
            yield Rejected(f"{name} entry {number}", str(error))
    expect(document, {"feed"}, name)


def _refusal(entry: Element) -> str:
    """Return the reason if this entry reports a refused request; "" for a paper."""
    if "/api/errors" not in entry.words("id"):
        return ""
    return entry.words("summary").rstrip(".") or "an error without a reason"


def _paper(entry: Element, holidays: Collection[date]) -> Paper:
    paper_id = canonical_id(entry.words("id"))
    submitted_at = parse_moment(entry.words("published"))
    primary = entry.first("primary_category")
    doi = entry.words("doi")
    return make_paper(
        paper_id=paper_id,
        title=entry.words("title"),
        abstract=entry.words("summary"),
        authors=[author.words("name") for author in entry.all("author")],
        categories=[
            category.attributes.get("term", "")
            for category in ([primary] if primary else []) + entry.all("category")
        ],
        announced_on=estimated_listing(paper_id, submitted_at, holidays) if submitted_at else None,
        comment=entry.words("comment"),
        links={"doi": f"https://doi.org/{doi}"} if doi else {},
    )
