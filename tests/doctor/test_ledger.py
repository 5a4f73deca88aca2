from datetime import timedelta

import pytest
from sqlalchemy import insert

from digest.doctor.ledger import examine_ledger, judge_planning, judge_queue, judge_settled, judge_zones
from digest.store.database import Database
from digest.store.health import Queue, Settled
from digest.store.models import deliveries, subscribers
from tests.doctor.helpers import NOW, TODAY, a_subscriber

STALE = timedelta(hours=20)


def a_delivery(subscriber: int, status: str, **changes: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "subscriber_id": subscriber,
        "kind": "digest",
        "edition_on": TODAY,
        "status": status,
        "reason": "",
        "due_at": NOW,
        "next_try_at": None,
        "attempts": 1,
        "settled_at": None,
    }
    return usual | changes


# The ledger


@pytest.mark.parametrize(("count", "hours", "state"), [(0, 0, "good"), (3, 4, "warning"), (3, 21, "bad")])
def test_subscribers_without_planned_deliveries_are_reported(count: int, hours: int, state: str) -> None:
    since = NOW - timedelta(hours=hours) if count else None
    assert judge_planning(count, since, STALE, NOW).state == state


@pytest.mark.parametrize(
    ("overdue", "hours", "state"), [(0, 0, "good"), (5, 1, "good"), (5, 3, "warning"), (5, 21, "bad")]
)
def test_overdue_deliveries_are_reported(overdue: int, hours: int, state: str) -> None:
    since = NOW - timedelta(hours=hours) if overdue else None
    check = judge_queue(Queue(7, overdue, since, 2, "The server asks to wait."), STALE, NOW)
    assert check.state == state
    assert "2 will be tried again (The server asks to wait)" in check.finding


@pytest.mark.parametrize(
    ("sent", "failed", "state"),
    [(0, 0, "good"), (10, 0, "good"), (999, 1, "good"), (90, 10, "warning"), (4, 1, "bad"), (0, 1, "bad")],
)
def test_failed_mails_are_judged_by_their_share(sent: int, failed: int, state: str) -> None:
    assert judge_settled(Settled(sent, failed, "No such mailbox.")).state == state


def test_the_ledger_is_read_from_the_database(database: Database) -> None:
    old, lately = NOW - timedelta(days=2), NOW - timedelta(hours=2)
    with database.begin() as connection:
        connection.execute(
            insert(subscribers),
            [
                a_subscriber(1, NOW - timedelta(hours=5)),
                a_subscriber(2, NOW - timedelta(hours=1)),
                a_subscriber(3, NOW + timedelta(hours=9)),
                a_subscriber(13, NOW + timedelta(days=365)),
                a_subscriber(4, NOW - timedelta(days=9), status="unsubscribed"),
                *(a_subscriber(number) for number in range(5, 13)),
            ],
        )
        connection.execute(
            insert(deliveries),
            [
                a_delivery(1, "failed", settled_at=old, reason="Long ago."),
                a_delivery(2, "failed", settled_at=lately, reason="No such mailbox."),
                a_delivery(3, "failed", settled_at=lately, reason="No such mailbox."),
                a_delivery(4, "failed", settled_at=lately, reason="Another."),
                *(a_delivery(number, "sent", settled_at=lately) for number in (5, 6, 7)),
                a_delivery(8, "skipped", settled_at=lately, reason="Nothing new."),
                a_delivery(9, "planned", next_try_at=NOW + timedelta(hours=1), attempts=0),
                a_delivery(10, "planned", next_try_at=NOW - timedelta(hours=3), reason="Asks to wait."),
                a_delivery(11, "claimed", next_try_at=NOW + timedelta(minutes=5)),
            ],
        )
    planning, strayed, zones, queue, settled = examine_ledger(database, STALE, NOW)
    assert (strayed.state, "1 subscriber would" in strayed.finding) == ("warning", True)
    assert (planning.state, zones.state, queue.state, settled.state) == ("warning", "good", "warning", "bad")
    assert planning.finding == "1 digest should have been planned, the first 5 hours ago."
    assert "1 delivery waits to be sent, the first for 3 hours" in queue.finding
    assert "1 will be tried again (Asks to wait)" in queue.finding
    assert settled.finding == "3 of 6 failed during the last day (50.0%). Most often: No such mailbox."


def test_an_empty_ledger_is_good(database: Database) -> None:
    assert {check.state for check in examine_ledger(database, STALE, NOW)} == {"good"}


def test_a_time_zone_that_this_machine_does_not_know_is_reported() -> None:
    assert judge_zones({"UTC": 4, "Asia/Tokyo": 1}).state == "good"
    check = judge_zones({"UTC": 4, "Mars/Base": 2})
    assert (check.state, "Mars/Base, so 2 subscribers" in check.finding) == ("bad", True)
