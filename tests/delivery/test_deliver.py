"""Crashes, refusals and busy servers: no mail is lost, and other mails are not affected."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from digest.delivery.compose import compose_batch
from digest.delivery.decisions import WaitPolicy
from digest.delivery.deliver import LEASE, Summary, deliver_batch, deliver_ready
from digest.delivery.plan import plan_due
from digest.errors import NeverSend, StopRun, TryLater
from digest.mail.envelope import Envelope
from digest.mail.file_transports import FileTransport, MemoryTransport
from digest.store import deliveries as ledger
from digest.store.database import Database
from digest.subscribers.preferences import remove
from tests.factories import (
    SECRET,
    TUESDAY,
    WEDNESDAY,
    Clock,
    Interposed,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    deliver_due,
    delivery_context,
    make_papers,
    one_delivery,
    papers_of,
    sent_to,
)

Send = Callable[[Envelope], str]


class Crash(Exception):
    """An unexpected error."""


def nth(number: int, act: Callable[[Envelope, Send], str]) -> Callable[[Envelope, Send], str]:
    """Interfere with the mail of this number, counted from 1; send the others."""
    count = 0

    def interfere(envelope: Envelope, send: Send) -> str:
        nonlocal count
        count += 1
        return act(envelope, send) if count == number else send(envelope)

    return interfere


def crash_after(envelope: Envelope, send: Send) -> str:
    send(envelope)
    raise Crash


def crash_before(_: Envelope, __: Send) -> str:
    raise Crash


def message_id(envelope: Envelope) -> bytes:
    (line,) = (one for one in envelope.content.split(b"\r\n") if one.startswith(b"Message-ID:"))
    return line


def test_an_accepted_mail_is_recorded_before_the_next_one(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 3)
    recorded: list[list[str]] = []

    def look(envelope: Envelope, send: Send) -> str:
        recorded.append([one_delivery(database, subscriber).status for subscriber in subscribers])
        return send(envelope)

    deliver_due(delivery_context(database, Interposed(look)), at(TUESDAY))
    assert recorded == [
        ["claimed", "claimed", "claimed"],
        ["sent", "claimed", "claimed"],
        ["sent", "sent", "claimed"],
    ]


def test_a_crash_after_a_mail_was_accepted_repeats_only_that_mail(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscribers = add_subscribers(database, 4)
    transport = Interposed(nth(2, crash_after))
    post, clock = delivery_context(database, transport), Clock(at(TUESDAY))
    plan_due(database, clock())
    with pytest.raises(Crash):
        deliver_ready(post, clock)
    assert sent_to(transport.memory) == ["r001@example.org", "r002@example.org"]
    assert [one_delivery(database, subscriber).status for subscriber in subscribers] == ["sent"] + 3 * [
        "claimed"
    ]

    clock.advance(minutes=14)
    assert deliver_ready(delivery_context(database), clock).sent == 0, "the lease is not over"
    # New papers and changed interests do not change a composed mail.
    add_papers(database, *make_papers(3, first=90), now=clock())
    clock.advance(minutes=2)
    again = MemoryTransport()
    assert deliver_ready(delivery_context(database, again), clock).sent == 3
    assert sent_to(again) == ["r002@example.org", "r003@example.org", "r004@example.org"]
    first, second = transport.envelopes[1], again.envelopes[0]
    assert message_id(first) == message_id(second)
    assert first.content == second.content
    assert len({message_id(envelope) for envelope in [*transport.envelopes, *again.envelopes]}) == 4


def test_a_crash_before_sending_loses_nothing(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscribers = add_subscribers(database, 3)
    post, clock = delivery_context(database, Interposed(nth(1, crash_before))), Clock(at(TUESDAY))
    plan_due(database, clock())
    with pytest.raises(Crash):
        deliver_ready(post, clock)
    clock.advance(minutes=16)
    again = MemoryTransport()
    assert deliver_ready(delivery_context(database, again), clock).sent == 3
    assert sent_to(again) == [subscriber.address for subscriber in subscribers]


def test_a_crash_between_claiming_and_composing_loses_nothing(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscriber = add_subscriber(database)
    plan_due(database, at(TUESDAY))
    with database.begin() as connection:
        assert len(ledger.claim(connection, at(TUESDAY), LEASE, 10)) == 1
    assert deliver_ready(delivery_context(database), lambda: at(TUESDAY, 8, 14)).sent == 0
    assert deliver_ready(delivery_context(database), lambda: at(TUESDAY, 8, 15)).sent == 1
    assert one_delivery(database, subscriber).attempts == 2


def test_a_server_failure_releases_the_rest_uncounted_and_delays_the_failed_mail(database: Database) -> None:
    def stop(_: Envelope, __: Send) -> str:
        raise StopRun("535 the password is wrong")

    add_papers(database, *make_papers(12))
    subscribers = add_subscribers(database, 4)
    transport = Interposed(nth(2, stop))
    clock = Clock(at(TUESDAY))
    summary = deliver_due(delivery_context(database, transport), clock())
    assert (summary.sent, summary.stopped) == (1, "535 the password is wrong")
    rows = [one_delivery(database, subscriber) for subscriber in subscribers]
    assert [(row.status, row.attempts) for row in rows] == [
        ("sent", 1),
        ("planned", 1),
        ("planned", 0),
        ("planned", 0),
    ]
    # The next run continues at once with the composed mails.
    composed = [papers_of(database, row.id) for row in rows]
    assert deliver_ready(delivery_context(database), clock).sent == 2
    clock.advance(minutes=5)
    assert deliver_ready(delivery_context(database), clock).sent == 1
    assert [papers_of(database, row.id) for row in rows] == composed


def test_no_mail_is_sent_after_its_lease(database: Database) -> None:
    clock = Clock(at(TUESDAY))

    def slowly(envelope: Envelope, send: Send) -> str:
        clock.advance(minutes=3)
        return send(envelope)

    add_papers(database, *make_papers(12))
    subscribers = add_subscribers(database, 7)
    transport = Interposed(slowly)
    post = delivery_context(database, transport)
    plan_due(database, clock())
    assert deliver_batch(post, clock, Summary())
    assert [one_delivery(database, subscriber).status for subscriber in subscribers] == ["sent"] * 3 + [
        "planned"
    ] * 4
    assert deliver_ready(post, clock).sent == 4
    assert sorted(sent_to(transport.memory)) == [subscriber.address for subscriber in subscribers]


@pytest.mark.parametrize("held_up", [1, 2])
def test_a_worker_whose_lease_ended_changes_nothing_of_the_next_worker(
    database: Database, held_up: int
) -> None:
    """A worker is suspended while it sends a mail; another takes over; then the first continues."""
    add_papers(database, *make_papers(12))
    subscribers = add_subscribers(database, 3)
    clock = Clock(at(TUESDAY))
    other = MemoryTransport()

    def sleep(envelope: Envelope, send: Send) -> str:
        clock.advance(minutes=20)
        assert deliver_ready(delivery_context(database, other), clock).sent == 4 - held_up
        return send(envelope)

    transport = Interposed(nth(held_up, sleep))
    plan_due(database, clock())
    deliver_ready(delivery_context(database, transport), clock)
    assert [one_delivery(database, subscriber).status for subscriber in subscribers] == ["sent"] * 3
    assert all(papers_of(database, one_delivery(database, subscriber).id) for subscriber in subscribers)
    # The mail in flight was sent twice, under one Message-ID.
    both = [*transport.envelopes, *other.envelopes]
    assert sorted(envelope.recipient for envelope in both).count(f"r00{held_up}@example.org") == 2
    assert len({message_id(envelope) for envelope in both}) == 3
    assert len(both) == 4


def test_a_resumed_worker_does_not_send_deliveries_of_another(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscribers = add_subscribers(database, 3)
    clock = Clock(at(TUESDAY))
    work: list[object] = []

    def sleep(envelope: Envelope, send: Send) -> str:
        clock.advance(minutes=20)
        with database.begin() as connection:
            work.extend(ledger.claim(connection, clock(), LEASE, 10))
        return send(envelope)

    plan_due(database, clock())
    deliver_batch(delivery_context(database, Interposed(nth(1, sleep))), clock, Summary())
    assert len(work) == 3
    assert [one_delivery(database, subscriber).status for subscriber in subscribers] == [
        "sent",
        "claimed",
        "claimed",
    ]


@pytest.mark.parametrize("answer", [TryLater("421 timed out"), NeverSend("550 no such mailbox")])
def test_a_late_refusal_does_not_change_a_delivery_sent_by_another_worker(
    database: Database, answer: TryLater | NeverSend
) -> None:
    add_papers(database, *make_papers(12))
    subscriber = add_subscriber(database)
    clock = Clock(at(TUESDAY))

    def sleep(_: Envelope, __: Send) -> str:
        clock.advance(minutes=20)
        assert deliver_ready(delivery_context(database), clock).sent == 1
        raise answer

    plan_due(database, clock())
    deliver_batch(delivery_context(database, Interposed(sleep)), clock, Summary())
    row = one_delivery(database, subscriber)
    assert (row.status, row.next_try_at) == ("sent", None)
    assert len(papers_of(database, row.id)) == 10


def test_a_subscriber_removed_before_composition_affects_no_one_else(database: Database) -> None:
    add_papers(database, *make_papers(5))
    gone, stays = add_subscribers(database, 2)
    plan_due(database, at(TUESDAY))
    with database.begin() as connection:
        work = ledger.claim(connection, at(TUESDAY), LEASE, 10)
    remove(database, SECRET, gone.address, at(WEDNESDAY))
    ready = compose_batch(delivery_context(database), work, at(TUESDAY), Summary())
    assert [one.mail.recipient for one in ready] == [stays.address]


def test_a_subscriber_removed_during_sending_affects_no_one_else(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 3)

    def erase(envelope: Envelope, send: Send) -> str:
        remove(database, SECRET, subscribers[1].address, at(WEDNESDAY))
        return send(envelope)

    transport = Interposed(nth(1, erase))
    summary = deliver_due(delivery_context(database, transport), at(TUESDAY))
    assert sent_to(transport.memory) == [subscribers[0].address, subscribers[2].address]
    assert summary.sent == 2


def test_stale_digests_are_cancelled(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    plan_due(database, at(TUESDAY))
    wait_policy = WaitPolicy(stale_after=timedelta(hours=2))
    assert (
        deliver_ready(delivery_context(database, wait_policy=wait_policy), lambda: at(TUESDAY, 11)).skipped[
            "stale"
        ]
        == 1
    )
    assert one_delivery(database, subscriber).reason == "stale"


def test_a_repeated_delivery_replaces_its_file(database: Database, tmp_path: Path) -> None:
    outbox = FileTransport(tmp_path / "outbox")
    add_papers(database, *make_papers(5))
    add_subscribers(database, 2)

    def into_folder(envelope: Envelope, _: Send) -> str:
        outbox.send(envelope)
        raise Crash

    plan_due(database, at(TUESDAY))
    with pytest.raises(Crash):
        deliver_ready(delivery_context(database, Interposed(into_folder)), lambda: at(TUESDAY))
    before = {file.name: file.read_bytes() for file in (tmp_path / "outbox").iterdir()}
    assert deliver_ready(delivery_context(database, outbox), lambda: at(TUESDAY, 9)).sent == 2
    after = {file.name: file.read_bytes() for file in (tmp_path / "outbox").iterdir()}
    assert (len(before), len(after)) == (1, 2)
    assert after.items() >= before.items()
