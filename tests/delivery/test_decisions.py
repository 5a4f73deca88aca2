"""No unconfirmed, unsubscribed, paused or suppressed subscriber gets a digest, whenever the status changed."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from digest.delivery.compose import compose_batch
from digest.delivery.decisions import Cancel, WaitPolicy, reason_to_cancel, short_note
from digest.delivery.deliver import LEASE, Summary, deliver_ready
from digest.delivery.plan import plan_due, plan_edition
from digest.domain.delivery import KINDS, RECIPIENTS, Delivery, Kind
from digest.domain.subscriber import STATUSES, Status
from digest.mail.envelope import Envelope
from digest.store import deliveries as ledger
from digest.store import picks as pick_store
from digest.store.database import Database
from digest.store.deliveries import NewDelivery
from digest.store.recording import StepWriter
from digest.store.steps import Step
from digest.subscribers.arrivals import WELCOME_WAIT
from digest.subscribers.preferences import pause, resume
from digest.subscribers.signup import confirm
from tests.factories import (
    DAY,
    MONDAY,
    SECRET,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    Interposed,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_papers,
    one_delivery,
    received_by,
    request_links,
    sent_to,
    set_status,
    subscriber_now,
    whole_run,
)

SILENT: list[Status] = [Status.PENDING, Status.PAUSED, Status.UNSUBSCRIBED, Status.SUPPRESSED]
Send = Callable[[Envelope], str]


@pytest.mark.parametrize("status", SILENT)
def test_only_active_subscribers_are_planned(database: Database, status: Status) -> None:
    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database, status=status)
    assert plan_due(database, at(TUESDAY)) == 0
    assert plan_edition(database, TUESDAY, at(TUESDAY)) == 0
    assert [row.kind for row in deliveries_of(database, subscriber)] in ([], ["confirm"])


@pytest.mark.parametrize("status", SILENT)
def test_a_status_change_after_planning_cancels_the_digest(database: Database, status: Status) -> None:
    add_papers(database, *make_papers(5))
    changed, other = add_subscribers(database, 2)
    plan_due(database, at(TUESDAY))
    set_status(database, changed, status)
    transport = Interposed(lambda envelope, send: send(envelope))
    deliver_ready(delivery_context(database, transport), lambda: at(TUESDAY))
    assert sent_to(transport.memory) == [other.address]
    row = one_delivery(database, changed)
    assert (row.status, row.reason) == ("skipped", "unconfirmed" if status == "pending" else status)


@pytest.mark.parametrize("status", SILENT)
def test_a_status_change_after_claiming_cancels_the_digest(database: Database, status: Status) -> None:
    add_papers(database, *make_papers(5))
    changed, other = add_subscribers(database, 2)
    plan_due(database, at(TUESDAY))
    with database.begin() as connection:
        work = ledger.claim(connection, at(TUESDAY), LEASE, 10)
    set_status(database, changed, status)
    ready = compose_batch(delivery_context(database), work, at(TUESDAY), Summary())
    assert [one.mail.recipient for one in ready] == [other.address]


@pytest.mark.parametrize("status", SILENT)
def test_a_status_change_during_sending_cancels_the_digest(database: Database, status: Status) -> None:
    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 3)

    def change_the_next(envelope: Envelope, send: Send) -> str:
        if envelope.recipient == subscribers[0].address:
            set_status(database, subscribers[1], status)
        return send(envelope)

    transport = Interposed(change_the_next)
    summary = deliver_due(delivery_context(database, transport), at(TUESDAY))
    assert sent_to(transport.memory) == [subscribers[0].address, subscribers[2].address]
    assert dict(summary.skipped) == {"withdrawn": 1}
    row = one_delivery(database, subscribers[1])
    assert (row.status, row.reason, row.contents) == ("skipped", "withdrawn", None)
    with database.read() as connection:
        assert not pick_store.received(connection, [subscribers[1].id], 0)


def test_an_unsubscription_after_a_crash_cancels_the_digest(database: Database) -> None:
    def crash(*_: object) -> str:
        raise ConnectionAbortedError

    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    plan_due(database, at(TUESDAY))
    with pytest.raises(ConnectionAbortedError):
        deliver_ready(delivery_context(database, Interposed(crash)), lambda: at(TUESDAY))
    set_status(database, subscriber, Status.UNSUBSCRIBED)
    assert deliver_ready(delivery_context(database), lambda: at(TUESDAY, 9)).sent == 0
    assert one_delivery(database, subscriber).status == "skipped"


def test_retrying_a_delivery_does_not_mail_an_unsubscribed_subscriber(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    plan_due(database, at(TUESDAY))
    set_status(database, subscriber, Status.UNSUBSCRIBED)
    deliver_ready(delivery_context(database), lambda: at(TUESDAY))
    with database.begin() as connection:
        assert ledger.retry(connection, [one_delivery(database, subscriber).id], at(TUESDAY, 9)) == 1
    assert deliver_ready(delivery_context(database), lambda: at(TUESDAY, 9)).sent == 0


def test_a_pause_ends_at_its_date(database: Database) -> None:
    add_papers(database, *make_papers(5, announced_on=WEDNESDAY))
    subscriber = add_subscriber(database)
    pause(database, subscriber.address, THURSDAY, at(MONDAY))
    assert whole_run(delivery_context(database), at(WEDNESDAY)).deliveries.sent == 0
    assert subscriber_now(database, subscriber.address).status == "paused"
    assert whole_run(delivery_context(database), at(THURSDAY)).deliveries.sent == 1
    assert subscriber_now(database, subscriber.address).paused_until is None


def test_a_pause_without_a_date_does_not_end(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    pause(database, subscriber.address, None, at(MONDAY))
    assert whole_run(delivery_context(database), at(MONDAY + 60 * DAY)).planned == 0
    resume(database, SECRET, subscriber.address, at(WEDNESDAY))
    assert whole_run(delivery_context(database), at(MONDAY + 61 * DAY)).planned == 1


# Confirmations.


def test_a_new_subscriber_gets_one_confirmation_and_no_digest(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database, status=Status.PENDING)
    transport = Interposed(lambda envelope, send: send(envelope))
    post = delivery_context(database, transport)
    for hour in (1, 7, 8, 9):
        deliver_due(post, at(MONDAY, hour))
    assert sent_to(transport.memory) == [subscriber.address]
    assert b"List-Unsubscribe" not in transport.envelopes[0].content
    confirm(database, SECRET, subscriber.address, at(TUESDAY), "test")
    deliver_due(post, at(TUESDAY))
    # The welcome waits for what a new subscriber works on, but not for long.
    assert len(transport.envelopes) == 1
    deliver_due(post, at(TUESDAY) + WELCOME_WAIT)
    assert len(transport.envelopes) == 2
    assert [row.kind for row in deliveries_of(database, subscriber)] == ["confirm", "welcome"]
    assert len(received_by(database, subscriber)[TUESDAY]) == 5


def test_a_confirmed_subscriber_gets_no_further_confirmation(database: Database) -> None:
    subscriber = add_subscriber(database, status=Status.PENDING)
    confirm(database, SECRET, subscriber.address, at(MONDAY, 1), "test")
    summary = deliver_ready(delivery_context(database), lambda: at(MONDAY, 2))
    assert dict(summary.skipped) == {"already active": 1}


def test_confirmations_are_sent_before_digests(database: Database) -> None:
    add_papers(database, *make_papers(5))
    digest = add_subscriber(database, "early@example.org")
    plan_due(database, at(MONDAY))
    new = add_subscriber(database, "late@example.org", status=Status.PENDING, now=at(MONDAY, 9))
    transport = Interposed(lambda envelope, send: send(envelope))
    deliver_ready(delivery_context(database, transport), Clock(at(TUESDAY, 2)))
    assert sent_to(transport.memory) == [new.address, digest.address]


def claimed(kind: Kind = Kind.DIGEST, *, contents: bool = False, in_flight: bool = False) -> Delivery:
    return Delivery(1, 1, kind, TUESDAY, at(TUESDAY), 1, {} if contents else None, in_flight)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("contents", [False, True])
def test_each_kind_of_mail_is_sent_to_its_recipients_only(status: Status, *, contents: bool) -> None:
    now = at(TUESDAY, 9)
    outcomes = {
        kind: reason_to_cancel(claimed(kind, contents=contents), status, TUESDAY, now, WaitPolicy())
        for kind in KINDS
    }
    assert (outcomes[Kind.DIGEST] is None) == (status == "active")
    assert (outcomes[Kind.CONFIRM] is None) == (status == "pending")
    assert (outcomes[Kind.LINKS] is None) == (status != "suppressed")


def test_the_last_check_before_sending_uses_the_same_recipients(database: Database) -> None:
    subscribers = [add_subscriber(database, f"{status}@example.org", status=status) for status in STATUSES]
    with database.begin() as connection:
        for kind in KINDS:
            new = [NewDelivery(one.id, WEDNESDAY, at(TUESDAY)) for one in subscribers]
            ledger.plan(connection, kind, new)
        work = ledger.claim(connection, at(TUESDAY), LEASE, 100)
    status_of = {one.id: one.status for one in subscribers}
    steps = [Step(slot, None, one) for slot, one in enumerate(work)]
    writer = StepWriter(database, "test")
    writer.open_slots(len(steps), at(TUESDAY))
    may_go = writer.write(steps, at(TUESDAY))
    writer.close_slots()
    wanted = {
        (one.kind, status_of[one.subscriber_id])
        for one in work
        if one.edition_on == WEDNESDAY and one.id in may_go
    }
    assert wanted == {(kind, status) for kind in KINDS for status in RECIPIENTS[kind]}


def test_a_digest_is_superseded_until_it_is_composed() -> None:
    now = at(WEDNESDAY, 1)
    assert reason_to_cancel(claimed(Kind.LINKS), Status.ACTIVE, WEDNESDAY, now, WaitPolicy()) is None
    assert reason_to_cancel(claimed(), Status.ACTIVE, WEDNESDAY, now, WaitPolicy()) == Cancel("superseded")
    assert reason_to_cancel(claimed(contents=True), Status.ACTIVE, WEDNESDAY, now, WaitPolicy()) is None


def test_a_stale_mail_that_may_have_been_sent_keeps_its_papers() -> None:
    late = at(TUESDAY) + WaitPolicy().stale_after + timedelta(seconds=1)
    assert reason_to_cancel(claimed(), Status.ACTIVE, TUESDAY, late, WaitPolicy()) == Cancel("stale")
    outcome = reason_to_cancel(
        claimed(contents=True, in_flight=True), Status.ACTIVE, TUESDAY, late, WaitPolicy()
    )
    assert outcome == Cancel("stale", keeps_papers=True)


# A subscriber's links.


@pytest.mark.parametrize("status", STATUSES)
def test_links_are_sent_unless_the_subscriber_was_suppressed(database: Database, status: Status) -> None:
    subscriber = add_subscriber(database)
    assert request_links(database, SECRET, subscriber.address, at(MONDAY, 9)) is not None
    set_status(database, subscriber, status)
    transport = Interposed(lambda envelope, send: send(envelope))
    deliver_ready(delivery_context(database, transport), lambda: at(MONDAY, 9))
    assert sent_to(transport.memory) == ([] if status == "suppressed" else [subscriber.address])
    row = one_delivery(database, subscriber)
    assert (row.kind, row.reason) == ("links", "suppressed" if status == "suppressed" else "")


def test_the_links_of_the_last_digests_are_in_the_mail(database: Database) -> None:
    subscriber = add_subscriber(database)
    transport = Interposed(lambda envelope, send: send(envelope))
    post = delivery_context(database, transport)
    for day in range(12):
        add_papers(database, *make_papers(1, first=100 + day, announced_on=MONDAY + day * DAY))
        assert deliver_due(post, at(MONDAY + day * DAY)).sent == 1
    asked_on = MONDAY + 12 * DAY
    request_links(database, SECRET, subscriber.address, at(asked_on, 1))
    assert deliver_ready(post, lambda: at(asked_on, 1)).sent == 1
    content = transport.envelopes[-1].content.replace(b"=\r\n", b"")
    found = {
        day
        for day in range(12)
        if f"digest/{subscriber.key}.{MONDAY + day * DAY:%Y%m%d}.".encode() in content
    }
    assert found == set(range(2, 12))
    for purpose in ("preferences", "feed", "unsubscribe"):
        assert f"/{purpose}/{subscriber.key}.{asked_on:%Y%m%d}.".encode() in content
    assert b"List-Unsubscribe" not in content


def test_links_are_sent_although_the_next_edition_is_planned(database: Database) -> None:
    """In zones where tomorrow has begun, tomorrow's digest is in the ledger before today's links."""
    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database, timezone="Pacific/Kiritimati", hour=7)
    assert plan_due(database, at(TUESDAY, 18)) == 1
    assert one_delivery(database, subscriber).edition_on == WEDNESDAY
    request_links(database, SECRET, subscriber.address, at(TUESDAY, 18))
    transport = Interposed(lambda envelope, send: send(envelope))
    assert deliver_ready(delivery_context(database, transport), lambda: at(TUESDAY, 18)).sent == 2


def test_links_are_sent_before_digests(database: Database) -> None:
    add_papers(database, *make_papers(5))
    add_subscriber(database, "early@example.org")
    waiting = add_subscriber(database, "late@example.org", frequency="off")
    plan_due(database, at(TUESDAY, 8))
    request_links(database, SECRET, waiting.address, at(TUESDAY, 9))
    transport = Interposed(lambda envelope, send: send(envelope))
    deliver_ready(delivery_context(database, transport), Clock(at(TUESDAY, 9)))
    assert sent_to(transport.memory) == [waiting.address, "early@example.org"]


SHORT = "Fewer papers than usual:"
HELP = "One more topic in your preferences brings more."


@pytest.mark.parametrize(
    ("picks", "most", "considered", "said"),
    [
        (10, 10, 400, ""),
        (0, 10, 400, ""),
        (1, 0, 5, ""),
        (3, 10, 1412, f"{SHORT} of 1,412 new ones, no other fits what you follow well enough. {HELP}"),
        (1, 10, 2, f"{SHORT} of 2 new ones, no other fits what you follow well enough. {HELP}"),
        (3, 10, 3, f"{SHORT} there are no other new ones since your last digest."),
        (1, 2, 1, f"{SHORT} there are no other new ones since your last digest."),
    ],
)
def test_a_short_digest_says_why(picks: int, most: int, considered: int, said: str) -> None:
    assert short_note(picks, most, considered) == said
