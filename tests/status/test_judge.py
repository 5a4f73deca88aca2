"""What the facts of an installation mean: the state of feeds by the calendar, thresholds, and the verdict."""

from datetime import datetime, timedelta

import pytest

from digest.delivery.decisions import STALE
from digest.doctor.check import State, exit_code
from digest.doctor.space import Space, judge_space
from digest.domain.paper import FetchStatus
from digest.status.facts import Calendar, FeedFacts, Ledger
from digest.status.judge import (
    Freshness,
    freshness,
    judge_bounces,
    judge_complaints,
    judge_edition,
    judge_feed,
    judge_waiting,
    last_edition,
    verdict,
)
from digest.store.health import Queue, Settled
from digest.store.overview import ServerAnswers
from tests.factories import DAY, FRIDAY, MONDAY, SATURDAY, THURSDAY, TUESDAY, WEDNESDAY, at

HOUR = timedelta(hours=1)
CALENDAR = Calendar(frozenset(), 6 * HOUR)
GB = 2**30


def feed(now: datetime, **changes: object) -> FeedFacts:
    """Return a feed that was read half an hour ago and has the newest announcement."""
    usual: dict[str, object] = {
        "source": "arxiv",
        "status": FetchStatus.COMPLETE,
        "finished_at": now - HOUR / 2,
        "newest_known_on": WEDNESDAY,
        "last_good_at": now - HOUR / 2,
    }
    return FeedFacts(**{**usual, **changes})  # type: ignore[arg-type]


NOON = at(WEDNESDAY, 12)


@pytest.mark.parametrize(
    ("now", "changes", "holidays", "state", "judged"),
    [
        (NOON, {}, (), Freshness.FRESH, State.GOOD),
        (at(SATURDAY, 18), {"newest_known_on": FRIDAY}, (), Freshness.QUIET, State.GOOD),
        # A deferral on Tuesday: there is no listing on Wednesday.
        (NOON, {"newest_known_on": TUESDAY}, (TUESDAY,), Freshness.HOLIDAY, State.GOOD),
        # Wednesday's listing was due at 01:00 UTC; a late feed may take six hours.
        (at(WEDNESDAY, 3), {"newest_known_on": TUESDAY}, (), Freshness.LATE, State.GOOD),
        (NOON, {"newest_known_on": TUESDAY}, (), Freshness.LATE, State.WARNING),
        (NOON, {"newest_known_on": MONDAY}, (), Freshness.LATE, State.BAD),
        (NOON, {"newest_known_on": None}, (), Freshness.LATE, State.WARNING),
        (NOON, {"status": FetchStatus.FAILED, "last_good_at": NOON - 3 * HOUR}, (), Freshness.FAULT, State.WARNING),
        (NOON, {"status": FetchStatus.FAILED, "last_good_at": NOON - 2 * DAY}, (), Freshness.FAULT, State.BAD),
        (NOON, {"status": FetchStatus.FAILED, "last_good_at": None}, (), Freshness.FAULT, State.BAD),
        (NOON, {"status": None, "finished_at": None}, (), Freshness.UNREAD, State.WARNING),
        (NOON, {"status": FetchStatus.PARTIAL, "error": "page 2 is broken"}, (), Freshness.FRESH, State.WARNING),
        (NOON, {"finished_at": NOON - 3 * DAY}, (), Freshness.FRESH, State.WARNING),
        # The sample has no calendar.
        (NOON, {"source": "sample", "newest_known_on": MONDAY - 90 * DAY}, (), Freshness.FRESH, State.GOOD),
    ],
)  # fmt: skip
def test_a_feed_is_judged_by_the_calendar(
    now: datetime, changes: dict[str, object], holidays: tuple[object, ...], state: Freshness, judged: State
) -> None:
    calendar = Calendar(frozenset(holidays), CALENDAR.late_feed_wait)  # type: ignore[arg-type]
    one = feed(now, **changes)
    assert freshness(one, calendar, now) is state
    check = judge_feed(one, calendar, now, was_used=True)
    assert check.state is judged
    assert check.state is State.GOOD or check.advice


def test_a_feed_of_a_new_installation_is_not_a_fault_but_a_next_step() -> None:
    check = judge_feed(FeedFacts("arxiv"), CALENDAR, NOON, was_used=False)
    assert check.state is State.GOOD
    assert "digest papers fetch" in check.advice


def answers(accepted: int = 1000, refused: int = 0, bounced: int = 0, complaints: int = 0) -> ServerAnswers:
    return ServerAnswers(accepted, refused, bounced, complaints)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (answers(), State.GOOD),
        (answers(0), State.GOOD),
        (answers(10, bounced=1), State.GOOD),
        (answers(bounced=24), State.GOOD),
        (answers(bounced=25), State.WARNING),
        (answers(bounced=50), State.WARNING),
        (answers(bounced=51), State.BAD),
        (answers(980, refused=20, bounced=31), State.BAD),
    ],
)
def test_bounces_are_judged_at_half_of_five_percent_and_above_it(found: ServerAnswers, state: State) -> None:
    assert judge_bounces(found).state is state


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (answers(100, complaints=1), State.GOOD),
        (answers(3000, complaints=2), State.GOOD),
        (answers(2000, complaints=2), State.WARNING),
        (answers(1000, complaints=3), State.WARNING),
        (answers(1000, complaints=4), State.BAD),
    ],
)
def test_complaints_are_judged_at_a_third_of_three_per_mille_and_above_it(
    found: ServerAnswers, state: State
) -> None:
    assert judge_complaints(found).state is state


@pytest.mark.parametrize(
    ("space", "state"),
    [
        (Space(None, None, None), State.GOOD),
        (Space(None, None, None, 7 * GB), State.GOOD),
        (Space(GB, 40 * GB, None, 7 * GB), State.WARNING),
        (Space(50 * GB, 100 * GB, 0.1), State.GOOD),
        (Space(4 * GB, 4000 * GB, 0.1), State.GOOD),
        (Space(GB, 40 * GB, 0.1), State.WARNING),
        (Space(100 * 2**20, 40 * GB, 0.1), State.BAD),
        (Space(100 * 2**20, 200 * 2**20, 0.1), State.BAD),
        (Space(50 * GB, 100 * GB, 0.95), State.BAD),
    ],
)
def test_a_disk_or_database_that_is_nearly_full_is_reported(space: Space, state: State) -> None:
    assert judge_space(space).state is state


def ledger(*counts: tuple[object, ...]) -> Ledger:
    empty = Queue(0, 0, None, 0, "")
    return Ledger(empty, 0, None, 0, Settled(0, 0, ""), 0.0, counts, 20 * HOUR)  # type: ignore[arg-type]


def test_the_last_edition_is_counted_by_status_and_reason() -> None:
    found = last_edition(
        ledger(
            # Planned by a clock that was ahead.
            (THURSDAY + 9 * DAY, "digest", "planned", "", 1),
            (WEDNESDAY, "confirm", "sent", "", 5),
            (WEDNESDAY, "digest", "sent", "", 90),
            (WEDNESDAY, "digest", "skipped", "no_papers", 4),
            (TUESDAY, "digest", "sent", "", 80),
        ),
        NOON,
    )
    assert found is not None
    day, states, reasons = found
    assert (day, dict(states)) == (WEDNESDAY, {"sent": 90, "skipped": 4})
    assert dict(reasons) == {"skipped: no_papers": 4}


def test_an_edition_that_was_cancelled_as_too_late_is_a_fault() -> None:
    check = judge_edition(
        ledger((WEDNESDAY, "digest", "sent", "", 90), (WEDNESDAY, "digest", "skipped", STALE, 7)), NOON
    )
    assert check.state is State.BAD
    assert "7 cancelled" in check.finding
    assert f"digest run --date {WEDNESDAY}" in check.advice
    assert judge_edition(ledger((WEDNESDAY, "digest", "sent", "", 90)), NOON).state is State.GOOD
    assert judge_edition(ledger(), NOON).state is State.GOOD


def test_a_queue_behind_an_open_circuit_names_the_mail_server() -> None:
    waiting = Queue(5, 5, NOON - 3 * HOUR, 5, "connection lost")
    late = Ledger(waiting, 0, None, 0, Settled(0, 0, ""), 0.0, (), 20 * HOUR)
    assert "mail server" in judge_waiting(late, NOON, is_blocked=True).advice
    assert "digest run" in judge_waiting(late, NOON, is_blocked=False).advice
    assert judge_waiting(ledger(), NOON, is_blocked=True).advice == ""


def test_the_verdict_and_the_exit_code_are_those_of_the_worst_finding() -> None:
    fine, doubt, fault = (
        judge_bounces(answers()),
        judge_bounces(answers(bounced=40)),
        judge_bounces(answers(bounced=90)),
    )
    assert (verdict([fine]), exit_code([fine])) == ("Everything is all right.", 0)
    assert verdict([fine, doubt]).startswith("1 warning:")
    assert exit_code([fine, doubt]) == 1
    assert verdict([fine, doubt, fault]).startswith("1 fault and 1 warning:")
    assert exit_code([fine, doubt, fault]) == 2


def test_the_sample_needs_no_reading() -> None:
    for was_used in (True, False):
        check = judge_feed(FeedFacts("sample"), CALENDAR, at(WEDNESDAY), was_used=was_used)
        assert (check.state, check.advice) == (State.GOOD, "")
