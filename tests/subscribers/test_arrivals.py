"""The welcome after a confirmation, the catch-up after a pause, the goodbye after an unsubscription."""

from datetime import date, timedelta
from typing import Any

import pytest

from digest.delivery.deliver import deliver_ready
from digest.delivery.plan import plan_due, plan_edition
from digest.domain.delivery import Kind
from digest.domain.subscriber import Status, Subscriber
from digest.errors import BadLink
from digest.mail.file_transports import MemoryTransport
from digest.store.database import Database
from digest.subscribers.arrivals import WELCOME_WAIT
from digest.subscribers.consent import undo_unsubscription, unsubscribe
from digest.subscribers.preferences import Change, change, pause, resume
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import confirm
from tests.factories import (
    MONDAY,
    SECRET,
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_papers,
    received_by,
    subscriber_now,
)

DAY = timedelta(days=1)
TOPICS = ["gaussian splatting"]


def kinds_of(database: Database, subscriber: Subscriber) -> list[str]:
    return [row.kind for row in deliveries_of(database, subscriber)]


def mail_of(transport: MemoryTransport, number: int = -1) -> str:
    return transport.envelopes[number].content.decode("ascii")


@pytest.fixture
def transport() -> MemoryTransport:
    return MemoryTransport()


@pytest.fixture
def context(database: Database, transport: MemoryTransport) -> Any:
    return delivery_context(database, transport)


def test_a_welcome_is_sent_at_once_and_the_next_digest_comes_another_day(
    database: Database, context: Any, transport: MemoryTransport
) -> None:
    add_papers(database, *make_papers(8))
    subscriber = add_subscriber(database, status=Status.PENDING, topics=TOPICS)
    deliver_due(context, at(TUESDAY, 6))
    confirm(database, SECRET, subscriber.address, at(TUESDAY, 6), "test")
    assert deliver_ready(context, lambda: at(TUESDAY, 6)).sent == 1
    assert "Subject: Welcome: " in mail_of(transport)
    assert "List-Unsubscribe: " in mail_of(transport)
    # The usual hour of the same day brings nothing more.
    assert deliver_due(context, at(TUESDAY, 8)).sent == 0
    add_papers(database, *make_papers(8, first=100, announced_on=WEDNESDAY))
    assert deliver_due(context, at(WEDNESDAY, 8)).sent == 1
    assert kinds_of(database, subscriber) == ["confirm", "welcome", "digest"]
    first, second = received_by(database, subscriber).values()
    assert not set(first) & set(second)


def test_a_welcome_waits_for_the_first_interests_but_not_for_long(
    database: Database, context: Any, transport: MemoryTransport
) -> None:
    add_papers(database, *make_papers(8))
    subscriber = add_subscriber(database, status=Status.PENDING)
    confirm(database, SECRET, subscriber.address, at(TUESDAY, 6), "test")
    deliver_ready(context, lambda: at(TUESDAY, 6))
    assert not transport.envelopes
    soon = at(TUESDAY, 6) + timedelta(minutes=2)
    change(database, ProfileBuilder(), subscriber.address, Change(topics=("gaussian splatting",)), soon)
    deliver_ready(context, lambda: soon)
    assert "gaussian splatting" in mail_of(transport)
    other = add_subscriber(database, "bo@example.org", status=Status.PENDING)
    confirm(database, SECRET, other.address, at(TUESDAY, 6), "test")
    deliver_ready(context, lambda: at(TUESDAY, 6) + WELCOME_WAIT)
    assert len(transport.envelopes) == 2
    assert "preferences" in mail_of(transport)


def test_a_welcome_is_sent_without_papers(
    database: Database, context: Any, transport: MemoryTransport
) -> None:
    subscriber = add_subscriber(database, status=Status.PENDING, topics=TOPICS)
    confirm(database, SECRET, subscriber.address, at(TUESDAY, 6), "test")
    deliver_ready(context, lambda: at(TUESDAY, 6))
    assert "Subject: Welcome to Trending papers" in mail_of(transport)


def test_no_welcome_is_planned_without_digests_or_twice(database: Database) -> None:
    off = add_subscriber(database, status=Status.PENDING, frequency="off")
    confirm(database, SECRET, off.address, at(TUESDAY, 6), "test")
    assert kinds_of(database, off) == ["confirm"]
    twice = add_subscriber(database, "bo@example.org", status=Status.PENDING)
    for _ in range(2):
        confirm(database, SECRET, twice.address, at(TUESDAY, 6), "test")
    assert kinds_of(database, twice) == ["confirm", "welcome"]


def paused_for(database: Database, context: Any, days: int, until: date | None) -> Subscriber:
    """Return a subscriber who got a digest on Monday and then paused, with papers on each day since."""
    add_papers(database, *make_papers(4, announced_on=MONDAY))
    subscriber = add_subscriber(database, topics=TOPICS)
    deliver_due(context, at(MONDAY, 8))
    pause(database, subscriber.address, until, at(MONDAY, 9))
    for day in range(1, days + 1):
        add_papers(database, *make_papers(2, first=100 * day, announced_on=MONDAY + day * DAY))
    return subscriber


def test_a_catch_up_comes_at_once_after_a_pause_and_replaces_the_digest_of_that_day(
    database: Database, context: Any, transport: MemoryTransport
) -> None:
    subscriber = paused_for(database, context, 8, None)
    back = at(MONDAY + 8 * DAY, 10)
    resume(database, SECRET, subscriber.address, back)
    deliver_due(context, back)
    assert kinds_of(database, subscriber) == ["digest", "catch_up"]
    assert "Subject: While you were away: " in mail_of(transport)
    assert "since 2 March 2026" in mail_of(transport)
    add_papers(database, *make_papers(2, first=2000, announced_on=MONDAY + 9 * DAY))
    deliver_due(context, at(MONDAY + 9 * DAY, 8))
    assert kinds_of(database, subscriber) == ["digest", "catch_up", "digest"]


def test_a_catch_up_comes_with_the_hour_of_the_day_on_which_a_pause_ends(
    database: Database, context: Any
) -> None:
    subscriber = paused_for(database, context, 8, MONDAY + 8 * DAY)
    deliver_due(context, at(MONDAY + 8 * DAY, 1))
    assert kinds_of(database, subscriber) == ["digest", "catch_up"]
    assert deliveries_of(database, subscriber)[-1].status == "planned"
    deliver_due(context, at(MONDAY + 8 * DAY, 8))
    assert deliveries_of(database, subscriber)[-1].status == "sent"
    assert len(received_by(database, subscriber)) == 2


def test_a_short_pause_or_one_before_the_first_digest_needs_no_catch_up(
    database: Database, context: Any
) -> None:
    subscriber = paused_for(database, context, 1, None)
    resume(database, SECRET, subscriber.address, at(TUESDAY, 10))
    other = add_subscriber(database, "bo@example.org")
    pause(database, other.address, None, at(MONDAY, 9))
    resume(database, SECRET, other.address, at(MONDAY + 20 * DAY, 9))
    assert kinds_of(database, subscriber) == ["digest"]
    assert kinds_of(database, other) == []


def test_a_catch_up_without_papers_is_skipped(database: Database, context: Any) -> None:
    subscriber = paused_for(database, context, 0, None)
    resume(database, SECRET, subscriber.address, at(MONDAY + 8 * DAY, 9))
    deliver_due(context, at(MONDAY + 8 * DAY, 9))
    assert [(row.kind, row.status) for row in deliveries_of(database, subscriber)] == [
        ("digest", "sent"),
        ("catch_up", "skipped"),
    ]


def test_a_catch_up_and_a_digest_in_one_batch_have_different_papers(database: Database, context: Any) -> None:
    subscriber = paused_for(database, context, 8, None)
    back = at(MONDAY + 8 * DAY, 10)
    resume(database, SECRET, subscriber.address, back)
    plan_edition(database, MONDAY + 8 * DAY, back)
    assert deliver_ready(context, lambda: back).sent >= 1
    papers = [
        paper
        for row in deliveries_of(database, subscriber)
        for paper in (row.contents or {}).get("picks", ())
    ]
    assert len(papers) == len(set(papers))
    assert {row.status for row in deliveries_of(database, subscriber)} <= {"sent", "skipped"}


def test_a_goodbye_is_sent_once_to_who_had_confirmed(
    database: Database, context: Any, transport: MemoryTransport
) -> None:
    subscriber = add_subscriber(database)
    for _ in range(2):
        unsubscribe(database, SECRET, subscriber.key, at(TUESDAY), "test")
    deliver_due(context, at(TUESDAY))
    assert kinds_of(database, subscriber) == ["goodbye"]
    assert "Subject: You are unsubscribed from Trending papers" in mail_of(transport)
    assert "List-Unsubscribe: " not in mail_of(transport)
    assert len(transport.envelopes) == 1
    waiting = add_subscriber(database, "bo@example.org", status=Status.PENDING)
    unsubscribe(database, SECRET, waiting.key, at(TUESDAY), "test")
    assert kinds_of(database, waiting) == ["confirm"]


def test_a_goodbye_is_not_sent_to_who_came_back_before_it(database: Database, context: Any) -> None:
    subscriber = add_subscriber(database)
    unsubscribe(database, SECRET, subscriber.key, at(TUESDAY), "test")
    undo_unsubscription(database, SECRET, subscriber.key, TUESDAY, at(TUESDAY))
    assert subscriber_now(database, subscriber.address).status == "active"
    deliver_ready(context, lambda: at(TUESDAY))
    (goodbye,) = [row for row in deliveries_of(database, subscriber) if row.kind == Kind.GOODBYE]
    assert (goodbye.status, goodbye.reason) == ("skipped", "already active")


def test_an_undo_works_once(database: Database) -> None:
    subscriber = add_subscriber(database)
    unsubscribe(database, SECRET, subscriber.key, at(TUESDAY), "test")
    undo_unsubscription(database, SECRET, subscriber.key, TUESDAY, at(TUESDAY))
    unsubscribe(database, SECRET, subscriber.key, at(WEDNESDAY), "test")
    with pytest.raises(BadLink, match="used already"):
        undo_unsubscription(database, SECRET, subscriber.key, TUESDAY, at(WEDNESDAY))
    assert subscriber_now(database, subscriber.address).status == "unsubscribed"
    undo_unsubscription(database, SECRET, subscriber.key, WEDNESDAY, at(WEDNESDAY))
    assert subscriber_now(database, subscriber.address).status == "active"


def test_a_weekly_subscriber_gets_the_weekly_mail_with_what_they_marked(
    database: Database, context: Any, transport: MemoryTransport
) -> None:
    add_papers(database, *make_papers(8, announced_on=MONDAY))
    subscriber = add_subscriber(
        database, topics=TOPICS, frequency="weekly", likes=["2603.00001"], now=at(MONDAY, 6)
    )
    deliver_due(context, at(MONDAY, 8))
    assert kinds_of(database, subscriber) == ["weekly"]
    assert "Subject: Your week: " in mail_of(transport)
    assert "WHAT YOU MARKED" in mail_of(transport)


def test_who_changes_to_another_schedule_gets_an_edition_once(database: Database, context: Any) -> None:
    add_papers(database, *make_papers(8, announced_on=MONDAY))
    subscriber = add_subscriber(database, topics=TOPICS)
    deliver_due(context, at(MONDAY, 8))
    builder = ProfileBuilder()
    change(database, builder, subscriber.address, Change(frequency="weekly"), at(MONDAY, 9))  # type: ignore[arg-type]
    for hour in (10, 12):
        plan_due(database, at(MONDAY, hour))
        plan_edition(database, MONDAY, at(MONDAY, hour))
    assert kinds_of(database, subscriber) == ["digest"]
