"""Many connections at once: each mail once, recorded in groups, at the pace and number that the server takes."""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from digest.bench.slow_server import SlowServer
from digest.delivery.context import ConnectionAllowance, DeliveryContext
from digest.delivery.deliver import Summary, deliver_ready
from digest.delivery.group_commit import GroupCommit
from digest.delivery.limits import Limit, PacedLimits, ProviderLimits
from digest.delivery.pace import Pace
from digest.delivery.plan import plan_due
from digest.domain.delivery import Stream
from digest.errors import ServerFull, SlowDown, StopRun
from digest.mail.connection_pool import PooledTransport
from digest.mail.envelope import Connection as Server
from digest.mail.envelope import Envelope
from digest.mail.transports import transport_from
from digest.store.circuit_breakers import open_circuits
from digest.store.database import Database
from digest.store.mail_server_models import in_flight
from digest.store.models import deliveries
from digest.store.recording import Step, StepWriter
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
    """Run the bench's mail server in a thread; give it and its port."""
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


def test_mails_go_over_many_connections_each_once(database: Database) -> None:
    addresses = scene(database, 120)
    with slow_server(latency=0.01) as (server, port):
        context = context_over(database, port, 10)
        assert deliver_ready(context, lambda: at(TUESDAY)).sent == 120
    assert sorted(server.recipients) == addresses
    assert server.count.most_connections == 10
    assert not in_flight_now(database)


def test_answers_are_recorded_in_groups(database: Database) -> None:
    """While one commit is on its way, the others gather for the next."""
    written: list[int] = []

    class Slow(StepWriter):
        def write(self, steps: "list[Step]", now: datetime) -> set[int]:  # type: ignore[override]
            written.append(len(steps))
            time.sleep(0.05)
            return super().write(steps, now)

    writer = Slow(database, "test")
    writer.open_slots(10, at(TUESDAY))
    group = GroupCommit(writer, lambda: at(TUESDAY))
    group.start()
    first = group.submit(0, None, None)
    time.sleep(0.02)
    others = [group.submit(slot, None, None) for slot in range(1, 10)]
    assert not any(ticket.wait() for ticket in [first, *others])
    group.close()
    assert written == [1, 9]


def test_what_cannot_be_recorded_is_raised_for_each_connection(database: Database) -> None:
    class Broken(StepWriter):
        def write(self, *_: object) -> set[int]:
            raise StopRun("no database")

    group = GroupCommit(Broken(database, "test"), lambda: at(TUESDAY), timedelta())
    group.start()
    tickets = [group.submit(slot, None, None) for slot in range(3)]
    for ticket in tickets:
        with pytest.raises(StopRun, match="no database"):
            ticket.wait()
    group.close()


def test_nothing_is_lost_or_recorded_twice_in_one_commit(database: Database) -> None:
    addresses = scene(database, 60)
    with slow_server() as (server, port):
        assert deliver_ready(context_over(database, port, 20), lambda: at(TUESDAY)).sent == 60
    assert Counter(server.recipients) == Counter(addresses)
    with database.read() as connection:
        rows = connection.execute(select(deliveries.c.status, deliveries.c.smtp_answer)).all()
    assert Counter(row.status for row in rows) == {"sent": 60}
    assert {row.smtp_answer for row in rows} == {"250 2.0.0 taken"}


# A server that lets few connections in.


def test_a_server_that_lets_one_connection_in_gets_every_mail_over_it(database: Database) -> None:
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


def test_a_process_that_is_not_let_in_leaves_the_mails_to_the_one_that_is(database: Database) -> None:
    addresses = scene(database, 60)
    now = [at(TUESDAY)]
    with slow_server(latency=0.005, connections=1) as (server, port):
        pool = PooledTransport(transport_from(f"smtp://127.0.0.1:{port}"))
        holder = replace(context_over(database, port, 1), transport=pool)
        # It keeps its connection, as processes do between batches.
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


class Moody:
    """A transport whose every mail is answered by a function."""

    def __init__(self, answer: Callable[[Envelope], str]) -> None:
        self._answer = answer

    @contextmanager
    def open(self) -> Iterator[Server]:
        yield self

    def send(self, envelope: Envelope) -> str:
        return self._answer(envelope)


def test_a_connection_that_is_turned_away_gives_its_mail_to_another(database: Database) -> None:
    addresses = scene(database, 30)
    taken: list[str] = []
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
        taken.append(envelope.recipient)
        return "250 ok"

    context = replace(delivery_context(database, Moody(answer)), connections=ConnectionAllowance(8))
    assert deliver_ready(context, lambda: at(TUESDAY)).sent == 30
    assert sorted(taken) == addresses
    assert context.connections.allowed(at(TUESDAY)) == 3


# A provider that asks to slow down.


def test_a_provider_that_asks_to_slow_down_is_obeyed_by_the_account(database: Database) -> None:
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
        delivery_context(database, Moody(answer)), connections=ConnectionAllowance(4), limits=limits
    )
    summary = deliver_ready(context, lambda: at(TUESDAY))
    # The mail that met it is no retry: it goes out with the others, slower.
    assert (summary.sent, summary.refusals, summary.stopped) == (len(addresses), 0, "")
    assert len(stored) == 1
    assert times[-1] - times[4] >= 0.8 * (len(addresses) - 5 - 2) / max(1, stored[0].ceiling)


# Whoever leaves.


def test_whoever_unsubscribes_gets_nothing_after_the_answer(database: Database) -> None:
    """Mails are on their way over twenty connections while one after the other unsubscribes."""
    add_papers(database, *make_papers(5))
    added = add_subscribers(database, 150)
    plan_due(database, at(TUESDAY))
    left: dict[str, float] = {}
    came: dict[str, float] = {}

    def answer(envelope: Envelope) -> str:
        time.sleep(0.03)
        came[envelope.recipient] = time.monotonic()
        return "250 ok"

    context = replace(delivery_context(database, Moody(answer)), connections=ConnectionAllowance(20))
    sending = threading.Thread(target=lambda: deliver_ready(context, lambda: at(TUESDAY)))
    sending.start()
    # From the end and from the middle, so that some are far from being sent and some are being sent.
    for subscriber in added[40:][::-1]:
        unsubscribe(database, SECRET, subscriber.key, at(TUESDAY), "test")
        left[subscriber.address] = time.monotonic()
    sending.join(60)
    after = [address for address, instant in left.items() if came.get(address, 0.0) > instant]
    assert not after
    assert came
    assert len(came) < 150


def test_a_question_and_an_unsubscription_at_once_agree(database: Database) -> None:
    """The one who asks just before the commit writes that the mail is in flight before the other looks."""
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
            # It is in flight: the unsubscription waits for the record.
            leaving.join(0.05)
            assert leaving.is_alive()
            writer.write([Step(0, None, None)], at(TUESDAY))
        leaving.join(10)
        assert not leaving.is_alive()


# Limits, over all connections.


class Counted(ProviderLimits):
    """Limits that note when each turn was given."""

    def __init__(self, text: str) -> None:
        super().__init__([Limit.parse(text)], "test")
        self.turns: list[float] = []

    def wait(self, longest: float) -> float:
        asked_at = time.time()
        seconds = super().wait(longest)
        if not seconds:
            # Between the asking and now; the earlier instant crowds the window no more than the true one.
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
    # The fifteenth sets out a second after the first, whatever connection it goes over.
    assert all(later - earlier > 0.9 for earlier, later in zip(turns, turns[14:], strict=False))


def test_a_server_that_is_away_is_asked_once(database: Database) -> None:
    scene(database, 30)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    context = context_over(database, port, 20)
    summary = deliver_ready(context, Clock(at(TUESDAY)))
    assert "No connection" in summary.stopped
    with database.read() as connection:
        attempts = Counter(connection.execute(select(deliveries.c.attempts)).scalars())
    assert attempts == {0: 29, 1: 1}


def test_a_stop_gives_back_what_is_not_sent_and_loses_nothing(database: Database) -> None:
    scene(database, 80)
    taken: list[str] = []

    def answer(envelope: Envelope) -> str:
        time.sleep(0.01)
        taken.append(envelope.recipient)
        return "250 ok"

    context = replace(
        delivery_context(database, Moody(answer)),
        connections=ConnectionAllowance(10),
        is_stopping=lambda: len(taken) >= 20,
    )
    deliver_ready_once(context)
    with database.read() as connection:
        found = Counter(connection.execute(select(deliveries.c.status)).scalars())
    assert found["claimed"] == 0
    assert found["sent"] == len(taken) == len(set(taken))
    assert found["sent"] + found["planned"] == 80


def deliver_ready_once(context: DeliveryContext) -> None:
    from digest.delivery.deliver import deliver

    deliver(context, lambda: at(TUESDAY), Summary(), Stream.DIGEST, goes_on=lambda: False)
