from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert

from digest.doctor.freshness import (
    Reading,
    examine_library,
    judge_freshness,
    judge_reading,
    missed_announcements,
)
from digest.domain.paper import FetchStatus
from digest.store import fetches as fetch_store
from digest.store.database import Database
from digest.store.fetches import FetchOutcome
from digest.store.models import papers
from tests.doctor.helpers import NOW, TODAY, a_paper

GRACE = timedelta(hours=6)


# Papers and feeds


@pytest.mark.parametrize(
    ("newest_on", "now", "state"),
    [
        (None, NOW, "bad"),
        (TODAY, NOW, "good"),
        (date(2026, 3, 4), NOW, "warning"),
        (date(2026, 3, 3), NOW, "bad"),
        # 21:00 on Thursday in New York: Friday's listing is an hour old.
        (TODAY, datetime(2026, 3, 6, 2, 0, tzinfo=UTC), "good"),
        (TODAY, datetime(2026, 3, 6, 8, 0, tzinfo=UTC), "warning"),
        # On Sunday at noon the newest announcement is Friday's.
        (date(2026, 3, 6), datetime(2026, 3, 8, 17, 0, tzinfo=UTC), "good"),
        (TODAY, datetime(2026, 3, 8, 17, 0, tzinfo=UTC), "warning"),
    ],
)
def test_papers_are_compared_with_the_announcement_calendar(
    newest_on: date | None, now: datetime, state: str
) -> None:
    assert judge_freshness(newest_on, (), GRACE, now, has_fetches=True).state == state


def test_imported_papers_without_feeds_are_not_a_fault() -> None:
    check = judge_freshness(date(2026, 2, 2), (), GRACE, NOW, has_fetches=False)
    assert check.state == "warning"
    assert "No feed was ever read" in check.finding


def test_holidays_are_not_missed_announcements() -> None:
    # The mailing of Friday 2026-07-03 is deferred: there is no listing on Monday the 6th.
    assert missed_announcements(date(2026, 7, 3), date(2026, 7, 7), ()) == 1
    assert missed_announcements(date(2026, 3, 3), TODAY, ()) == 2
    assert missed_announcements(date(2026, 3, 3), TODAY, {date(2026, 3, 3)}) == 1
    assert missed_announcements(TODAY, TODAY, ()) == 0
    assert missed_announcements(date(2026, 12, 1), TODAY, ()) == 0


@pytest.mark.parametrize(
    ("status", "hours_ago", "good_hours_ago", "state"),
    [
        ("complete", 1, 1, "good"),
        ("partial", 1, 1, "warning"),
        ("failed", 1, 3, "warning"),
        ("failed", 1, 30, "bad"),
        ("failed", 1, None, "bad"),
        ("complete", 60, 60, "warning"),
    ],
)
def test_the_newest_fetch_of_a_feed_is_judged(
    status: FetchStatus, hours_ago: int, good_hours_ago: int | None, state: str
) -> None:
    last_good_at = None if good_hours_ago is None else NOW - timedelta(hours=good_hours_ago)
    reading = Reading("arxiv", status, NOW - timedelta(hours=hours_ago), 80, "It broke off.", last_good_at)
    assert judge_reading("arxiv", reading, NOW).state == state


def fetched(database: Database, source: str, status: FetchStatus, hours_ago: float, error: str = "") -> None:
    at = NOW - timedelta(hours=hours_ago)
    with database.begin() as connection:
        number = fetch_store.begin_fetch(connection, source, at)
        fetch_store.end_fetch(connection, number, FetchOutcome(status, seen=812, error=error), at)


def test_papers_and_fetches_are_read_from_the_database(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(papers), [a_paper(TODAY), a_paper(date(2026, 3, 30))])
        fetch_store.begin_fetch(connection, "arxiv-oai", NOW)
    fetched(database, "arxiv", FetchStatus.COMPLETE, 3)
    fetched(database, "arxiv", FetchStatus.FAILED, 1, "arXiv does not answer.")
    fetched(database, "huggingface", FetchStatus.COMPLETE, 1)
    fetched(database, "arxiv-api", FetchStatus.COMPLETE, -5)
    checks = examine_library(database, ["huggingface", "arxiv", "arxiv-oai", "arxiv-api"], (), GRACE, NOW)
    assert [(check.name, check.state) for check in checks] == [
        ("papers", "good"),
        ("feed huggingface", "good"),
        ("feed arxiv", "warning"),
        ("feed arxiv-oai", "warning"),
        ("feed arxiv-api", "warning"),
    ]
    assert checks[1].finding == "Read 60 minutes ago: 812 papers."
    assert "arXiv does not answer" in checks[2].finding
    assert "never read" in checks[4].finding
