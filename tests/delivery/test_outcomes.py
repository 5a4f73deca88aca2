"""What is decided about a delivery, in tables: pure functions, at the very limits of their times."""

from datetime import timedelta

import pytest

from digest.delivery.decisions import (
    LOOK_AGAIN,
    NOTES,
    NOTHING_FITS,
    Cancel,
    Outcome,
    Retry,
    Send,
    Skip,
    WaitPolicy,
    decide,
    pause,
    pause_suspected,
    quiet_reason,
    reason_to_cancel,
)
from digest.delivery.feed_state import FeedState
from digest.domain.delivery import Delivery, Kind
from digest.domain.subscriber import Status
from tests.factories import TUESDAY, WEDNESDAY, at

DUE = at(TUESDAY, 7)
SECOND = timedelta(seconds=1)
POLICY = WaitPolicy()
END = DUE + POLICY.late_feed_wait


@pytest.mark.parametrize(
    ("kind", "picks", "considered", "state", "now", "outcome"),
    [
        (Kind.DIGEST, 1, 9, FeedState.FAULT, DUE, Send()),
        (Kind.WELCOME, 0, 0, FeedState.FAULT, DUE, Send()),
        (Kind.CATCH_UP, 1, 9, FeedState.LATE, DUE, Send()),
        (Kind.CATCH_UP, 0, 0, FeedState.LATE, DUE, Skip("late feed")),
        (Kind.CATCH_UP, 0, 5, FeedState.COMPLETE, DUE, Skip("nothing fits")),
        (Kind.DIGEST, 0, 5, FeedState.COMPLETE, DUE, Skip("nothing fits")),
        (Kind.DIGEST, 0, 0, FeedState.HOLIDAY, DUE, Skip("no announcement")),
        (Kind.DIGEST, 0, 0, FeedState.NO_FEED, DUE, Skip("nothing new")),
        (Kind.DIGEST, 0, 0, FeedState.LATE, DUE, Retry(DUE + LOOK_AGAIN, "late feed")),
        (Kind.DIGEST, 0, 0, FeedState.FAULT, DUE, Retry(DUE + LOOK_AGAIN, "feed fault")),
        # The last look is at the end of the wait, not after it.
        (Kind.DIGEST, 0, 0, FeedState.LATE, END - SECOND, Retry(END, "late feed")),
        (Kind.DIGEST, 0, 0, FeedState.LATE, END, Skip("late feed")),
        (Kind.DIGEST, 0, 0, FeedState.FAULT, END, Skip("feed fault")),
    ],
)
def test_a_delivery_is_sent_skipped_or_waits(
    kind: Kind, picks: int, considered: int, state: FeedState, now: object, outcome: Outcome
) -> None:
    assert decide(kind, picks, considered, state, DUE, now, POLICY) == outcome  # type: ignore[arg-type]


@pytest.mark.parametrize("state", FeedState)
def test_papers_that_do_not_fit_are_the_reason_whatever_the_feeds_do(state: FeedState) -> None:
    assert quiet_reason(1, state) == NOTHING_FITS
    policy = WaitPolicy(quiet_day="note")
    assert decide(Kind.DIGEST, 0, 1, state, DUE, END, policy) == Send(NOTES[NOTHING_FITS], NOTHING_FITS)


@pytest.mark.parametrize("state", FeedState)
def test_a_note_says_what_a_skipped_digest_records(state: FeedState) -> None:
    policy = WaitPolicy(quiet_day="note")
    reason = quiet_reason(0, state)
    assert decide(Kind.DIGEST, 0, 0, state, DUE, END, policy) == Send(NOTES[reason], reason)


@pytest.mark.parametrize(
    ("attempts", "asked", "jitter", "seconds"),
    [
        (0, None, 0.0, 150),
        (1, None, 0.0, 150),
        (1, None, 0.5, 225),
        (2, None, 0.0, 300),
        (3, 0.0, 0.5, 900),
        (5, None, 0.0, 2400),
        (6, None, 0.0, 3600),
        (40, None, 0.5, 5400),
        (1, 1000.0, 0.5, 1000),
        (6, 10.0, 0.0, 3600),
    ],
)
def test_the_pause_after_a_temporary_refusal(
    attempts: int, asked: float | None, jitter: float, seconds: int
) -> None:
    assert pause(attempts, asked, jitter) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("attempts", "hours"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (9, 16)])
def test_the_pause_after_a_refusal_that_is_not_confirmed(attempts: int, hours: int) -> None:
    assert pause_suspected(attempts) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        (Kind.CONFIRM, Status.ACTIVE, "already active"),
        (Kind.GOODBYE, Status.ACTIVE, "already active"),
        (Kind.DIGEST, Status.PENDING, "unconfirmed"),
        (Kind.DIGEST, Status.PAUSED, "paused"),
        (Kind.WELCOME, Status.UNSUBSCRIBED, "unsubscribed"),
    ],
)
def test_a_cancelled_delivery_says_why(kind: Kind, status: Status, reason: str) -> None:
    delivery = Delivery(1, 1, kind, TUESDAY, DUE, 1, None, False)
    assert reason_to_cancel(delivery, status, TUESDAY, DUE, POLICY) == Cancel(reason)


def test_a_delivery_is_stale_just_after_its_limit() -> None:
    delivery = Delivery(1, 1, Kind.DIGEST, WEDNESDAY, DUE, 1, None, False)
    limit = DUE + POLICY.stale_after
    assert reason_to_cancel(delivery, Status.ACTIVE, TUESDAY, limit, POLICY) is None
    assert reason_to_cancel(delivery, Status.ACTIVE, TUESDAY, limit + SECOND, POLICY) == Cancel("stale")
