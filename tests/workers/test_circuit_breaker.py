"""The circuit: a server that will not have our mail is left alone, tried with a few, and used again."""

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
from digest.domain.subscriber import Status
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


class Wall:
    """A mail server that can be shut."""

    is_open = True

    def __init__(self) -> None:
        self.transport = Interposed(self._answer)
        self.tries = 0

    def _answer(self, envelope: Envelope, send: object) -> str:
        self.tries += 1
        if self.is_open:
            raise StopRun("The mail server refuses the password; check DIGEST_MAIL_URL.")
        assert callable(send)
        return str(send(envelope))


def context_with_faults(database: Database) -> tuple[Wall, DeliveryContext, Clock]:
    add_papers(database, *make_papers(12))
    add_subscribers(database, 12)
    plan_due(database, at(TUESDAY))
    return scene_of(database)


def scene_of(database: Database) -> tuple[Wall, DeliveryContext, Clock]:
    wall = Wall()
    post = replace(delivery_context(database), transport=wall.transport, account="memory:")
    return wall, post, Clock(at(TUESDAY))


def once(post: DeliveryContext, clock: Clock) -> Summary:
    summary = Summary()
    deliver_batch(post, clock, summary, respects_open_circuit=True)
    return summary


def test_pauses_grow_up_to_a_longest() -> None:
    pauses = [pause_after(timedelta(minutes=minutes)) for minutes in range(0, 500, 20)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (SHORTEST, LONGEST)


def test_a_server_that_refuses_us_is_left_alone_and_the_reason_is_kept(database: Database) -> None:
    wall, post, clock = context_with_faults(database)
    assert "password" in once(post, clock).stopped
    assert "password" in once(post, clock).stopped
    assert wall.tries == 1
    with database.read() as connection:
        (circuit,) = open_circuits(connection)
    assert (circuit.name, circuit.failures) == ("memory:", 1)
    assert "password" in circuit.reason


def test_after_its_pause_a_few_mails_try_it_and_a_long_outage_lengthens_the_pause(database: Database) -> None:
    wall, post, clock = context_with_faults(database)
    once(post, clock)
    clock.advance(seconds=30)
    once(post, clock)
    assert wall.tries == 2
    clock.advance(seconds=29)
    assert once(post, clock).stopped
    assert wall.tries == 2
    # Ten minutes later it is tried every two and a half.
    clock.advance(minutes=9, seconds=1)
    once(post, clock)
    assert wall.tries == 3
    clock.advance(seconds=149)
    assert once(post, clock).stopped
    assert wall.tries == 3
    clock.advance(seconds=1)
    wall.is_open = False
    assert once(post, clock).sent == HALF_OPEN_MAILS
    with database.read() as connection:
        assert not open_circuits(connection)
    clock.advance(hours=2)
    assert once(post, clock).sent == 12 - HALF_OPEN_MAILS


def test_of_many_workers_one_tries(database: Database) -> None:
    _, post, clock = context_with_faults(database)
    once(post, clock)
    clock.advance(minutes=2)
    admission = admit(database, post.account, Stream.DIGEST, clock())
    assert not admission.is_open
    assert sum(together(*[lambda: take_half_open_turn(database, admission)] * 4)) == 1


def test_an_operator_who_runs_by_hand_does_not_wait(database: Database) -> None:
    wall, post, clock = context_with_faults(database)
    once(post, clock)
    wall.is_open = False
    summary = Summary()
    deliver_batch(post, clock, summary)
    assert summary.sent == HALF_OPEN_MAILS
    with database.read() as connection:
        assert not open_circuits(connection)


def test_one_servers_trouble_is_not_anothers(database: Database) -> None:
    _, post, clock = context_with_faults(database)
    once(post, clock)
    assert not admit(database, "smtp://other", Stream.DIGEST, clock()).is_open


# An outage, as each way of running meets it: with mails of one stream, of the other, of both.


@pytest.fixture(params=["digest", "transactional", "both", "quiet"])
def waiting(request: pytest.FixtureRequest, database: Database) -> str:
    """Mails that wait when the server is down; `quiet` are digests of which the first turn out empty."""
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
                save_feedback(connection, number, 1, "more", at(TUESDAY, 7))
    plan_due(database, at(TUESDAY))
    return streams


def expected(streams: str) -> int:
    return {"digest": 12, "transactional": 3, "both": 15, "quiet": 3}[streams]


def as_up(container: Container) -> None:
    """What `digest up` does every twenty seconds."""
    Runner(container, Event()).deliver_all()


def as_run(container: Container) -> None:
    """What `digest run` does."""
    deliver_ready(container.delivery_context, container.clock)


def as_workers(container: Container) -> None:
    """What a sweep and the tasks that it asks for do."""
    ready = recurring.backlog(container)
    asked: list[Stream] = []
    asked += [Stream.TRANSACTIONAL] * ready.transactional
    asked += [Stream.DIGEST] * ready.digests
    while asked:
        stream = asked.pop(0)
        if recurring.deliver(container, stream):
            asked.append(stream)


@pytest.mark.parametrize("way", [as_up, as_run, as_workers])
def test_after_an_outage_the_first_look_sends_all(
    database: Database, waiting: str, way: Callable[[Container], None]
) -> None:
    wall, post, clock = scene_of(database)
    settings = Settings.model_construct(mail_url=SecretStr("memory:"), batch_size=500)
    container = Container(settings, clock)
    container.__dict__.update(database=database, delivery_context=post)
    assert container.account == post.account
    for _ in range(3):
        way(container)
        clock.advance(seconds=20)
    assert not wall.transport.envelopes
    wall.is_open = False
    # The pause that the breaker grew to, and every mail that met the outage had its own.
    clock.advance(minutes=6)
    way(container)
    way(container)
    assert len(wall.transport.envelopes) == expected(waiting)
    with database.read() as connection:
        assert not open_circuits(connection)
