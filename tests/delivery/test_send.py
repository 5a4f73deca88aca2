"""Many connections: each mail is sent once, recorded in groups, within the limits of the server."""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from digest.bench.slow_server import SlowServer
from digest.delivery.context import ConnectionAllowance, DeliveryContext
from digest.delivery.deliver import Summary, deliver_ready
from digest.delivery.limits import Limit, PacedLimits, ProviderLimits
from digest.delivery.plan import plan_due
from digest.domain.delivery import Stream
from digest.domain.pace import Pace
from digest.errors import ServerFull, SlowDown
from digest.mail.connection_pool import PooledTransport
from digest.mail.envelope import Connection as Server
from digest.mail.envelope import Envelope
from digest.mail.transports import transport_from
from digest.store.circuit_breakers import open_circuits
from digest.store.database import Database
from digest.store.mail_server_models import in_flight
from digest.store.models import deliveries
from digest.store.recording import StepWriter
from digest.store.steps import Step
from digest.subscribers.consent import unsubscribe
from tests.factories import (
    SECRET,
    TUESDAY,
    Clock,
    add_papers,
    add_subscribers,
    at,
    delivery_context,
    make_papers,
)


@contextmanager
def slow_server(**options: object) -> Iterator[tuple[SlowServer, int]]:
    """Run the benchmark's mail server in a thread; yield it and its port."""
    server = SlowServer(keeps=True, **{"latency": 0.0, **options})  # type: ignore[arg-type]
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listening = asyncio.run_coroutine_threadsafe(
        loop.create_server(server.protocol, "127.0.0.1", 0, backlog=200), loop
    ).result(10)
    try:
        yield server, listening.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_close(listening, server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _close(listening: asyncio.Server, server: SlowServer) -> None:
    listening.close()
    give_up_at = time.monotonic() + 5
    while server.open and time.monotonic() < give_up_at:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)


def context_over(database: Database, port: int, connections: int, **changes: object) -> DeliveryContext:
    """Return a delivery context that sends to a port of this machine."""
    transport = transport_from(f"smtp://127.0.0.1:{port}")
    made = delivery_context(database, transport, batch_size=100)
    return replace(made, connections=ConnectionAllowance(connections), account=f"smtp://{port}", **changes)  # type: ignore[arg-type]


def scene(database: Database, subscribers: int) -> list[str]:
    add_papers(database, *make_papers(5))
    added = add_subscribers(database, subscribers)
    plan_due(database, at(TUESDAY))
    return [one.address for one in added]


def in_flight_now(database: Database) -> list[object]:
    with database.read() as connection:
        return list(connection.execute(select(in_flight)))


def test_mails_are_sent_once_over_many_connections(database: Database) -> None:
    addresses = scene(database, 120)
    with slow_server(latency=0.01) as (server, port):
        context = context_over(database, port, 10)
        assert deliver_ready(context, lambda: at(TUESDAY)).sent == 120
    assert sorted(server.recipients) == addresses
    assert server.count.most_connections == 10
    assert not in_flight_now(database)


def test_each_answer_of_a_commit_is_recorded_once(database: Database) -> None:
    addresses = scene(database, 60)
    with slow_server() as (server, port):
        assert deliver_ready(context_over(database, port, 20), lambda: at(TUESDAY)).sent == 60
    assert Counter(server.recipients) == Counter(addresses)
    with database.read() as connection:
        rows = connection.execute(select(deliveries.c.status, deliveries.c.smtp_answer)).all()
    assert Counter(row.status for row in rows) == {"sent": 60}
    assert {row.smtp_answer for row in rows} == {"250 2.0.0 accepted"}


# A server that accepts few connections.


def test_all_mails_are_sent_over_the_only_accepted_connection(database: Database) -> None:
    addresses = scene(database, 40)
    with slow_server(latency=0.002, connections=1) as (server, port):
        context = context_over(database, port, 10)
        summary = deliver_ready(context, lambda: at(TUESDAY))
    assert (summary.sent, summary.refusals, summary.stopped) == (40, 0, "")
    assert sorted(server.recipients) == addresses
    assert server.count.turned_away >= 1
    with database.read() as connection:
        assert not open_circuits(connection)
    assert context.connections.allowed(at(TUESDAY)) == 1
    assert context.connections.allowed(at(TUESDAY) + timedelta(hours=1)) == 10


def test_a_process_without_a_connection_leaves_the_mails_to_another(database: Database) -> None:
    addresses = scene(database, 60)
    now = [at(TUESDAY)]
    with slow_server(latency=0.005, connections=1) as (server, port):
        pool = PooledTransport(transport_from(f"smtp://127.0.0.1:{port}"))
        holder = replace(context_over(database, port, 1), transport=pool)
        # It keeps its connection in the pool, as processes do between batches.
        first = replace(holder, batch_size=10)
        from digest.delivery.deliver import deliver_batch

        assert deliver_batch(first, lambda: now[0], Summary())
        other = Summary()
        deliver_batch(context_over(database, port, 4), lambda: now[0], other)
        assert "no further connection" in other.stopped
        with database.read() as connection:
            assert not open_circuits(connection)
        assert deliver_ready(holder, lambda: now[0]).sent == 50
        pool.close()
        assert sorted(server.recipients) == addresses


class FunctionTransport:
    """A transport that calls a function for the answer to each mail."""

    def __init__(self, answer: Callable[[Envelope], str]) -> None:
        self._answer = answer

    @contextmanager
    def open(self) -> Iterator[Server]:
        yield self

    def send(self, envelope: Envelope) -> str:
        return self._answer(envelope)


def test_a_rejected_connection_passes_its_mail_to_another(database: Database) -> None:
    addresses = scene(database, 30)
    accepted: list[str] = []
    lock = threading.Lock()
    busy: list[int] = []

    def answer(envelope: Envelope) -> str:
        me = threading.get_ident()
        with lock:
            if me not in busy and len(busy) == 3:
                raise ServerFull("The mail server takes no mail now: 421 too many connections.")
            if me not in busy:
                busy.append(me)
        time.sleep(0.002)
        accepted.append(envelope.recipient)
        return "250 ok"

    context = replace(
        delivery_context(database, FunctionTransport(answer)), connections=ConnectionAllowance(8)
    )
    assert deliver_ready(context, lambda: at(TUESDAY)).sent == 30
    assert sorted(accepted) == addresses
    assert context.connections.allowed(at(TUESDAY)) == 3


# A provider that asks to slow down.


def test_a_request_to_slow_down_applies_to_the_account(database: Database) -> None:
    addresses = scene(database, 12)
    stored: list[Pace] = []
    times: list[float] = []

    def answer(envelope: Envelope) -> str:
        if len(times) == 4 and not stored:
            raise SlowDown("The mail server asks to slow down: 421 4.7.28 unusual rate.")
        times.append(time.monotonic())
        return envelope.recipient

    def change(make: Callable[[Pace | None], Pace]) -> Pace:
        stored.append(make(stored[-1] if stored else None))
        return stored[-1]

    from digest.delivery.limits import NoLimits

    limits = PacedLimits(
        NoLimits(), "test", lambda: stored[-1] if stored else None, change, lambda: at(TUESDAY)
    )
    context = replace(
        delivery_context(database, FunctionTransport(answer)),
        connections=ConnectionAllowance(4),
        limits=limits,
    )
    summary = deliver_ready(context, lambda: at(TUESDAY))
    # The refused mail is not recorded as a retry: it is sent with the others, slower.
    assert (summary.sent, summary.refusals, summary.stopped) == (len(addresses), 0, "")
    assert len(stored) == 1
    assert times[-1] - times[4] >= 0.8 * (len(addresses) - 5 - 2) / max(1, stored[0].ceiling)


# Unsubscribing while mails are sent.


def test_no_mail_is_sent_after_an_unsubscription_is_answered(database: Database) -> None:
    """Subscribers unsubscribe while mails are sent over twenty connections."""
    add_papers(database, *make_papers(5))
    added = add_subscribers(database, 150)
    plan_due(database, at(TUESDAY))
    left: dict[str, float] = {}
    came: dict[str, float] = {}

    def answer(envelope: Envelope) -> str:
        time.sleep(0.03)
        if b"List-Unsubscribe" in envelope.content:
            came[envelope.recipient] = time.monotonic()
        return "250 ok"

    context = replace(
        delivery_context(database, FunctionTransport(answer)), connections=ConnectionAllowance(20)
    )
    sending = threading.Thread(target=lambda: deliver_ready(context, lambda: at(TUESDAY)))
    sending.start()
    # From the end and from the middle, so that some mails are still queued and some are in flight.
    for subscriber in added[40:][::-1]:
        unsubscribe(database, SECRET, subscriber.key, at(TUESDAY), "test")
        left[subscriber.address] = time.monotonic()
    sending.join(60)
    after = [address for address, instant in left.items() if came.get(address, 0.0) > instant]
    assert not after
    assert came
    assert len(came) < 150


def test_a_concurrent_check_and_unsubscription_agree(database: Database) -> None:
    """A check just before the commit records the mail as in flight before the other transaction reads."""
    from digest.delivery.deliver import LEASE
    from digest.store import deliveries as delivery_store

    scene(database, 20)
    with database.begin() as connection:
        work = delivery_store.claim(connection, at(TUESDAY), LEASE, 20)
    writer = StepWriter(database, "test")
    writer.open_slots(1, at(TUESDAY))
    with database.read() as connection:
        from digest.store import subscribers as subscriber_store

        found = subscriber_store.find_by_ids(connection, {one.subscriber_id for one in work})
    for one in work:
        may_go: list[bool] = []
        asking = threading.Thread(
            target=lambda one=one, may_go=may_go: may_go.append(
                bool(writer.write([Step(0, None, one)], at(TUESDAY)))
            )
        )
        asking.start()
        leaving = threading.Thread(
            target=lambda one=one: unsubscribe(
                database, SECRET, found[one.subscriber_id].key, at(TUESDAY), "t"
            )
        )
        leaving.start()
        asking.join(10)
        if may_go == [True]:
            # The mail is in flight: the unsubscription waits for its record.
            leaving.join(0.05)
            assert leaving.is_alive()
            writer.write([Step(0, None, None)], at(TUESDAY))
        leaving.join(10)
        assert not leaving.is_alive()
    writer.close_slots()


# Limits of all connections together.


class Counted(ProviderLimits):
    """Limits that record the time of each turn."""

    def __init__(self, text: str) -> None:
        super().__init__([Limit.parse(text)], "test")
        self.turns: list[float] = []

    def wait(self, longest: float) -> float:
        asked_at = time.time()
        seconds = super().wait(longest)
        if not seconds:
            # The turn was granted between the request and now; the earlier time is the stricter one.
            self.turns.append(max(asked_at, time.time() - 0.001))
        return seconds


def test_limits_hold_over_all_connections(database: Database) -> None:
    scene(database, 45)
    limits = Counted("14/second")
    with slow_server() as (server, port):
        context = context_over(database, port, 20, limits=limits)
        assert deliver_ready(context, lambda: at(TUESDAY)).sent == 45
    assert len(server.recipients) == 45
    turns = sorted(limits.turns)
    # The fifteenth mail is sent a second after the first, on any connection.
    assert all(later - earlier > 0.9 for earlier, later in zip(turns, turns[14:], strict=False))


def test_an_unreachable_server_is_tried_once(database: Database) -> None:
    scene(database, 30)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    context = context_over(database, port, 20)
    summary = deliver_ready(context, Clock(at(TUESDAY)))
    assert "No connection" in summary.stopped
    with database.read() as connection:
        attempts = Counter(connection.execute(select(deliveries.c.attempts)).scalars())
    assert attempts == {0: 29, 1: 1}


def test_a_stop_releases_unsent_mails_and_loses_none(database: Database) -> None:
    scene(database, 80)
    accepted: list[str] = []

    def answer(envelope: Envelope) -> str:
        time.sleep(0.01)
        accepted.append(envelope.recipient)
        return "250 ok"

    context = replace(
        delivery_context(database, FunctionTransport(answer)),
        connections=ConnectionAllowance(10),
        is_stopping=lambda: len(accepted) >= 20,
    )
    deliver_ready_once(context)
    with database.read() as connection:
        found = Counter(connection.execute(select(deliveries.c.status)).scalars())
    assert found["claimed"] == 0
    assert found["sent"] == len(accepted) == len(set(accepted))
    assert found["sent"] + found["planned"] == 80


def deliver_ready_once(context: DeliveryContext) -> None:
    from digest.delivery.deliver import deliver

    deliver(context, lambda: at(TUESDAY), Summary(), Stream.DIGEST, goes_on=lambda: False)
