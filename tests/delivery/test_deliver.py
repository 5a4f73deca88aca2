"""What a crash, a refusal and a busy server mean: nothing is lost, nobody else is touched."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.compose import compose_batch
from digest.delivery.decisions import FIRST_PAUSE, LONGEST_PAUSE, WaitPolicy, pause
from digest.delivery.deliver import LEASE, MOST_DELAYS, Summary, deliver_batch, deliver_ready
from digest.delivery.plan import plan_due
from digest.errors import ConnectionLost, NeverSend, StopRun, TryLater
from digest.mail.envelope import Envelope
from digest.mail.file_transports import FileTransport, MemoryTransport
from digest.store import deliveries as ledger
from digest.store.circuit_breakers import open_circuits
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
    """Something nobody thought of."""


def nth(number: int, act: Callable[[Envelope, Send], str]) -> Callable[[Envelope, Send], str]:
    """Interfere with one mail of all, counted from 1; let the others pass."""
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


def test_a_mail_the_server_took_is_recorded_before_the_next_one(database: Database) -> None:
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


def test_a_crash_after_the_server_took_a_mail_repeats_that_mail_alone(database: Database) -> None:
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
    # More papers and other wishes change nothing about what was composed.
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


def test_a_stop_gives_back_the_rest_uncounted_and_lets_the_mail_that_met_it_wait(database: Database) -> None:
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
    # The next run goes on at once, with the mails as they were composed.
    composed = [papers_of(database, row.id) for row in rows]
    assert deliver_ready(delivery_context(database), clock).sent == 2
    clock.advance(minutes=5)
    assert deliver_ready(delivery_context(database), clock).sent == 1
    assert [papers_of(database, row.id) for row in rows] == composed


def test_a_slow_server_does_not_hold_mails_past_their_lease(database: Database) -> None:
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
def test_a_worker_that_slept_through_its_lease_takes_nothing_from_the_next(
    database: Database, held_up: int
) -> None:
    """The machine sleeps while one mail is sent; another takes over; then the first wakes up."""
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
    # The one in flight came twice, under one Message-ID.
    both = [*transport.envelopes, *other.envelopes]
    assert sorted(envelope.recipient for envelope in both).count(f"r00{held_up}@example.org") == 2
    assert len({message_id(envelope) for envelope in both}) == 3
    assert len(both) == 4


def test_a_worker_that_wakes_up_leaves_alone_what_another_is_about_to_send(database: Database) -> None:
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
def test_a_late_refusal_does_not_undo_what_another_worker_sent(
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


def test_a_subscriber_removed_between_claim_and_composition_costs_nobody_else(database: Database) -> None:
    add_papers(database, *make_papers(5))
    gone, stays = add_subscribers(database, 2)
    plan_due(database, at(TUESDAY))
    with database.begin() as connection:
        work = ledger.claim(connection, at(TUESDAY), LEASE, 10)
    remove(database, SECRET, gone.address, at(WEDNESDAY))
    ready = compose_batch(delivery_context(database), work, at(TUESDAY), Summary())
    assert [one.mail.recipient for one in ready] == [stays.address]


def test_a_subscriber_removed_while_the_batch_is_sent_costs_nobody_else(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 3)

    def erase(envelope: Envelope, send: Send) -> str:
        remove(database, SECRET, subscribers[1].address, at(WEDNESDAY))
        return send(envelope)

    transport = Interposed(nth(1, erase))
    summary = deliver_due(delivery_context(database, transport), at(TUESDAY))
    assert sent_to(transport.memory) == [subscribers[0].address, subscribers[2].address]
    assert summary.sent == 2


# A server that asks to try later.


def test_a_busy_server_is_tried_again_later_and_longer_each_time(database: Database) -> None:
    def busy(_: Envelope, __: Send) -> str:
        raise TryLater("452 too many")

    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    post, clock = delivery_context(database, Interposed(busy)), Clock(at(TUESDAY))
    plan_due(database, clock())
    pauses: list[timedelta] = []
    for _ in range(5):
        assert deliver_ready(post, clock).refusals == 1
        row = one_delivery(database, subscriber)
        assert (row.status, row.smtp_answer) == ("planned", "452 too many")
        pauses.append(row.next_try_at - clock())
        clock.now = row.next_try_at - timedelta(seconds=1)
        assert deliver_ready(post, clock).refusals == 0
        clock.advance(seconds=1)
    assert pauses == sorted(pauses)
    assert FIRST_PAUSE / 2 <= pauses[0] <= FIRST_PAUSE
    assert one_delivery(database, subscriber).attempts == 5


def test_the_time_a_server_asks_for_is_honoured(database: Database) -> None:
    def busy(_: Envelope, __: Send) -> str:
        raise TryLater("421 greylisted", 3600)

    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    deliver_due(delivery_context(database, Interposed(busy)), at(TUESDAY))
    assert one_delivery(database, subscriber).next_try_at >= at(TUESDAY, 9)


@given(
    attempts=st.integers(0, 500),
    asked=st.none() | st.floats(0, 100_000),
    rng=st.floats(0, 1, exclude_max=True),
)
def test_a_pause_is_never_shorter_than_asked_nor_without_bounds(
    attempts: int, asked: float | None, rng: float
) -> None:
    wait = pause(attempts, asked, rng)
    assert wait >= FIRST_PAUSE / 2
    assert wait >= timedelta(seconds=asked or 0)
    assert wait <= max(LONGEST_PAUSE, timedelta(seconds=asked or 0))
    assert pause(attempts + 1, asked, rng) >= wait


def test_many_pauses_are_spread(database: Database) -> None:
    def busy(_: Envelope, __: Send) -> str:
        raise TryLater("452 too many")

    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 10)
    deliver_due(delivery_context(database, Interposed(busy)), at(TUESDAY))
    assert len({one_delivery(database, subscriber).next_try_at for subscriber in subscribers}) == 10


def test_a_server_that_refuses_everyone_stops_the_run(database: Database) -> None:
    def busy(_: Envelope, __: Send) -> str:
        raise TryLater("452 too many")

    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, MOST_DELAYS + 5)
    summary = deliver_due(delivery_context(database, Interposed(busy)), at(TUESDAY))
    assert summary.refusals == MOST_DELAYS
    assert str(MOST_DELAYS) in summary.stopped
    rest = [one_delivery(database, subscriber) for subscriber in subscribers[MOST_DELAYS:]]
    assert [(row.status, row.attempts) for row in rest] == [("planned", 0)] * 5


def test_connections_that_break_one_after_the_other_open_the_circuit(database: Database) -> None:
    def drop(_: Envelope, __: Send) -> str:
        raise ConnectionLost("The mail server ended the connection.")

    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 6)
    summary = deliver_due(delivery_context(database, Interposed(drop)), at(TUESDAY))
    assert "broke 3 times in a row" in summary.stopped
    assert [one_delivery(database, subscriber).attempts for subscriber in subscribers] == [1, 1, 1, 0, 0, 0]
    with database.read() as connection:
        assert [circuit.name for circuit in open_circuits(connection)] == ["mail"]


def test_refusals_among_good_mails_do_not_stop_the_run(database: Database) -> None:
    def busy_for_some(envelope: Envelope, send: Send) -> str:
        if envelope.recipient.endswith(("5@example.org", "0@example.org")):
            return send(envelope)
        raise TryLater("452 too many")

    add_papers(database, *make_papers(5))
    add_subscribers(database, 2 * MOST_DELAYS)
    summary = deliver_due(delivery_context(database, Interposed(busy_for_some)), at(TUESDAY))
    assert (summary.sent, summary.stopped) == (10, "")


def test_what_is_not_out_in_time_is_dropped(database: Database) -> None:
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


def test_the_same_delivery_again_replaces_its_file(database: Database, tmp_path: Path) -> None:
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
