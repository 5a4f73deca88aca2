"""The papers of the demo as a feed, for trying the product without a network."""

from datetime import date, datetime

from digest.domain.paper import FeedItem
from digest.papers.sources.common import Found
from digest.sample import liked_paper, sample_items


class SampleFeed:
    """Made-up papers of the last seven days; equal for equal days."""

    name = "sample"

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield all papers of the week; `since` is not used."""
        del since
        yield FeedItem(liked_paper())
        yield from sample_items(now)
