"""The state of the feeds: complete, without an announcement, late, or failing."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

from digest.domain.paper import LastFetch
from digest.papers.calendar import CALENDAR_SOURCES, COUNTING_SOURCES, last_expected


class FeedState(StrEnum):
    """Whether the papers that the feeds should have announced are stored."""

    COMPLETE = "complete"
    """The expected papers are stored."""
    HOLIDAY = "holiday"
    """No papers were expected."""
    LATE = "late"
    """Expected papers are missing, and all feeds answer."""
    FAULT = "fault"
    """Expected papers are missing, and a feed fails."""
    NO_FEED = "no_feed"
    """No feed is read; papers are imported by hand."""


def newest_expected(newest_on: date | None, newest_of_sources: Mapping[str, date]) -> date | None:
    """Return the newest announcement of the feeds that follow the calendar; of all papers where there is no such feed.

    An archive that posts every day would otherwise hide that arXiv's papers are late.
    """
    followed = [day for source, day in newest_of_sources.items() if source in CALENDAR_SOURCES]
    if newest_on is None or not followed or len(followed) == len(newest_of_sources):
        return newest_on
    return min(newest_on, max(followed))


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
        return FeedState.COMPLETE
    if expected <= papers_after:
        return FeedState.HOLIDAY
    announcing = [fetch for fetch in fetches if fetch.source not in COUNTING_SOURCES]
    if not announcing:
        return FeedState.NO_FEED
    # The papers that the calendar expects come from these; a broken feed of a journal is not why they are missing.
    expected_from = [fetch for fetch in announcing if fetch.source in CALENDAR_SOURCES] or announcing
    return FeedState.FAULT if any(fetch.failed for fetch in expected_from) else FeedState.LATE
