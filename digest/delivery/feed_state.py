"""Why there are no new papers: a quiet calendar, a late feed and a broken one are different things."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Literal

from digest.domain.paper import LastFetch
from digest.papers.calendar import last_expected

FeedState = Literal["out", "holiday", "late", "fault", "unfed"]
"""`out`: what was expected is here. `holiday`: nothing was expected. `late`: it should be here, and the
feeds answer. `fault`: it should be here, and a feed does not answer. `unfed`: no feed is ever read, papers
are imported by hand."""


def feed_state(
    now: datetime,
    papers_after: date,
    newest_on: date | None,
    fetches: Sequence[LastFetch],
    holidays: Collection[date],
) -> FeedState:
    """Say how it stands with the papers announced after a date, given the newest one stored."""
    expected = last_expected(now, holidays)
    if newest_on is not None and newest_on >= expected and newest_on > papers_after:
        return "out"
    if expected <= papers_after:
        return "holiday"
    if not fetches:
        return "unfed"
    return "fault" if any(fetch.failed for fetch in fetches) else "late"
