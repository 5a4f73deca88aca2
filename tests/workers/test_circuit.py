"""The circuit: a server that will not have our mail is left alone, tried with a few, and used again."""

from dataclasses import replace
from datetime import timedelta

from digest.delivery.circuit import LONGEST, SHORTEST, TRIAL_MAILS, admit, rest
from digest.delivery.deliver import PostOffice, Summary, deliver_batch
from digest.delivery.plan import plan_due
from digest.errors import StopRun
from digest.mail.envelope import Envelope
from digest.store.circuits import open_circuits
from digest.store.database import Database
from tests.factories import (
    TUESDAY,
    Clock,
    Interposed,
    add_papers,
    add_readers,
    at,
    make_papers,
    office,
    together,
)


class Wall:
    """A mail server that can be shut."""

    is_shut = True

    def __init__(self) -> None:
        self.transport = Interposed(self._answer)
        self.tries = 0

    def _answer(self, envelope: Envelope, send: object) -> str:
        self.tries += 1
        if self.is_shut:
            raise StopRun("The mail server refuses the password; check DIGEST_MAIL_URL.")
        assert callable(send)
        return str(send(envelope))


def scene(database: Database) -> tuple[Wall, PostOffice, Clock]:
    add_papers(database, *make_papers(12))
    add_readers(database, 12)
    plan_due(database, at(TUESDAY))
    wall = Wall()
    return (
        wall,
        replace(office(database), transport=wall.transport, account="smtp://mail"),
        Clock(at(TUESDAY)),
    )


def once(post: PostOffice, clock: Clock) -> Summary:
    summary = Summary()
    deliver_batch(post, clock, summary, patient=True)
    return summary


def test_pauses_grow_up_to_a_longest() -> None:
    pauses = [rest(trips) for trips in range(1, 12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (SHORTEST, LONGEST)


def test_a_server_that_refuses_us_is_left_alone_and_the_reason_is_kept(database: Database) -> None:
    wall, post, clock = scene(database)
    assert "password" in once(post, clock).stopped
    assert "password" in once(post, clock).stopped
    assert wall.tries == 1
    with database.read() as connection:
        (circuit,) = open_circuits(connection)
    assert (circuit.name, circuit.trips) == ("smtp://mail", 1)
    assert "password" in circuit.reason


def test_after_its_pause_a_few_mails_try_it_and_another_failure_doubles_the_pause(database: Database) -> None:
    wall, post, clock = scene(database)
    once(post, clock)
    clock.advance(minutes=1)
    once(post, clock)
    assert wall.tries == 2
    clock.advance(seconds=90)
    assert once(post, clock).stopped
    assert wall.tries == 2
    clock.advance(seconds=31)
    wall.is_shut = False
    assert once(post, clock).sent == TRIAL_MAILS
    with database.read() as connection:
        assert not open_circuits(connection)
    clock.advance(hours=2)
    assert once(post, clock).sent == 12 - TRIAL_MAILS


def test_of_many_workers_one_tries(database: Database) -> None:
    _, post, clock = scene(database)
    once(post, clock)
    clock.advance(minutes=2)
    admitted = together(*[lambda: admit(database, post.account, clock()).is_trial] * 4)
    assert sum(admitted) == 1


def test_an_operator_who_runs_by_hand_does_not_wait(database: Database) -> None:
    wall, post, clock = scene(database)
    once(post, clock)
    wall.is_shut = False
    summary = Summary()
    deliver_batch(post, clock, summary)
    assert summary.sent == TRIAL_MAILS
    with database.read() as connection:
        assert not open_circuits(connection)


def test_one_servers_trouble_is_not_anothers(database: Database) -> None:
    _, post, clock = scene(database)
    once(post, clock)
    assert not admit(database, "smtp://other", clock() + timedelta()).is_shut
