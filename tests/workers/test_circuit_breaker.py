"""The circuit breaker: it opens when a server refuses all mail, tries a few mails, and closes again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from pydantic import SecretStr

from digest.delivery.circuit_breaker import (
    HALF_OPEN_MAILS,
    LONGEST,
    SHORTEST,
    admit,
    pause_after,
    take_half_open_turn,
)
from digest.delivery.deliver import DeliveryContext, Summary, deliver_batch, deliver_ready
from digest.delivery.plan import plan_due
from digest.domain.delivery import Stream
from digest.domain.subscriber import Status, Verdict
from digest.errors import StopRun
from digest.jobs import recurring
from digest.jobs.scheduler import Runner
from digest.mail.envelope import Envelope
from digest.settings import Settings
from digest.store.circuit_breakers import open_circuits
from digest.store.database import Database
from digest.store.feedback import save_feedback
from digest.wiring import Container
from tests.factories import (
    TUESDAY,
    Clock,
    Interposed,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    delivery_context,
    make_papers,
    together,
)


class SwitchableServer:
    """A mail server that can be made to refuse everything."""

    is_down = True

    def __init__(self) -> None:
        self.transport = Interposed(self._answer)
        self.tries = 0

    def _answer(self, envelope: Envelope, send: object) -> str:
        self.tries += 1
        if self.is_down:
            raise StopRun("The mail server refuses the password; check DIGEST_MAIL_URL.")
        assert callable(send)
        return str(send(envelope))


def context_with_faults(database: Database) -> tuple[SwitchableServer, DeliveryContext, Clock]:
    add_papers(database, *make_papers(12))
    add_subscribers(database, 12)
    plan_due(database, at(TUESDAY))
    return context_of(database)


def context_of(database: Database) -> tuple[SwitchableServer, DeliveryContext, Clock]:
    server = SwitchableServer()
    context = replace(delivery_context(database), transport=server.transport, account="memory:")
    return server, context, Clock(at(TUESDAY))


def once(context: DeliveryContext, clock: Clock) -> Summary:
    summary = Summary()
    deliver_batch(context, clock, summary, respects_open_circuit=True)
    return summary


def test_pauses_grow_up_to_a_limit() -> None:
    pauses = [pause_after(timedelta(minutes=minutes)) for minutes in range(0, 500, 20)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (SHORTEST, LONGEST)


def test_an_open_circuit_sends_nothing_and_stores_the_reason(database: Database) -> None:
    server, context, clock = context_with_faults(database)
    assert "password" in once(context, clock).stopped
    assert "password" in once(context, clock).stopped
    assert server.tries == 1
    with database.read() as connection:
        (circuit,) = open_circuits(connection)
    assert (circuit.name, circuit.failures) == ("memory:", 1)
    assert "password" in circuit.reason


def test_a_half_open_circuit_tries_a_few_mails_and_a_long_outage_lengthens_the_pause(
    database: Database,
) -> None:
    server, context, clock = context_with_faults(database)
    once(context, clock)
    clock.advance(seconds=30)
    once(context, clock)
    assert server.tries == 2
    clock.advance(seconds=29)
    assert once(context, clock).stopped
    assert server.tries == 2
    # Ten minutes later it is tried every two and a half minutes.
    clock.advance(minutes=9, seconds=1)
    once(context, clock)
    assert server.tries == 3
    clock.advance(seconds=149)
    assert once(context, clock).stopped
    assert server.tries == 3
    clock.advance(seconds=1)
    server.is_down = False
    assert once(context, clock).sent == HALF_OPEN_MAILS
    with database.read() as connection:
        assert not open_circuits(connection)
    clock.advance(hours=2)
    assert once(context, clock).sent == 12 - HALF_OPEN_MAILS


def test_one_worker_of_many_tries_a_half_open_circuit(database: Database) -> None:
    _, context, clock = context_with_faults(database)
    once(context, clock)
    clock.advance(minutes=2)
    admission = admit(database, context.account, Stream.DIGEST, clock())
    assert not admission.is_open
    assert sum(together(*[lambda: take_half_open_turn(database, admission)] * 4)) == 1


def test_a_manual_run_does_not_wait_for_the_circuit(database: Database) -> None:
    server, context, clock = context_with_faults(database)
    once(context, clock)
    server.is_down = False
    summary = Summary()
    deliver_batch(context, clock, summary)
    assert summary.sent == HALF_OPEN_MAILS
    with database.read() as connection:
        assert not open_circuits(connection)


def test_circuits_of_different_servers_are_independent(database: Database) -> None:
    _, context, clock = context_with_faults(database)
    once(context, clock)
    assert not admit(database, "smtp://other", Stream.DIGEST, clock()).is_open


# An outage, for each way of running, with mails of one stream, the other, or both.


@pytest.fixture(params=["digest", "transactional", "both", "quiet"])
def waiting(request: pytest.FixtureRequest, database: Database) -> str:
    """Deliveries that wait while the server is down; `quiet`: digests of which the first are skipped as empty."""
    streams: str = request.param
    if streams != "quiet":
        add_papers(database, *make_papers(12))
    if streams != "transactional":
        add_subscribers(database, 12)
    if streams in {"transactional", "both"}:
        for number in range(3):
            add_subscriber(database, f"new{number}@example.org", status=Status.PENDING, now=at(TUESDAY, 7))
    if streams == "quiet":
        add_papers(database, *make_papers(1), now=at(TUESDAY, 7))
        for number in range(1, 10):
            with database.begin() as connection:
                save_feedback(connection, number, 1, Verdict.MORE, at(TUESDAY, 7))
    plan_due(database, at(TUESDAY))
    return streams


def expected(streams: str) -> int:
    return {"digest": 12, "transactional": 3, "both": 15, "quiet": 3}[streams]


def as_up(container: Container) -> None:
    """Do what `digest up` does every twenty seconds."""
    Runner(container, Event()).deliver_all()


def as_run(container: Container) -> None:
    """Do what `digest run` does."""
    deliver_ready(container.delivery_context, container.clock)


def as_workers(container: Container) -> None:
    """Do what a sweep and the tasks it starts do."""
    ready = recurring.backlog(container)
    asked: list[Stream] = []
    asked += [Stream.TRANSACTIONAL] * ready.transactional
    asked += [Stream.DIGEST] * ready.digests
    while asked:
        stream = asked.pop(0)
        if recurring.deliver(container, stream):
            asked.append(stream)


@pytest.mark.parametrize("way", [as_up, as_run, as_workers])
def test_after_an_outage_the_first_turn_sends_all(
    database: Database, waiting: str, way: Callable[[Container], None]
) -> None:
    server, context, clock = context_of(database)
    settings = Settings.model_construct(mail_url=SecretStr("memory:"), batch_size=500)
    container = Container(settings, clock)
    container.__dict__.update(database=database, delivery_context=context)
    assert container.account == context.account
    for _ in range(3):
        way(container)
        clock.advance(seconds=20)
    assert not server.transport.envelopes
    server.is_down = False
    # The pause of the breaker, and the retry times of the mails that failed during the outage.
    clock.advance(minutes=6)
    way(container)
    way(container)
    assert len(server.transport.envelopes) == expected(waiting)
    with database.read() as connection:
        assert not open_circuits(connection)
