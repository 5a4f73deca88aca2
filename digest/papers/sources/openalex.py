"""OpenAlex: the works of some topics or journals that were published since a day, with their citation counts.

OpenAlex indexes a work some days after its publication, so each fetch reaches back further than the others. A work that
was published before `since` counts as announced on `since`: before that day, nobody could read it here. The abstract
comes as the positions of each word.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from digest.domain.paper import FeedItem, Popularity
from digest.domain.source_categories import source_category
from digest.errors import BadInput, StopRun, TryLater
from digest.papers.identifiers import known_ids, preferred_id
from digest.papers.sources.common import Found, Rejected, make_paper, read_orcids, stopping_at_many_rejects
from digest.papers.sources.dates import day_in
from digest.papers.sources.http import Answer, Fetcher, Pacer
from digest.papers.sources.json_records import JsonRecords, objects_of, text_of
from digest.text.markup import has_tex, plain_line, plain_text

PAGE_SIZE = 100
"""The largest page of the API."""
MOST_WORKS = 10_000
"""The most works of one search that OpenAlex returns by page number."""
INDEXING_TIME = timedelta(days=14)
"""How long after the publication most works are in OpenAlex."""
_MOST_WORDS = 5_000
_MOST_LOCATIONS = 20
REFUSALS = frozenset({400, 401, 403})
"""The statuses whose body says what is wrong with a request."""
_FIELDS = (
    "id,doi,title,publication_date,authorships,primary_topic,primary_location,best_oa_location,locations,"
    "abstract_inverted_index,cited_by_count,is_retracted"
)


class OpenAlex:
    """The works at api.openalex.org."""

    name = "openalex"

    def __init__(
        self, address: str, works_filter: str, key: str, contact: str, fetcher: Fetcher, pacer: Pacer
    ) -> None:
        """`works_filter` is in OpenAlex's own form; `key` may be empty, and allows fewer requests then."""
        self._address = f"{address}/works"
        self._filter = works_filter
        self._parameters = own_parameters(key, contact)
        self._fetcher = fetcher
        self._pacer = pacer

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield the works published since two weeks before `since`, the newest first."""
        days = (
            f"from_publication_date:{since - INDEXING_TIME},to_publication_date:{now.astimezone(UTC).date()}"
        )
        parameters = {
            **self._parameters,
            "filter": f"{days},{self._filter}",
            "sort": "publication_date:desc",
            "select": _FIELDS,
            "per_page": str(PAGE_SIZE),
        }
        for page in range(1, MOST_WORKS // PAGE_SIZE + 1):
            answer = self._fetcher.get(
                self._address, {**parameters, "page": str(page)}, pacer=self._pacer, readable_errors=REFUSALS
            )
            raise_refusal(answer, self.name, "DIGEST_OPENALEX_FILTER and DIGEST_OPENALEX_KEY")
            records = JsonRecords(answer.body, self.name, "results", charset=answer.charset, cut=answer.cut)
            seen = 0
            for item in read_records(records, self.name, since, now):
                seen += 1
                yield item
            if seen < PAGE_SIZE:
                return
        raise TryLater(
            f"{self.name}: more than {MOST_WORKS:,} works fit DIGEST_OPENALEX_FILTER; the newest were kept. "
            "Choose fewer topics or journals."
        )


def own_parameters(key: str, contact: str) -> dict[str, str]:
    """Return the parameters of a request that say who makes it; both may be empty."""
    own = {"api_key": key, "mailto": contact if "@" in contact else ""}
    return {name: value for name, value in own.items() if value}


def raise_refusal(answer: Answer, name: str, settings: str) -> None:
    """Raise StopRun if OpenAlex refused a request, with its reason and the names of settings to check."""
    if answer.status not in REFUSALS:
        return
    records = JsonRecords(answer.body, name, "results", charset=answer.charset)
    try:
        list(records)
        reason = ""
    except TryLater:
        reason = text_of(records.head, "message") or text_of(records.head, "error")
    said = plain_line(reason)[:200].rstrip(".") or str(answer.status)
    raise StopRun(f"{name}: the request was refused ({said}); check {settings}.")


@stopping_at_many_rejects
def read_records(records: JsonRecords, name: str, since: date, now: datetime) -> Found:
    """Yield the works of one answer, then raise TryLater if it breaks off."""
    for number, record in enumerate(records, 1):
        try:
            yield _item(record, since, now)
        except BadInput as error:
            yield Rejected(f"{name} record {number}", str(error))


def _item(record: Any, since: date, now: datetime) -> FeedItem:
    ids = ids_of(record)
    paper_id = preferred_id(ids) if ids else ""
    title, abstract = plain_text(text_of(record, "title")), plain_text(abstract_of(record))
    published_on = day_in(text_of(record, "publication_date"))
    doi = text_of(record, "doi")
    authors = objects_of(record, "authorships")
    paper = make_paper(
        paper_id=paper_id,
        title=title,
        abstract=abstract,
        authors=[text_of(one, "author", "display_name") for one in authors],
        categories=[source_category("openalex", text_of(record, "primary_topic", "field", "display_name"))],
        announced_on=published_on and max(published_on, since),
        withdrawn=isinstance(record, dict) and record.get("is_retracted") is True,
        links={
            "doi": doi,
            "page": doi or text_of(record, "primary_location", "landing_page_url") or text_of(record, "id"),
            "pdf": text_of(record, "best_oa_location", "pdf_url"),
        },
        is_tex=has_tex(f"{title} {abstract}"),
    )
    return FeedItem(
        paper,
        citations_of(record, now),
        tuple(one for one in ids if one != paper_id),
        read_orcids(
            (text_of(one, "author", "display_name"), text_of(one, "author", "orcid")) for one in authors
        ),
    )


def ids_of(record: Any) -> tuple[str, ...]:
    """Return the DOI, and the ids in the addresses of the places that have the work, such as arXiv."""
    places = objects_of(record, "locations")[:_MOST_LOCATIONS]
    return known_ids([text_of(record, "doi"), *(text_of(place, "landing_page_url") for place in places)])


def citations_of(record: Any, now: datetime) -> Popularity | None:
    """Return the citations of a work; a work without any has no popularity, as most of its age have none."""
    citations = record.get("cited_by_count") if isinstance(record, dict) else None
    if not isinstance(citations, int) or isinstance(citations, bool) or not 0 < citations < 2**31:
        return None
    return Popularity(now, upvotes=0, citations=citations)


def abstract_of(record: Any) -> str:
    """Return the abstract from the positions of its words, or "". Words at impossible positions are left out."""
    index = record.get("abstract_inverted_index") if isinstance(record, dict) else None
    if not isinstance(index, dict):
        return ""
    words: dict[int, str] = {}
    for word, positions in index.items():
        for position in positions if isinstance(positions, list) else ():
            if type(position) is int and 0 <= position < _MOST_WORDS:
                words[position] = word
    text = " ".join(words[position] for position in sorted(words))
    heading, _, rest = text.partition(" ")
    return rest if heading.lower().rstrip(".:") == "abstract" else text
