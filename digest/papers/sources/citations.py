"""The citations of papers that are stored already, counted by OpenAlex.

Works are requested by DOI, many at a time; arXiv gives each of its papers one. A paper without citations yields nothing, as
most of its age have none.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from digest.domain.paper import FeedItem, Paper
from digest.papers.identifiers import is_arxiv_id
from digest.papers.sources.common import Found, Rejected
from digest.papers.sources.http import Fetcher, Pacer
from digest.papers.sources.json_records import JsonRecords
from digest.papers.sources.openalex import REFUSALS, citations_of, ids_of, own_parameters, raise_refusal

BATCH = 50
"""DOIs in one request: more make its address too long for some proxies."""
_DOI = re.compile(r"10\.[0-9]{4,9}/[^\s,|]+")
"""The DOIs that can be requested; commas and bars separate parts of a filter."""


@dataclass(frozen=True, slots=True)
class PaperToCount:
    """A stored paper whose citations are to be counted."""

    paper: Paper
    ids: tuple[str, ...]
    """All canonical ids of the work, its own first."""


PapersToCount = Callable[[datetime], Iterable[PaperToCount]]
"""Returns the papers that are due at an instant."""


def no_papers(_now: datetime) -> tuple[PaperToCount, ...]:
    """Return no papers, for use without a store."""
    return ()


class Citations:
    """The citation counts at api.openalex.org."""

    name = "citations"

    def __init__(
        self, address: str, key: str, contact: str, fetcher: Fetcher, pacer: Pacer, to_count: PapersToCount
    ) -> None:
        """`key` may be empty, and allows fewer requests then."""
        self._address = f"{address}/works"
        self._parameters = own_parameters(key, contact)
        self._fetcher = fetcher
        self._pacer = pacer
        self._to_count = to_count

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield the papers that are due and cited, as they are stored. Which are due does not depend on `since`."""
        del since
        due = ((one, dois) for one in self._to_count(now) if (dois := _dois_of(one)))
        for batch in _batches(due):
            yield from self._counted(batch, now)

    def _counted(self, batch: list[tuple[PaperToCount, list[str]]], now: datetime) -> Found:
        papers = {one: paper.paper for paper, _ in batch for one in paper.ids}
        parameters = {
            **self._parameters,
            "filter": f"doi:{'|'.join(doi for _, dois in batch for doi in dois)}",
            "select": "doi,locations,cited_by_count",
            # Of two works that are one paper, the first is stored.
            "sort": "cited_by_count:desc",
            "per_page": str(BATCH),
        }
        answer = self._fetcher.get(self._address, parameters, pacer=self._pacer, readable_errors=REFUSALS)
        raise_refusal(answer, self.name, "DIGEST_OPENALEX_KEY")
        records = JsonRecords(answer.body, self.name, "results", charset=answer.charset, cut=answer.cut)
        for number, record in enumerate(records, 1):
            if not isinstance(record, dict):
                yield Rejected(f"{self.name} record {number}", "the record is not a JSON object")
                continue
            paper = _paper_of(record, papers)
            popularity = citations_of(record, now)
            if paper is not None and popularity is not None:
                yield FeedItem(paper, popularity)


def _batches(
    due: Iterable[tuple[PaperToCount, list[str]]],
) -> Iterator[list[tuple[PaperToCount, list[str]]]]:
    """Group papers so that no group has more than BATCH DOIs."""
    batch: list[tuple[PaperToCount, list[str]]] = []
    size = 0
    for paper, dois in due:
        if size + len(dois) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append((paper, dois))
        size += len(dois)
    if batch:
        yield batch


def _paper_of(record: Any, papers: dict[str, Paper]) -> Paper | None:
    return next((papers[one] for one in ids_of(record) if one in papers), None)


def _dois_of(paper: PaperToCount) -> list[str]:
    """Return the DOIs under which OpenAlex may have a paper, at most two: its first id, and the published version."""
    dois = [f"10.48550/arxiv.{one}" if is_arxiv_id(one) else one for one in paper.ids]
    return [doi for doi in dois if _DOI.fullmatch(doi)][:2]
