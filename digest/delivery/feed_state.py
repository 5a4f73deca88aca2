"""The state of the feeds: papers are out, none were announced, they are late, or a feed fails."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Literal

from digest.domain.paper import LastFetch
from digest.papers.calendar import last_expected

FeedState = Literal["out", "holiday", "late", "fault", "no_feed"]
"""`out`: the expected papers are stored. `holiday`: none were expected. `late`: expected papers are missing, and
all feeds answer. `fault`: expected papers are missing, and a feed fails. `no_feed`: no feed is read; papers are
imported by hand."""


def feed_state(
    now: datetime,
    papers_after: date,
    newest_on: date | None,
    fetches: Sequence[LastFetch],
    holidays: Collection[date],
) -> FeedState:
    """Return the state of the feeds for papers announced after a date, given the newest stored announcement."""
    expected = last_expected(now, holidays)
    if newest_on is not None and newest_on >= expected and newest_on > papers_after:
        return "out"
    if expected <= papers_after:
        return "holiday"
    if not fetches:
        return "no_feed"
    return "fault" if any(fetch.failed for fetch in fetches) else "late"
