"""arXiv's OAI-PMH interface: every record changed since a day, one list at a time.

A record's datestamp is the day of its last change, so an old paper can have a new one. A first version whose
datestamp fits its submission date was announced on that day; other dates are estimated from the calendar and the id.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta

from digest.domain.paper import FeedItem, Paper
from digest.errors import BadInput, StopRun, TryLater
from digest.papers.calendar import EASTERN, announces_on, estimated_listing
from digest.papers.identifiers import canonical_id, known_ids
from digest.papers.sources.common import Found, Rejected, make_paper, stopping_at_many_rejects
from digest.papers.sources.dates import day_in
from digest.papers.sources.http import Fetcher, Pacer
from digest.papers.sources.xml import Document, Element, expect, parse

_RECORDS = frozenset({"record"})
_MOST_LISTS = 1_000
_LONGEST_MODERATION = timedelta(days=45)
_IN_PHYSICS = (
    "astro-ph cond-mat gr-qc hep-ex hep-lat hep-ph hep-th math-ph nlin nucl-ex nucl-th physics quant-ph"
)
_PHYSICS = frozenset(_IN_PHYSICS.split())


class ArxivOai:
    """The interface at oaipmh.arxiv.org."""

    name = "arxiv-oai"

    def __init__(
        self,
        address: str,
        categories: Sequence[str],
        fetcher: Fetcher,
        pacer: Pacer,
        *,
        holidays: Collection[date] = (),
    ) -> None:
        self._address = address
        self._categories = tuple(categories)
        self._fetcher = fetcher
        self._pacer = pacer
        self._holidays = holidays

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield the records changed since `since`, category by category."""
        del now  # arXiv advises to leave the end open
        for category in self._categories:
            yield from self._harvest(
                {
                    "verb": "ListRecords",
                    "metadataPrefix": "arXiv",
                    "set": set_of(category),
                    "from": since.isoformat(),
                }
            )

    def _harvest(self, parameters: dict[str, str]) -> Found:
        tokens: set[str] = set()
        while len(tokens) < _MOST_LISTS:
            answer = self._fetcher.get(self._address, parameters, pacer=self._pacer)
            document = parse(answer.body, _RECORDS, charset=answer.charset, cut=answer.cut)
            yield from _read(document, self.name, self._holidays)
            token = document.root.words("ListRecords", "resumptionToken")
            if not token:
                return
            if token in tokens:
                break
            tokens.add(token)
            parameters = {"verb": "ListRecords", "resumptionToken": token}
        raise TryLater(
            f"{self.name}: the list repeats without end; try again tomorrow, when its tokens are new."
        )


def set_of(category: str) -> str:
    """Return the OAI set of an arXiv category: `cs.AI` is in `cs:cs:AI`, `hep-th` in `physics:hep-th`."""
    archive, _, subject = category.partition(".")
    group = "physics" if archive in _PHYSICS else archive
    parts = [group, archive, subject] if subject else [group, archive] if group != archive else [group]
    return ":".join(parts)


def read_page(body: bytes, name: str, holidays: Collection[date] = ()) -> Found:
    """Yield the papers of one saved list, then raise TryLater if it breaks off."""
    yield from _read(parse(body, _RECORDS), name, holidays)


@stopping_at_many_rejects
def _read(document: Document, name: str, holidays: Collection[date]) -> Found:
    for number, record in enumerate(document.entries, 1):
        header = record.first("header")
        if header is not None and header.attributes.get("status") == "deleted":
            continue
        try:
            yield FeedItem(_paper(record, holidays), other_ids=_dois(record))
        except BadInput as error:
            yield Rejected(f"{name} record {number}", str(error))
    expect(document, {"OAI-PMH"}, name)
    _raise_refusal(document, name)


def _raise_refusal(document: Document, name: str) -> None:
    """Raise TryLater or StopRun for an error of the protocol; an empty list is not an error."""
    error = document.root.first("error")
    if error is None or error.attributes.get("code") == "noRecordsMatch":
        return
    code = error.attributes.get("code", "error")
    if code == "badResumptionToken":
        raise TryLater(f"{name}: the list expired while it was read ({code}); fetch again.")
    reason = error.text.strip().rstrip(".")
    raise StopRun(
        f"{name}: the request was refused ({code}: {reason}); check the categories in the settings."
    )


def _paper(record: Element, holidays: Collection[date]) -> Paper:
    data = record.first("metadata", "arXiv")
    if data is None:
        raise BadInput("the record has no metadata in the arXiv format")
    paper_id = canonical_id(data.words("id") or record.words("header", "identifier"))
    doi = data.words("doi")
    return make_paper(
        paper_id=paper_id,
        title=data.words("title"),
        abstract=data.words("abstract"),
        authors=[_name(author) for author in (data.first("authors") or Element("")).all("author")],
        categories=data.words("categories").split(),
        announced_on=_announced_on(
            paper_id,
            created_on=day_in(data.words("created")),
            stamped_on=None if data.words("updated") else day_in(record.words("header", "datestamp")),
            holidays=holidays,
        ),
        comment=data.words("comments"),
        links={"doi": f"https://doi.org/{doi.split()[0]}"} if doi else {},
    )


def _name(author: Element) -> str:
    parts = (author.words("forenames"), author.words("keyname"), author.words("suffix"))
    return " ".join(part for part in parts if part)


def _dois(record: Element) -> tuple[str, ...]:
    data = record.first("metadata", "arXiv")
    return known_ids(data.words("doi").split()) if data is not None else ()


def _announced_on(
    paper_id: str, *, created_on: date | None, stamped_on: date | None, holidays: Collection[date]
) -> date | None:
    if created_on is None:
        return None
    # The record has the day of submission, not the hour; noon is before that day's freeze.
    earliest = estimated_listing(paper_id, datetime.combine(created_on, time(12), EASTERN), holidays)
    if (
        stamped_on
        and earliest <= stamped_on <= earliest + _LONGEST_MODERATION
        and announces_on(stamped_on, holidays)
    ):
        return stamped_on
    return earliest
