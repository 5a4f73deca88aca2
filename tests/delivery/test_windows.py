"""A paper is new on the day it was announced: each edition covers the papers announced since the last one."""

from datetime import date, timedelta

import pytest

from digest.delivery.deliver import deliver_ready
from digest.delivery.plan import plan_edition
from digest.delivery.select_papers import SelectionSettings
from digest.domain.paper import Paper
from digest.domain.subscriber import Status
from digest.jobs.daily import Job, dry_run
from digest.store.database import Database
from digest.store.subscribers import page
from digest.subscribers.preferences import pause, resume
from tests.factories import (
    DAY,
    FRIDAY,
    MONDAY,
    SECRET,
    SUBJECTS,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_paper,
    make_papers,
    received_by,
    whole_run,
)

DAYS_STORED = 250


@pytest.fixture
def year(database: Database) -> Database:
    """Return a database with papers of most of a year around THURSDAY, imported together later."""
    papers: list[Paper] = []
    for back in range(-30, DAYS_STORED):
        day = THURSDAY - back * DAY
        papers += [
            make_paper(
                1000 + back * 2 + turn,
                list(SUBJECTS)[back % 4],
                paper_id=f"2501.{10_000 + back * 2 + turn:05}",
                announced_on=day,
                # Different texts; otherwise a digest of many days would fold near-duplicates.
                abstract=" ".join(f"word{back + 30}part{turn}turn{index}" for index in range(40)),
            )
            for turn in range(2)
        ]
    add_papers(database, *papers, now=at(date(2026, 6, 1)))
    return database


def announced(paper_ids: list[str]) -> set[date]:
    """Return the days on which papers of the year were announced."""
    return {THURSDAY - ((int(one[5:]) - 10_000) // 2) * DAY for one in paper_ids}


def test_a_first_digest_covers_the_last_seven_days(year: Database) -> None:
    subscriber = add_subscriber(year, max_papers=50)
    deliver_due(delivery_context(year), at(THURSDAY))
    assert announced(received_by(year, subscriber)[THURSDAY]) == {THURSDAY - back * DAY for back in range(7)}


def test_a_digest_after_three_days_covers_three_days(year: Database) -> None:
    subscriber = add_subscriber(year, max_papers=50)
    post = delivery_context(year)
    for day in (TUESDAY, WEDNESDAY, THURSDAY, FRIDAY):
        deliver_due(post, at(day))
    received = received_by(year, subscriber)
    for day in (WEDNESDAY, THURSDAY, FRIDAY):
        assert announced(received[day]) == {day}
    everything = [paper for papers in received.values() for paper in papers]
    assert len(everything) == len(set(everything))


def test_a_weekly_digest_covers_the_week(year: Database) -> None:
    subscriber = add_subscriber(year, frequency="weekly", max_papers=50)
    post = delivery_context(year)
    for ahead in range(15):
        deliver_due(post, at(MONDAY + ahead * DAY))
    received = received_by(year, subscriber)
    assert list(received) == [MONDAY, MONDAY + 7 * DAY, MONDAY + 14 * DAY]
    assert announced(received[MONDAY + 7 * DAY]) == {MONDAY + ahead * DAY for ahead in range(1, 8)}


def test_a_weekday_digest_on_monday_covers_the_weekend(year: Database) -> None:
    subscriber = add_subscriber(year, frequency="weekdays", max_papers=50)
    post = delivery_context(year)
    for ahead in range(4, 8):
        deliver_due(post, at(MONDAY + ahead * DAY))
    received = received_by(year, subscriber)
    assert list(received) == [FRIDAY, MONDAY + 7 * DAY]
    assert announced(received[MONDAY + 7 * DAY]) == {FRIDAY + ahead * DAY for ahead in (1, 2, 3)}


@pytest.mark.parametrize("days", [5, 40])
def test_the_window_after_a_pause_is_limited(year: Database, days: int) -> None:
    subscriber = add_subscriber(year, max_papers=50)
    start = THURSDAY - 40 * DAY
    post = delivery_context(year, selection_settings=SelectionSettings(catch_up_days=14))
    deliver_due(post, at(start))
    pause(year, subscriber.address, None, at(start, 9))
    back = start + days * DAY
    resume(year, SECRET, subscriber.address, at(WEDNESDAY))
    deliver_due(post, at(back))
    assert announced(received_by(year, subscriber)[back]) == {
        back - one * DAY for one in range(min(days, 14))
    }


def test_an_earlier_now_sends_nothing_new(year: Database) -> None:
    subscriber = add_subscriber(year, max_papers=50)
    post = delivery_context(year)
    deliver_due(post, at(THURSDAY))
    for day in (TUESDAY, WEDNESDAY):
        assert whole_run(post, at(day)).deliveries.sent == 0
        assert whole_run(post, at(THURSDAY, 9), edition_on=day).deliveries.sent == 0
    assert list(received_by(year, subscriber)) == [THURSDAY]
    # The subscriber's later editions are not affected.
    assert deliver_due(post, at(FRIDAY)).sent == 1
    assert announced(received_by(year, subscriber)[FRIDAY]) == {FRIDAY}


def test_the_announcement_counts_not_the_hours(year: Database) -> None:
    subscriber = add_subscriber(year, max_papers=50, timezone="Pacific/Auckland", hour=7)
    post = delivery_context(year)
    # 18:00 UTC on the day before is seven in the morning in Auckland.
    for day in (TUESDAY, WEDNESDAY, THURSDAY):
        deliver_due(post, at(day - DAY, 18))
    received = received_by(year, subscriber)
    assert list(received) == [TUESDAY, WEDNESDAY, THURSDAY]
    assert announced(received[THURSDAY]) == {WEDNESDAY}


def test_trending_papers_are_at_most_a_week_old(database: Database) -> None:
    add_papers(database, make_paper(1, announced_on=FRIDAY), now=at(FRIDAY, 1), upvotes=90)
    subscriber = add_subscriber(database, now=at(FRIDAY, 0))
    post = delivery_context(database)
    deliver_due(post, at(FRIDAY))
    last_monday = MONDAY - 7 * DAY
    for number, day in ((2, MONDAY), (3, last_monday)):
        # Old papers with many new votes.
        add_papers(database, make_paper(number, announced_on=day), now=at(FRIDAY, 9), upvotes=80)
    next_monday = MONDAY + 7 * DAY
    add_papers(database, make_paper(4, announced_on=next_monday), now=at(next_monday, 1))
    deliver_due(post, at(next_monday))
    got = received_by(database, subscriber)[next_monday]
    assert "2603.00002" in got
    assert "2603.00003" not in got


def test_papers_fetched_late_are_in_the_next_edition(database: Database) -> None:
    add_papers(database, *make_papers(3))
    subscriber = add_subscriber(database)
    post = delivery_context(database)
    deliver_due(post, at(TUESDAY))
    # Announced on Monday and Tuesday, but fetched on Tuesday evening: no earlier digest could have them.
    late = [make_paper(40, announced_on=TUESDAY), make_paper(41, announced_on=MONDAY)]
    add_papers(database, *late, now=at(TUESDAY, 20))
    add_papers(database, make_paper(50, announced_on=WEDNESDAY), now=at(WEDNESDAY, 1))
    deliver_due(post, at(WEDNESDAY))
    assert sorted(received_by(database, subscriber)[WEDNESDAY]) == ["2603.00040", "2603.00041", "2603.00050"]


def test_papers_fetched_weeks_late_are_not_new(database: Database) -> None:
    add_papers(database, *make_papers(3))
    subscriber = add_subscriber(database)
    post = delivery_context(database)
    deliver_due(post, at(TUESDAY))
    add_papers(database, make_paper(40, announced_on=TUESDAY - 20 * DAY), now=at(TUESDAY, 20))
    add_papers(database, make_paper(50, announced_on=WEDNESDAY), now=at(WEDNESDAY, 1))
    deliver_due(post, at(WEDNESDAY))
    assert received_by(database, subscriber)[WEDNESDAY] == ["2603.00050"]


def test_the_papers_of_a_cancelled_edition_are_in_the_next(database: Database) -> None:
    add_papers(database, *make_papers(3))
    subscriber = add_subscriber(database)
    plan_edition(database, TUESDAY, at(TUESDAY))
    add_papers(database, *make_papers(2, first=20, announced_on=WEDNESDAY), now=at(WEDNESDAY, 1))
    post = delivery_context(database)
    # There was no run on Tuesday: Wednesday's digest has both days.
    summary = deliver_due(post, at(WEDNESDAY, 7))
    assert dict(summary.skipped) == {"superseded": 1}
    assert len(received_by(database, subscriber)[WEDNESDAY]) == 5


def test_a_dry_run_selects_what_the_run_sends_and_writes_nothing(year: Database) -> None:
    post = delivery_context(year)
    subscriber = add_subscriber(year, max_papers=4)
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        (rehearsed,) = dry_run(year, post.composer, Job(), at(day))
        assert day not in [row.edition_on for row in deliveries_of(year, subscriber)]
        deliver_due(post, at(day))
        assert [pick.card.paper_id for pick in rehearsed.picks] == received_by(year, subscriber)[day]
        assert dry_run(year, post.composer, Job(), at(day)) == []


# Late runs.


@pytest.mark.parametrize("late", [timedelta(hours=2), timedelta(hours=23), timedelta(days=3)])
@pytest.mark.parametrize("frequency", ["daily", "weekly"])
def test_after_an_outage_the_newest_edition_is_sent(
    database: Database, late: timedelta, frequency: str
) -> None:
    add_papers(database, *make_papers(3, announced_on=MONDAY))
    subscriber = add_subscriber(database, frequency=frequency, next_due_at=at(MONDAY, 7))
    now = at(MONDAY, 7) + late
    assert whole_run(delivery_context(database), now).deliveries.sent == 1
    assert whole_run(delivery_context(database), now + timedelta(minutes=1)).deliveries.sent == 0
    (row,) = deliveries_of(database, subscriber)
    assert row.edition_on <= now.date()


def test_a_daily_job_at_any_hour_serves_subscribers_of_every_hour(database: Database) -> None:
    """With cron once a day at any hour, every daily subscriber gets a mail from each run."""
    subscribers = [
        add_subscriber(database, f"r{hour}@example.org", hour=hour) for hour in (0, 5, 6, 7, 8, 23)
    ]
    post, clock = delivery_context(database), Clock(at(MONDAY, 6))
    for ahead in range(6):
        day = MONDAY + ahead * DAY
        add_papers(database, make_paper(ahead + 1, announced_on=day), now=at(day, 1))
        whole_run(post, clock())
        clock.advance(days=1)
    for subscriber in subscribers:
        sent = received_by(database, subscriber)
        assert len(sent) >= 5, subscriber.address
        assert len({paper for papers in sent.values() for paper in papers}) == 6


def test_waiting_deliveries_are_sent_by_the_next_run(database: Database) -> None:
    add_papers(database, *make_papers(3))
    add_subscriber(database)
    assert plan_edition(database, TUESDAY, at(TUESDAY)) == 1
    assert deliver_ready(delivery_context(database), lambda: at(TUESDAY, 7)).sent == 0, "not before it is due"
    assert deliver_ready(delivery_context(database), lambda: at(TUESDAY, 9)).sent == 1


def test_a_run_deletes_unconfirmed_subscribers(database: Database) -> None:
    add_subscriber(
        database, "early@example.org", status=Status.PENDING, now=at(MONDAY - timedelta(days=14), 9)
    )
    add_subscriber(database, "late@example.org", status=Status.PENDING, now=at(MONDAY, 9))

    whole_run(delivery_context(database), at(THURSDAY, 9))

    with database.read() as connection:
        assert [one.address for one in page(connection)] == ["late@example.org"]
