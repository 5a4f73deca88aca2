from collections.abc import Callable
from datetime import UTC, date, datetime

from digest.domain.paper import FeedItem, Paper
from digest.errors import DigestError
from digest.papers.sources.citations import PaperToCount
from digest.papers.sources.common import Rejected, Source
from tests.papers import journal_samples as journals
from tests.papers import samples
from tests.papers.samples import ABSTRACT

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

TODAY = date(2026, 3, 4)

GOOD = {
    "huggingface": samples.daily_page(samples.daily_item("2603.00001"), samples.daily_item("2603.00002")),
    "arxiv": samples.atom_feed(samples.atom_entry("2603.00001"), samples.atom_entry("2603.00002")).encode(),
    "arxiv-oai": samples.oai_list(
        samples.oai_record("2603.00001"), samples.oai_record("2603.00002")
    ).encode(),
    "arxiv-api": samples.api_page(samples.api_entry("2603.00001"), samples.api_entry("2603.00002")).encode(),
    "biorxiv": journals.biorxiv_page(
        journals.biorxiv_record("2603.00001"), journals.biorxiv_record("2603.00002")
    ),
    "medrxiv": journals.biorxiv_page(
        journals.biorxiv_record("2603.00001"), journals.biorxiv_record("2603.00002")
    ),
    "openalex": journals.works_page(journals.work("2603.00001"), journals.work("2603.00002")),
    "citations": journals.works_page(journals.work("2603.00001"), journals.work("2603.00002")),
    "rss:gulls": journals.rdf_feed(journals.rdf_item("2603.00001"), journals.rdf_item("2603.00002")).encode(),
}
"""One answer of each source, with two papers whose ids end in 2603.00001 and 2603.00002."""


def to_count(_now: datetime) -> list[PaperToCount]:
    """Return the stored papers that `GOOD` counts the citations of."""
    numbers = "2603.00001", "2603.00002"
    papers = [
        Paper(
            f"{journals.REGISTRANT}/{number}", f"Counting Gulls {number}", ABSTRACT, ("Ada Fern", "Li Reed")
        )
        for number in numbers
    ]
    return [PaperToCount(paper, (paper.id,)) for paper in papers]


Make = Callable[[str], Source]


def gathered(
    source: Source, since: date = TODAY
) -> tuple[list[FeedItem], list[Rejected], DigestError | None]:
    """Return all items of a source, its rejected items, and the error that ended it."""
    items: list[FeedItem] = []
    rejected: list[Rejected] = []
    try:
        for item in source.fetch(since, NOW):
            if isinstance(item, FeedItem):
                items.append(item)
            else:
                rejected.append(item)
    except DigestError as error:
        return items, rejected, error
    return items, rejected, None


def ids(items: list[FeedItem]) -> set[str]:
    """Return the ids of papers, without the registrant that is the same in all DOIs of the samples."""
    return {item.paper.id.removeprefix(f"{journals.REGISTRANT}/") for item in items}
