"""Provider limits: at most N mails in any window, over threads and processes; the others wait."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from digest.delivery.deliver import Summary, deliver_batch, deliver_ready
from digest.delivery.limits import BOUNDLESS, Limit, NoLimits, ProviderLimits
from digest.delivery.plan import plan_due
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

    with ThreadPoolExecutor(5) as threads:
        for done in [threads.submit(take) for _ in range(5)]:
            done.result()
    taken.sort()
    assert len(taken) == 50
    # Mails are counted before they are observed; a hundredth of a second allows for that.
    assert all(later - sooner > 0.99 for sooner, later in zip(taken, taken[20:], strict=False))


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
