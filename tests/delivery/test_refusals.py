"""A refused address is suppressed if the address, not the server, is likely to be the cause."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from digest.delivery.circuit_breaker import HALF_OPEN_MAILS
from digest.delivery.context import SUSPECTED
from digest.delivery.deliver import Summary, deliver_batch, deliver_ready
from digest.delivery.plan import plan_due
from digest.domain.delivery import Kind, Stream
from digest.domain.refusals import ACCEPTED, REFUSED, Answers, is_confirmed
from digest.domain.subscriber import Status
from digest.errors import NeverSend
from digest.mail.envelope import Envelope
from digest.store import deliveries as ledger
from digest.store import picks as pick_store
from digest.store import refusals as store
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store.circuit_breakers import open_circuits
from digest.store.database import Database
from digest.store.deliveries import NewDelivery
from digest.store.mail_server_models import refusals
from digest.subscribers.preferences import remove
from tests.factories import (
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
    count_suppressions,
    deliver_due,
    delivery_context,
    make_papers,
    one_delivery,
    sent_to,
    subscriber_now,
    together,
)

Send = Callable[[Envelope], str]
ANSWER = "The address takes no mail: 550 5.1.1 no such user."


class Server:
    """A mail server that refuses given addresses."""

    def __init__(self, refuses: Callable[[str], bool] = lambda _: False) -> None:
        self.refuses = refuses
        self.transport = Interposed(self._answer)
        self.refused: list[str] = []

    def _answer(self, envelope: Envelope, send: Send) -> str:
        if self.refuses(envelope.recipient):
            self.refused.append(envelope.recipient)
            raise NeverSend(ANSWER)
        return send(envelope)


def by_status(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return subscriber_store.count_by_status(connection)


def test_a_server_that_refuses_everyone_suppresses_no_one_and_all_mails_are_sent_after_recovery(
    database: Database,
) -> None:
    add_papers(database, *make_papers(12))
    subscribers = add_subscribers(database, 60)
    server = Server(lambda _: True)
    post, clock = delivery_context(database, server.transport, batch_size=20), Clock(at(TUESDAY))
    plan_due(database, clock())
    for _ in range(8):
        deliver_batch(post, clock, Summary(), respects_open_circuit=True)
        clock.advance(minutes=5)
    for _ in range(2):
        assert "refuses most addresses" in deliver_ready(post, clock).stopped
        clock.advance(hours=1)
    assert by_status(database) == {"active": 60}
    assert count_suppressions(database) == 0
    # Few mails were tried: ten until the server was doubtful, then a few each time.
    assert 10 < len(server.refused) < 60
    with database.read() as connection:
        (circuit,) = open_circuits(connection)
        (doubtful,) = store.doubtful_editions(connection, MONDAY)
    assert circuit.name == "mail digest"
    assert "nobody is suppressed" in circuit.reason
    assert (doubtful.edition_on, doubtful.accepted) == (TUESDAY, 0)
    assert doubtful.refused == len(set(server.refused))
    server.refuses = lambda _: False
    for _ in range(12):
        deliver_ready(post, clock)
        clock.advance(hours=1)
    assert sorted(sent_to(server.transport.memory)) == [subscriber.address for subscriber in subscribers]
    assert by_status(database) == {"active": 60}


def test_evidence_is_kept_over_batches_processes_and_runs(database: Database) -> None:
    add_papers(database, *make_papers(12))
    add_subscribers(database, 24)
    server = Server(lambda _: True)
    clock = Clock(at(TUESDAY))
    plan_due(database, clock())
    # Each batch as in a separate process.
    for _ in range(3):
        deliver_batch(
            delivery_context(database, server.transport, batch_size=4),
            clock,
            Summary(),
            respects_open_circuit=True,
        )
    assert len(server.refused) == 10
    assert (
        deliver_batch(
            delivery_context(database, server.transport), clock, Summary(), respects_open_circuit=True
        )
        is False
    )


def test_one_refused_address_among_accepted_ones_is_suppressed_at_once(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 4)
    server = Server(lambda address: address == subscribers[3].address)
    summary = deliver_due(delivery_context(database, server.transport), at(TUESDAY))
    assert (summary.sent, dict(summary.failed), summary.stopped) == (3, {"refused": 1}, "")
    assert subscriber_now(database, subscribers[3].address).status == "suppressed"
    row = one_delivery(database, subscribers[3])
    assert (row.status, row.reason, row.smtp_answer) == ("failed", "refused", ANSWER)
    with database.read() as connection:
        assert not pick_store.received(connection, [subscribers[3].id], 0)
    assert count_suppressions(database) == 1


def test_the_first_mail_of_a_list_is_suspected_and_confirmed_within_the_day(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 4)
    server = Server(lambda address: address == subscribers[0].address)
    post = delivery_context(database, server.transport)
    summary = deliver_due(post, at(TUESDAY))
    assert (summary.sent, dict(summary.to_retry)) == (3, {SUSPECTED: 1})
    row = one_delivery(database, subscribers[0])
    assert (row.status, row.reason, row.smtp_answer) == ("planned", SUSPECTED, ANSWER)
    assert subscriber_now(database, subscribers[0].address).status == "active"
    assert deliver_ready(post, lambda: at(TUESDAY, 9)).failed == {"refused": 1}
    assert subscriber_now(database, subscribers[0].address).status == "suppressed"


def test_a_single_subscriber_is_never_suppressed(database: Database) -> None:
    """There is no evidence whether the address or the server is the cause, so the operator has to look."""
    add_papers(database, *make_papers(30))
    subscriber = add_subscriber(database)
    server = Server(lambda _: True)
    post = delivery_context(database, server.transport)
    for day in (TUESDAY, WEDNESDAY, THURSDAY):
        add_papers(database, *make_papers(2, first=100 + day.day * 10, announced_on=day))
        for hour in (8, 9, 12, 20):
            deliver_due(post, at(day, hour))
    assert subscriber_now(database, subscriber.address).status == "active"


def test_two_editions_confirm_a_refusal(database: Database) -> None:
    """The server refuses most addresses, but this address was also refused a day before."""
    add_papers(database, *make_papers(30))
    subscribers = add_subscribers(database, 6)
    lost = subscribers[0]
    server = Server(lambda address: address == lost.address)
    post = delivery_context(database, server.transport)
    deliver_due(post, at(TUESDAY))
    with database.begin() as connection:
        claimed = ledger.claim(connection, at(TUESDAY, 9), timedelta(minutes=15), 10)
        ledger.record_cancelled(connection, claimed[0].id, "stale", at(TUESDAY, 9))
        ledger.plan(connection, Kind.DIGEST, [NewDelivery(lost.id, WEDNESDAY, at(WEDNESDAY))])
        (next_day,) = ledger.claim(connection, at(WEDNESDAY), timedelta(minutes=15), 10)
        evidence = store.gather_evidence(connection, next_day, Answers(3, 9, "+++---------"), at(WEDNESDAY))
        assert evidence.refused_before
        too_soon = store.gather_evidence(connection, next_day, Answers(3, 9, ""), at(WEDNESDAY, 3))
        assert not too_soon.refused_before
    assert is_confirmed(evidence)


def test_an_accepted_mail_cancels_an_earlier_refusal(database: Database) -> None:
    add_papers(database, *make_papers(30))
    subscriber = add_subscriber(database)
    server = Server(lambda _: True)
    post = delivery_context(database, server.transport)
    deliver_due(post, at(TUESDAY))
    server.refuses = lambda _: False
    assert deliver_ready(post, lambda: at(TUESDAY, 9)).sent == 1
    with database.begin() as connection:
        ledger.plan(connection, Kind.DIGEST, [NewDelivery(subscriber.id, WEDNESDAY, at(WEDNESDAY))])
        (claimed,) = ledger.claim(connection, at(WEDNESDAY), timedelta(minutes=15), 10)
        assert not store.gather_evidence(connection, claimed, Answers(), at(WEDNESDAY)).refused_before


def test_refused_confirmations_do_not_stop_the_digests(database: Database) -> None:
    """Forty sign-ups with addresses that do not exist, and a server that checks RCPT."""
    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 5)
    for number in range(40):
        add_subscriber(database, f"made-up{number}@example.net", status=Status.PENDING, now=at(TUESDAY, 7))
    server = Server(lambda address: address.startswith("made-up"))
    post, clock = delivery_context(database, server.transport, batch_size=30), Clock(at(TUESDAY))
    plan_due(database, clock())
    for _ in range(2):
        deliver_batch(post, clock, Summary(), Stream.TRANSACTIONAL, respects_open_circuit=True)
    assert len(server.refused) == 40
    with database.read() as connection:
        assert not open_circuits(connection)
    assert deliver_batch(post, clock, Summary(), respects_open_circuit=True)
    assert sent_to(server.transport.memory) == [subscriber.address for subscriber in subscribers]
    assert by_status(database) == {"active": 5, "pending": 40}
    # They are not retried, but can sign up again.
    clock.advance(hours=2)
    assert not deliver_batch(post, clock, Summary(), Stream.TRANSACTIONAL, respects_open_circuit=True)
    assert count_suppressions(database) == 0


def test_refused_confirmations_close_a_half_open_breaker(database: Database) -> None:
    """Any answer to a recipient shows that the server works."""
    from digest.delivery.circuit_breaker import Trouble, open_circuit

    add_papers(database, *make_papers(5))
    add_subscribers(database, 5)
    for number in range(HALF_OPEN_MAILS):
        add_subscriber(database, f"made-up{number}@example.net", status=Status.PENDING, now=at(TUESDAY, 7))
    server = Server(lambda address: address.startswith("made-up"))
    post, clock = delivery_context(database, server.transport), Clock(at(TUESDAY))
    plan_due(database, clock())
    open_circuit(database, post.account, Trouble("No connection"), clock())
    clock.advance(minutes=1)
    deliver_batch(post, clock, Summary(), Stream.TRANSACTIONAL, respects_open_circuit=True)
    deliver_batch(post, clock, Summary(), respects_open_circuit=True)
    assert len(sent_to(server.transport.memory)) == 5


def test_a_refused_delivery_is_settled_and_its_address_suppressed_atomically(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a crash between the two would leave a failed mail and an address that is not suppressed."""
    add_papers(database, *make_papers(5))
    subscribers = add_subscribers(database, 4)
    server = Server(lambda address: address == subscribers[3].address)

    def crash(*_: object) -> None:
        raise ConnectionAbortedError

    monkeypatch.setattr(suppression_store, "suppress", crash)
    plan_due(database, at(TUESDAY))
    with pytest.raises(ConnectionAbortedError):
        deliver_ready(delivery_context(database, server.transport), lambda: at(TUESDAY))
    row = one_delivery(database, subscribers[3])
    assert (row.status, row.reason) == ("claimed", "")
    assert subscriber_now(database, subscribers[3].address).status == "active"
    with database.read() as connection:
        assert connection.execute(refusals.select()).first() is None


def test_a_refusal_after_the_claim_was_lost_suppresses_no_one(database: Database) -> None:
    add_papers(database, *make_papers(12))
    subscribers = add_subscribers(database, 3)
    clock = Clock(at(TUESDAY))
    last = subscribers[-1].address

    def sleep(envelope: Envelope, send: Send) -> str:
        if envelope.recipient != last:
            return send(envelope)
        clock.advance(minutes=20)
        assert deliver_ready(delivery_context(database), clock).sent == 1
        raise NeverSend(ANSWER)

    plan_due(database, clock())
    deliver_batch(delivery_context(database, Interposed(sleep)), clock, Summary())
    assert one_delivery(database, subscribers[-1]).status == "sent"
    assert by_status(database) == {"active": 3}
    assert count_suppressions(database) == 0


def test_concurrent_refusals_of_an_address_give_one_suppression(database: Database) -> None:
    """The evidence is locked while it is judged, so that two workers do not use one allowance twice."""
    add_subscribers(database, 150, frequency="weekly")
    with database.begin() as connection:
        store.add_answers(connection, "mail", Stream.DIGEST, TUESDAY, ACCEPTED * 10, at(TUESDAY))
        new = [NewDelivery(number, TUESDAY, at(TUESDAY)) for number in (1, 2, 3)]
        ledger.plan(connection, Kind.DIGEST, new)
        work = ledger.claim(connection, at(TUESDAY), timedelta(minutes=15), 10)

    def judge(index: int) -> bool:
        with database.begin() as connection:
            store.note_refusal(connection, work[index].subscriber_id, work[index].edition_on, at(TUESDAY))
            answers = store.add_answers(connection, "mail", Stream.DIGEST, TUESDAY, REFUSED, at(TUESDAY))
            is_proven = is_confirmed(store.gather_evidence(connection, work[index], answers, at(TUESDAY)))
            if is_proven:
                store.suppress_refused(
                    connection, work[index].subscriber_id, f"hash{index}", "550", at(TUESDAY)
                )
            return is_proven

    assert sum(together(*[lambda index=index: judge(index) for index in range(3)])) == 1


def test_erasing_a_subscriber_deletes_their_evidence(database: Database) -> None:
    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    server = Server(lambda _: True)
    deliver_due(delivery_context(database, server.transport), at(TUESDAY))
    with database.read() as connection:
        assert connection.execute(refusals.select()).first() is not None
    remove(database, SECRET, subscriber.address, at(TUESDAY))
    with database.read() as connection:
        assert connection.execute(refusals.select()).first() is None


def test_old_evidence_is_deleted(database: Database) -> None:
    with database.begin() as connection:
        store.add_answers(connection, "mail", Stream.DIGEST, MONDAY, REFUSED, at(MONDAY))
        store.add_answers(connection, "mail", Stream.DIGEST, WEDNESDAY, REFUSED, at(MONDAY))
        store.delete_evidence(connection, TUESDAY)
        assert [one.edition_on for one in store.doubtful_editions(connection, MONDAY)] == [WEDNESDAY]
