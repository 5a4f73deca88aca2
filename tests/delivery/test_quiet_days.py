"""A quiet day, a holiday, a late feed and a faulty one are four states, for the subscriber and in the ledger."""

from datetime import date, datetime, timedelta
from email import message_from_bytes, policy

import pytest

from digest.delivery.decisions import NOTES, Retry, Send, Skip, WaitPolicy, decide
from digest.delivery.deliver import deliver_ready
from digest.delivery.feed_state import FeedState, feed_state
from digest.delivery.plan import plan_due
from digest.delivery.select_papers import SelectionSettings
from digest.domain.delivery import Kind
from digest.domain.paper import FetchStatus, LastFetch
from digest.domain.subscriber import Subscriber
from digest.mail.file_transports import MemoryTransport
from digest.store.database import Database
from tests.factories import (
    DAY,
    FRIDAY,
    MONDAY,
    SATURDAY,
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
    papers_of,
    received_by,
    record_fetch,
)

GOOD_FRIDAY = date(2026, 4, 3)
"""A day that is not a known holiday of arXiv; a setting can add it."""


def with_first_digest(database: Database, day: date = TUESDAY) -> Subscriber:
    """Add a subscriber whose first digest covered all papers up to a day."""
    add_papers(database, *make_papers(3, announced_on=day))
    subscriber = add_subscriber(database)
    assert deliver_due(delivery_context(database), at(day)).sent == 1
    return subscriber


def last_of(database: Database, subscriber: Subscriber) -> tuple[str, str]:
    row = deliveries_of(database, subscriber)[-1]
    return row.status, row.reason


def test_a_day_without_an_announcement_is_quiet(database: Database) -> None:
    subscriber = with_first_digest(database, FRIDAY)
    record_fetch(database, at(SATURDAY, 6))
    assert dict(deliver_due(delivery_context(database), at(SATURDAY)).skipped) == {"no announcement": 1}
    assert last_of(database, subscriber) == ("skipped", "no announcement")


def test_a_holiday_of_the_settings_is_quiet(database: Database) -> None:
    # After a deferral on Good Friday there is no listing on Monday.
    monday = GOOD_FRIDAY + 3 * DAY
    subscriber = with_first_digest(database, GOOD_FRIDAY)
    record_fetch(database, at(monday, 6))
    selection_settings = SelectionSettings(holidays=frozenset({GOOD_FRIDAY}))
    deliver_due(delivery_context(database, selection_settings=selection_settings), at(monday))
    assert last_of(database, subscriber) == ("skipped", "no announcement")


def test_the_same_monday_without_the_holiday_is_late(database: Database) -> None:
    monday = GOOD_FRIDAY + 3 * DAY
    subscriber = with_first_digest(database, GOOD_FRIDAY)
    record_fetch(database, at(monday, 6))
    deliver_due(delivery_context(database), at(monday))
    assert last_of(database, subscriber) == ("planned", "late feed")


def test_papers_that_do_not_fit_have_their_own_reason(database: Database) -> None:
    subscriber = with_first_digest(database)
    other = add_subscriber(database, "must@example.org", must=["no such word"])
    add_papers(database, *make_papers(3, first=20, announced_on=WEDNESDAY))
    record_fetch(database, at(WEDNESDAY, 6))
    assert dict(deliver_due(delivery_context(database), at(WEDNESDAY)).skipped) == {"nothing fits": 1}
    assert last_of(database, other) == ("skipped", "nothing fits")
    assert last_of(database, subscriber)[0] == "sent"


def test_a_digest_waits_for_a_late_feed_until_papers_arrive(database: Database) -> None:
    subscriber = with_first_digest(database)
    record_fetch(database, at(WEDNESDAY, 6))
    post, clock = delivery_context(database), Clock(at(WEDNESDAY, 7))
    plan_due(database, clock())
    assert dict(deliver_ready(post, clock).to_retry) == {"late feed": 1}
    assert last_of(database, subscriber) == ("planned", "late feed")
    assert deliver_ready(post, clock).to_retry.total() == 0, "it waits for a while"
    clock.advance(hours=2)
    assert deliver_ready(post, clock).to_retry.total() == 1
    add_papers(database, make_paper(50, announced_on=WEDNESDAY), now=clock())
    clock.advance(hours=1)
    assert deliver_ready(post, clock).sent == 1
    assert received_by(database, subscriber)[WEDNESDAY] == ["2603.00050"]


def test_papers_of_another_archive_do_not_hide_that_arxiv_is_late(database: Database) -> None:
    add_papers(database, *make_papers(3))
    computing = add_subscriber(database, categories=["cs"])
    everything = add_subscriber(database, "bo@example.org")
    post = delivery_context(database)
    assert deliver_due(post, at(TUESDAY)).sent == 2
    preprint = make_paper(50, paper_id="10.1101/50", categories=("biorxiv:ecology",), announced_on=WEDNESDAY)
    add_papers(database, preprint, now=at(WEDNESDAY, 5))
    record_fetch(database, at(WEDNESDAY, 6), newest_on=TUESDAY)
    record_fetch(database, at(WEDNESDAY, 6), source="biorxiv", newest_on=WEDNESDAY)
    # Nobody with papers waits for the others.
    done = deliver_due(post, at(WEDNESDAY, 8))
    assert (done.sent, done.to_retry.total()) == (1, 1)
    assert received_by(database, everything)[WEDNESDAY] == ["10.1101/50"]
    record_fetch(database, at(WEDNESDAY, 9), newest_on=WEDNESDAY)
    assert deliver_due(post, at(WEDNESDAY, 10)).skipped.total() == 1
    assert last_of(database, computing) == ("skipped", "nothing fits")


def test_the_wait_for_a_late_feed_is_limited(database: Database) -> None:
    subscriber = with_first_digest(database)
    record_fetch(database, at(WEDNESDAY, 6))
    post, clock = delivery_context(database), Clock(at(WEDNESDAY, 7))
    plan_due(database, clock())
    for _ in range(12):
        assert deliver_ready(post, clock).to_retry.total() == 1
        clock.advance(minutes=30)
    assert clock() == at(WEDNESDAY, 13)
    assert dict(deliver_ready(post, clock).skipped) == {"late feed": 1}
    # Papers that arrived too late are in the next digest.
    add_papers(database, make_paper(50, announced_on=WEDNESDAY), now=at(WEDNESDAY, 20))
    add_papers(database, make_paper(51, announced_on=THURSDAY), now=at(THURSDAY, 1))
    deliver_due(post, at(THURSDAY, 7))
    assert sorted(received_by(database, subscriber)[THURSDAY]) == ["2603.00050", "2603.00051"]


def test_a_failing_feed_is_a_fault(database: Database) -> None:
    subscriber = with_first_digest(database)
    record_fetch(database, at(WEDNESDAY, 5))
    record_fetch(database, at(WEDNESDAY, 6), FetchStatus.FAILED)
    post = delivery_context(database, wait_policy=WaitPolicy(late_feed_wait=timedelta(0)))
    deliver_due(post, at(WEDNESDAY, 7))
    assert last_of(database, subscriber) == ("skipped", "feed fault")


def test_imported_papers_are_never_late(database: Database) -> None:
    subscriber = with_first_digest(database)
    deliver_due(delivery_context(database), at(WEDNESDAY, 7))
    assert last_of(database, subscriber) == ("skipped", "nothing new")


def test_a_feed_that_works_again_is_not_a_fault(database: Database) -> None:
    subscriber = with_first_digest(database)
    record_fetch(database, at(WEDNESDAY, 5), FetchStatus.FAILED)
    record_fetch(database, at(WEDNESDAY, 6))
    deliver_due(delivery_context(database), at(WEDNESDAY, 7))
    assert last_of(database, subscriber) == ("planned", "late feed")


@pytest.mark.parametrize(
    ("status", "reason"), [("complete", "late feed"), ("failed", "feed fault"), (None, "nothing new")]
)
def test_a_note_gives_the_reason_for_an_empty_digest(
    database: Database, status: FetchStatus | None, reason: str
) -> None:
    subscriber = with_first_digest(database)
    if status:
        record_fetch(database, at(WEDNESDAY, 6), status)
    transport = MemoryTransport()
    wait_policy = WaitPolicy(quiet_day="note", late_feed_wait=timedelta(0))
    deliver_due(delivery_context(database, transport, wait_policy=wait_policy), at(WEDNESDAY, 7))
    row = deliveries_of(database, subscriber)[-1]
    assert (row.status, papers_of(database, row.id)) == ("sent", [])
    message = message_from_bytes(transport.envelopes[0].content, policy=policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    assert " ".join(NOTES[reason].split()) in " ".join(body.get_content().split())


def test_a_note_removes_no_papers_from_the_next_digest(database: Database) -> None:
    subscriber = with_first_digest(database)
    record_fetch(database, at(WEDNESDAY, 6))
    post = delivery_context(database, wait_policy=WaitPolicy(quiet_day="note", late_feed_wait=timedelta(0)))
    assert deliver_due(post, at(WEDNESDAY, 7)).sent == 1
    add_papers(database, make_paper(50, announced_on=WEDNESDAY), now=at(WEDNESDAY, 20))
    assert deliver_due(post, at(THURSDAY, 7)).sent == 1
    assert received_by(database, subscriber)[THURSDAY] == ["2603.00050"]


def test_an_empty_library_is_recorded_too(database: Database) -> None:
    subscriber = add_subscriber(database)
    deliver_due(delivery_context(database), at(TUESDAY))
    assert last_of(database, subscriber) == ("skipped", "nothing new")


# Pure decisions.


def fetched(*, failed: bool = False) -> LastFetch:
    return LastFetch("arxiv", at(WEDNESDAY, 6), failed)


@pytest.mark.parametrize(
    ("after", "newest_on", "fetches", "state"),
    [
        (TUESDAY, WEDNESDAY, [fetched()], FeedState.COMPLETE),
        (TUESDAY, WEDNESDAY, [], FeedState.COMPLETE),
        (TUESDAY, WEDNESDAY, [fetched(failed=True)], FeedState.COMPLETE),
        (TUESDAY, TUESDAY, [fetched()], FeedState.LATE),
        (TUESDAY, None, [fetched()], FeedState.LATE),
        (TUESDAY, TUESDAY, [fetched(), fetched(failed=True)], FeedState.FAULT),
        (TUESDAY, TUESDAY, [], FeedState.NO_FEED),
        (WEDNESDAY, WEDNESDAY, [fetched()], FeedState.HOLIDAY),
        (WEDNESDAY, WEDNESDAY, [fetched(failed=True)], FeedState.HOLIDAY),
        (MONDAY, TUESDAY, [fetched()], FeedState.LATE),
    ],
)
def test_the_state_of_the_feeds(
    after: date, newest_on: date | None, fetches: list[LastFetch], state: FeedState
) -> None:
    assert feed_state(at(WEDNESDAY), after, newest_on, fetches, ()) == state


def outcome(picks: int, state: FeedState, now: datetime, wait_policy: WaitPolicy | None = None) -> object:
    considered = 5 if picks else 0
    return decide(Kind.DIGEST, picks, considered, state, at(WEDNESDAY, 7), now, wait_policy or WaitPolicy())


def test_papers_are_sent_in_any_state_of_the_feeds() -> None:
    for state in FeedState:
        assert outcome(1, state, at(WEDNESDAY, 8)) == Send()


def test_the_last_retry_is_at_the_end_of_the_wait() -> None:
    assert outcome(0, FeedState.LATE, at(WEDNESDAY, 7)) == Retry(at(WEDNESDAY, 7, 30), "late feed")
    assert outcome(0, FeedState.FAULT, at(WEDNESDAY, 12, 45)) == Retry(at(WEDNESDAY, 13), "feed fault")
    assert outcome(0, FeedState.LATE, at(WEDNESDAY, 13)) == Skip("late feed")


def test_every_reason_has_its_note() -> None:
    noting = WaitPolicy(quiet_day="note")
    for state in FeedState:
        sent = outcome(0, state, at(WEDNESDAY, 20), noting)
        assert isinstance(sent, Send)
        assert sent.note == NOTES[sent.reason]
