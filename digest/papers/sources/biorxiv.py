"""bioRxiv and medRxiv: every version posted since a day, in pages of their JSON API.

A first version is announced on its day. A later version is a newer text of a paper announced before, so it has no
date. The DOI has no version; `published` is the DOI of the article in a journal.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from digest.domain.paper import FeedItem
from digest.domain.source_categories import source_category
from digest.errors import BadInput, TryLater
from digest.papers.identifiers import canonical_id, is_doi, known_ids
from digest.papers.sources.common import Found, Rejected, make_paper, stopping_at_many_rejects
from digest.papers.sources.dates import day_in
from digest.papers.sources.http import Fetcher, Pacer
from digest.papers.sources.json_records import JsonRecords, objects_of, text_of
from digest.text.markup import has_tex, plain_text, without_typesetting

_MOST_PAGES = 1_000
_NO_PAPERS = re.compile(r"\bno (?:posts|articles|papers)\b", re.IGNORECASE)
_WITHDRAWN_TITLE = re.compile(r"\A\s*WITHDRAWN\b[:\s]*(?=\S)")


class Biorxiv:
    """One of the two servers, `biorxiv` or `medrxiv`, at api.biorxiv.org."""

    def __init__(self, name: str, address: str, fetcher: Fetcher, pacer: Pacer) -> None:
        self.name = name
        self._address = f"{address}/details/{name}"
        self._fetcher = fetcher
        self._pacer = pacer

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield the versions posted from `since` to today (UTC)."""
        interval = f"{self._address}/{since}/{now.astimezone(UTC).date()}"
        cursor = 0
        for _ in range(_MOST_PAGES):
            answer = self._fetcher.get(f"{interval}/{cursor}/json", pacer=self._pacer)
            records = JsonRecords(
                answer.body, self.name, "collection", charset=answer.charset, cut=answer.cut
            )
            seen = 0
            for item in read_records(records, self.name):
                seen += 1
                yield item
            cursor += seen
            message = next(iter(objects_of(records.head, "messages")), {})
            if not seen:
                self._raise_refusal(message)
            if not seen or cursor >= _total(message):
                return
        raise TryLater(f"{self.name}: the list has no end; the first {cursor:,} versions were kept.")

    def _raise_refusal(self, message: Mapping[str, Any]) -> None:
        status = text_of(message, "status")
        if status not in {"", "ok"} and not _NO_PAPERS.search(status):
            raise TryLater(f"{self.name}: the server says: {status[:200].rstrip('.')}.")


def _total(message: Mapping[str, Any]) -> int:
    """Return the number of versions in the interval, which is a number or a text."""
    digits = str(message.get("total"))[:9]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


@stopping_at_many_rejects
def read_records(records: JsonRecords, name: str) -> Found:
    """Yield the versions of one answer, then raise TryLater if it breaks off."""
    for number, record in enumerate(records, 1):
        try:
            yield _item(record, name)
        except BadInput as error:
            yield Rejected(f"{name} record {number}", str(error))


def _item(record: Any, name: str) -> FeedItem:
    doi = canonical_id(text_of(record, "doi"))
    if not is_doi(doi):
        raise BadInput(f"{doi} is not a DOI")
    version = text_of(record, "version") or "1"
    title = plain_text(text_of(record, "title"))
    abstract = without_typesetting(plain_text(text_of(record, "abstract")))
    posted_on = day_in(text_of(record, "date"))
    paper = make_paper(
        paper_id=doi,
        title=_WITHDRAWN_TITLE.sub("", title),
        abstract=abstract,
        authors=[_name(author) for author in text_of(record, "authors").split(";")],
        categories=[source_category(name, text_of(record, "category"))],
        announced_on=posted_on if version == "1" else None,
        withdrawn=text_of(record, "type").lower() == "withdrawn" or bool(_WITHDRAWN_TITLE.match(title)),
        links={
            "doi": f"https://doi.org/{doi}",
            "pdf": f"https://www.{name}.org/content/{doi}v{version}.full.pdf",
        },
        is_tex=has_tex(f"{title} {abstract}"),
    )
    return FeedItem(paper, other_ids=known_ids([text_of(record, "published")]))


def _name(author: str) -> str:
    """Return "J. A. Smith" for "Smith, J. A."."""
    family, _, given = author.partition(",")
    return f"{given.strip()} {family.strip()}".strip()
