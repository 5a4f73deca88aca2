"""Temporary refusals: pauses between the tries of a mail, and a server that accepts nothing."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.decisions import FIRST_PAUSE, LONGEST_PAUSE, pause
from digest.delivery.deliver import MOST_DELAYS, deliver_ready
from digest.delivery.plan import plan_due
from digest.errors import ConnectionLost, TryLater
from digest.mail.envelope import Envelope
from digest.store.circuit_breakers import open_circuits
from digest.store.database import Database
from tests.factories import (
    TUESDAY,
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
)

Send = Callable[[Envelope], str]


def test_retries_at_a_busy_server_have_growing_pauses(database: Database) -> None:
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


def test_the_wait_that_a_server_requests_is_obeyed(database: Database) -> None:
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
def test_a_pause_is_at_least_the_requested_time_and_bounded(
    attempts: int, asked: float | None, rng: float
) -> None:
    wait = pause(attempts, asked, rng)
    assert wait >= FIRST_PAUSE / 2
    assert wait >= timedelta(seconds=asked or 0)
    assert wait <= max(LONGEST_PAUSE, timedelta(seconds=asked or 0))
    assert pause(attempts + 1, asked, rng) >= wait


def test_pauses_have_jitter(database: Database) -> None:
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


def test_consecutive_broken_connections_open_the_circuit(database: Database) -> None:
    def drop(_: Envelope, __: Send) -> str:
        raise ConnectionLost("The mail server ended the connection.")

    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 6)
    summary = deliver_due(delivery_context(database, Interposed(drop)), at(TUESDAY))
    assert "broke 3 times in a row" in summary.stopped
    assert [one_delivery(database, subscriber).attempts for subscriber in subscribers] == [1, 1, 1, 0, 0, 0]
    with database.read() as connection:
        assert [circuit.name for circuit in open_circuits(connection)] == ["mail"]


def test_refusals_among_accepted_mails_do_not_stop_the_run(database: Database) -> None:
    def busy_for_some(envelope: Envelope, send: Send) -> str:
        if envelope.recipient.endswith(("5@example.org", "0@example.org")):
            return send(envelope)
        raise TryLater("452 too many")

    add_papers(database, *make_papers(5))
    add_subscribers(database, 2 * MOST_DELAYS)
    summary = deliver_due(delivery_context(database, Interposed(busy_for_some)), at(TUESDAY))
    assert (summary.sent, summary.stopped) == (10, "")
