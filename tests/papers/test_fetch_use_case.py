"""Fetching a feed: good papers are stored, and one row has the result."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from digest.domain.paper import FeedItem
from digest.errors import DigestError, StopRun, TryLater
from digest.papers.fetch import fetch, fetch_status
from digest.papers.ingest import IngestResult
from digest.papers.sources.common import Rejected
from digest.store import fetches as fetch_store
from digest.store import papers as paper_store
from digest.store.database import Database
from tests.factories import MONDAY, TUESDAY, Clock, at, make_papers


@dataclass
class Canned:
    """A feed that yields given items, then raises a given error."""

    items: list[FeedItem | Rejected]
    error: Exception | None = None
    name: str = "arxiv"
    asked: list[tuple[date, datetime]] = field(default_factory=list)

    def fetch(self, since: date, now: datetime) -> Iterator[FeedItem | Rejected]:
        self.asked.append((since, now))
        yield from self.items
        if self.error:
            raise self.error


def good(count: int) -> list[FeedItem | Rejected]:
    return [FeedItem(paper) for paper in make_papers(count)]


def row(database: Database) -> Any:
    with database.read() as connection:
        (found,) = fetch_store.newest_fetches(connection, at(TUESDAY, 23))
    return found


def test_a_good_fetch_is_complete(database: Database) -> None:
    clock, feed = Clock(at(TUESDAY)), Canned(good(5))
    fetched = fetch(database, feed, MONDAY, clock)
    assert (fetched.status, fetched.error, feed.asked) == ("complete", "", [(MONDAY, at(TUESDAY))])
    written = row(database)
    assert (written.status, written.seen, written.added, written.changed) == ("complete", 5, 5, 0)
    assert (written.newest_on, written.rejected, written.error) == (TUESDAY, 0, "")
    assert (written.started_at, written.finished_at) == (at(TUESDAY), at(TUESDAY))


@pytest.mark.parametrize("error", [TryLater("The feed is busy.", 60), StopRun("The feed refuses us.")])
@pytest.mark.parametrize("came", [0, 3])
def test_items_before_a_fetch_breaks_off_are_stored(
    database: Database, error: DigestError, came: int
) -> None:
    fetched = fetch(database, Canned(good(came), error), MONDAY, Clock(at(TUESDAY)))
    assert fetched.status == ("partial" if came else "failed")
    assert fetched.error == str(error)
    written = row(database)
    assert (written.status, written.added, written.error) == (fetched.status, came, str(error))
    with database.read() as connection:
        assert paper_store.count_papers(connection) == came
        (last,) = fetch_store.last_fetches(connection, at(TUESDAY, 23))
    assert last.failed == (came == 0)


def test_rejected_items_are_reported(database: Database) -> None:
    feed = Canned(
        [*good(2), Rejected("arxiv item 3", "the title is missing"), Rejected("arxiv item 4", "no id")]
    )
    fetched = fetch(database, feed, MONDAY, Clock(at(TUESDAY)))
    assert fetched.status == "partial"
    assert fetched.error == "2 items left out, the first at arxiv item 3: the title is missing"
    assert row(database).rejected == 2


def test_a_long_error_is_shortened_in_the_table(database: Database) -> None:
    fetch(database, Canned([], TryLater("x" * 5000)), MONDAY, Clock(at(TUESDAY)))
    assert len(row(database).error) == 500


def test_the_newest_fetch_of_each_feed_counts(database: Database) -> None:
    for hour, name, error in ((1, "arxiv", None), (2, "huggingface", None), (3, "arxiv", TryLater("busy"))):
        fetch(database, Canned([], error, name), MONDAY, Clock(at(TUESDAY, hour)))
    with database.read() as connection:
        at_two = fetch_store.last_fetches(connection, at(TUESDAY, 2))
        later = fetch_store.last_fetches(connection, at(TUESDAY, 4))
    assert [(one.source, one.failed) for one in at_two] == [("arxiv", False), ("huggingface", False)]
    assert [(one.source, one.failed) for one in later] == [("arxiv", True), ("huggingface", False)]


def test_an_unfinished_fetch_does_not_count(database: Database) -> None:
    with database.begin() as connection:
        fetch_store.begin_fetch(connection, "arxiv", at(TUESDAY))
    with database.read() as connection:
        assert fetch_store.last_fetches(connection, at(TUESDAY, 9)) == []


def test_a_fetch_without_new_papers_is_complete() -> None:
    assert fetch_status(IngestResult()) == "complete"


def test_an_unexpected_error_is_one_line_and_a_row(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    fetched = fetch(
        database, Canned(good(3), OverflowError("date value out of range")), MONDAY, Clock(at(TUESDAY))
    )
    assert (fetched.status, fetched.intake.error is not None) == ("failed", True)
    assert "OverflowError at papers/test_fetch_use_case.py" in fetched.error
    assert fetched.error.endswith("; please report it.")
    assert "\n" not in fetched.error
    assert row(database).error == fetched.error
    (record,) = caplog.records
    assert "OverflowError at papers/test_fetch_use_case.py" in record.getMessage()
    assert record.exc_info is None


def test_a_fetch_ends_when_the_process_stops(database: Database) -> None:
    answers = iter([False, False, True])
    fetched = fetch(database, Canned(good(5)), MONDAY, Clock(at(TUESDAY)), lambda: next(answers))
    assert (fetched.status, fetched.intake.added) == ("partial", 2)
    assert "was stopped" in fetched.error


@pytest.mark.parametrize("absurd", [date.min, date.max, date(1899, 12, 31), TUESDAY + timedelta(days=60)])
def test_a_day_out_of_range_affects_only_its_paper(database: Database, absurd: date) -> None:
    first, second = make_papers(2)
    feed = Canned([FeedItem(replace(first, announced_on=absurd)), FeedItem(second)])
    fetched = fetch(database, feed, MONDAY, Clock(at(TUESDAY)))
    assert (fetched.status, fetched.intake.added) == ("partial", 1)
    assert f"{first.id}: the date {absurd} is out of range" in fetched.error
    assert row(database).newest_on == second.announced_on
