from collections.abc import Callable
from datetime import UTC, date, datetime

from digest.domain.paper import Sighting
from digest.errors import DigestError
from digest.papers.sources.common import Rejected, Source
from tests.papers import samples

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

TODAY = date(2026, 3, 4)

GOOD = {
    "huggingface": samples.daily_page(samples.daily_item("2603.00001"), samples.daily_item("2603.00002")),
    "arxiv": samples.atom_feed(samples.atom_entry("2603.00001"), samples.atom_entry("2603.00002")).encode(),
    "arxiv-oai": samples.oai_list(
        samples.oai_record("2603.00001"), samples.oai_record("2603.00002")
    ).encode(),
    "arxiv-api": samples.api_page(samples.api_entry("2603.00001"), samples.api_entry("2603.00002")).encode(),
}

Make = Callable[[str], Source]


def gathered(
    source: Source, since: date = TODAY
) -> tuple[list[Sighting], list[Rejected], DigestError | None]:
    """Take all that a source gives, and the error that ended it."""
    sightings: list[Sighting] = []
    rejected: list[Rejected] = []
    try:
        for item in source.fetch(since, NOW):
            if isinstance(item, Sighting):
                sightings.append(item)
            else:
                rejected.append(item)
    except DigestError as error:
        return sightings, rejected, error
    return sightings, rejected, None


def ids(sightings: list[Sighting]) -> set[str]:
    return {sighting.paper.id for sighting in sightings}
