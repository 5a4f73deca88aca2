"""Provider limits: at most N mails in any window, over threads and processes; the others wait."""

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis import Redis

from digest.delivery.deliver import Summary, deliver_batch, deliver_ready
from digest.delivery.limits import BOUNDLESS, Limit, NoLimits, ProviderLimits
from digest.delivery.plan import plan_due
from digest.delivery.turns import LocalTurns, RedisTurns
from digest.errors import BadInput, TryLater
from digest.mail.file_transports import MemoryTransport
from digest.store import deliveries as ledger
from digest.store.database import Database
from tests.factories import TUESDAY, add_papers, add_subscribers, at, delivery_context, make_papers
from tests.services.installation import free_port


def limits(*texts: str, **more: object) -> ProviderLimits:
    return ProviderLimits([Limit.parse(text) for text in texts], "someone@mail", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "14", "14/week", "0/second", "-1/day", "a/second", "14 / second", "1e3/hour"]
)
def test_an_invalid_limit_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Limit.parse(text)


def test_no_second_has_more_mails_than_the_limit() -> None:
    shared = limits("20/second")
    taken: list[float] = []

    def take() -> None:
        for _ in range(10):
            assert shared.wait(30) == 0
            taken.append(time.monotonic())
            shared.end_turn()

    with ThreadPoolExecutor(5) as threads:
        for done in [threads.submit(take) for _ in range(5)]:
            done.result()
    taken.sort()
    assert len(taken) == 50
    # Mails are counted before they are observed; a hundredth of a second allows for that.
    assert all(later - sooner > 0.99 for sooner, later in zip(taken, taken[20:], strict=False))


class FakeTime:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(
    st.integers(1, 16),
    st.lists(st.tuples(st.floats(0, 0.6), st.floats(0, 3), st.floats(0, 1)), min_size=20, max_size=60),
)
@example(14, [(0.0, 0.5, 1.0)] * 14 + [(0.05, 0.01, 0.0)] * 30)
def test_no_second_at_the_server_has_more_mails_than_the_limit(
    most: int, mails: list[tuple[float, float, float]]
) -> None:
    """For any times of sending and answering: a mail reaches the server at some instant between the two."""
    fake = FakeTime()
    turns = LocalTurns(most, 1.0, fake.time)
    waiting = deque(mails)
    in_flight: list[float] = []
    reached: list[float] = []
    while waiting or in_flight:
        in_flight.sort()
        if in_flight and in_flight[0] <= fake.now:
            in_flight.pop(0)
            turns.end()
        elif waiting and (wait := turns.take()) == 0:
            pause, duration, share = waiting.popleft()
            in_flight.append(fake.now + duration)
            reached.append(fake.now + duration * share)
            fake.sleep(min(pause, *(at - fake.now for at in in_flight)))
        else:
            ends = [at - fake.now for at in in_flight]
            fake.sleep(min([wait, *ends]) if waiting else min(ends))
    reached.sort()
    assert len(reached) == len(mails)
    assert all(later - sooner > 1 - 1e-6 for sooner, later in zip(reached, reached[most:], strict=False))


def test_turns_are_shared_in_redis(redis_url: str) -> None:
    """Several processes together have the turns of one; a turn is free a window after the answer."""
    ours, theirs = (RedisTurns(Redis.from_url(redis_url), "shared", 2, 0.3) for _ in range(2))
    assert ours.take() == 0
    assert theirs.take() == 0
    # Both mails are in flight.
    time.sleep(0.35)
    assert ours.take() > 0
    theirs.end()
    assert 0.2 < ours.take() < 0.31
    time.sleep(0.31)
    assert theirs.take() == 0
    assert ours.take() > 0


def test_a_long_wait_is_returned_instead_of_waited_for() -> None:
    few = limits("2/hour", "100/second")
    assert [few.wait(1), few.wait(1)] == [0, 0]
    wait = few.wait(1)
    assert 3500 < wait <= 3600
    assert few.room(at(TUESDAY)) == 0


def test_the_room_is_that_of_the_most_restrictive_window() -> None:
    several = limits("5/day", "3/hour", "1/second")
    assert several.room(at(TUESDAY)) == 3
    assert NoLimits().room(at(TUESDAY)) == BOUNDLESS


def test_mails_in_the_ledger_count() -> None:
    assert limits("5/day", sent_since=lambda _: 4).room(at(TUESDAY)) == 1
    assert limits("5/day", sent_since=lambda _: 9).room(at(TUESDAY)) == 0


def test_without_redis_no_mail_is_sent_that_could_exceed_the_limit() -> None:
    lost = limits("5/day", storage_url=f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(TryLater, match="Redis"):
        lost.room(at(TUESDAY))
    with pytest.raises(TryLater, match="Redis"):
        lost.wait(1)


@pytest.fixture
def waiting(database: Database) -> Database:
    add_papers(database, *make_papers(12))
    add_subscribers(database, 8)
    plan_due(database, at(TUESDAY))
    return database


def test_mails_above_the_limit_wait_and_are_sent_later(waiting: Database) -> None:
    transport = MemoryTransport()
    post = replace(delivery_context(waiting, transport), limits=limits("5/hour"))
    summary = deliver_ready(post, lambda: at(TUESDAY))
    assert (summary.sent, len(transport.envelopes)) == (5, 5)
    assert "limit" in summary.stopped
    with waiting.read() as connection:
        assert ledger.count_ready(connection, at(TUESDAY, 9), 100) == 3
        assert ledger.count_sent(connection, at(TUESDAY, 0)) == 5
    later = replace(post, limits=limits("5/hour"))
    assert deliver_ready(later, lambda: at(TUESDAY, 10)).sent == 3
    assert len({envelope.recipient for envelope in transport.envelopes}) == 8


def test_a_subscriber_who_unsubscribes_while_a_mail_waits_gets_none(waiting: Database) -> None:
    class Leaving(NoLimits):
        never_waits = False

        def wait(self, longest: float) -> float:  # noqa: ARG002
            with waiting.begin() as connection:
                connection.exec_driver_sql("UPDATE subscribers SET status = 'unsubscribed' WHERE id > 4")
            return 0.0

    transport = MemoryTransport()
    summary = deliver_ready(
        replace(delivery_context(waiting, transport), limits=Leaving()), lambda: at(TUESDAY)
    )
    assert (summary.sent, summary.skipped) == (4, {"withdrawn": 4})


def test_a_stopping_process_releases_the_rest(waiting: Database) -> None:
    transport = MemoryTransport()
    post = replace(delivery_context(waiting, transport), is_stopping=lambda: len(transport.envelopes) >= 3)
    post_batch = replace(post, batch_size=100)
    summary = Summary()
    assert deliver_batch(post_batch, lambda: at(TUESDAY), summary)
    assert summary.sent == 3
    with waiting.read() as connection:
        assert ledger.count_ready(connection, at(TUESDAY), 100) == 5


def test_windows_slide() -> None:
    quick = ProviderLimits([Limit(3, timedelta(seconds=1), "3/second")], "slide")
    assert [quick.wait(0) for _ in range(3)] == [0, 0, 0]
    assert quick.wait(0) > 0
