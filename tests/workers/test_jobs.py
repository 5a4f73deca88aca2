"""The recurring jobs: backlog, deliveries, fetching and housekeeping."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from digest.delivery.circuit_breaker import Trouble, open_circuit
from digest.delivery.plan import plan_due
from digest.domain.delivery import Stream
from digest.domain.subscriber import Status
from digest.jobs import cleanup, recurring
from digest.settings import Settings
from digest.store import delivery_reports
from digest.store.database import Database
from digest.store.feedback import read_feedback
from digest.store.models import fetches
from digest.store.pending_feedback import read_pending
from digest.wiring import Container
from tests.factories import (
    TUESDAY,
    Clock,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    make_papers,
    record_fetch,
    request_links,
)
from tests.papers import samples
from tests.papers.feed_server import Reply, feed_server

CLOCK = Clock(at(TUESDAY))


@pytest.fixture
def container(sqlite_url: str) -> Iterator[Container]:
    settings = Settings.model_construct(
        database_url=SecretStr(sqlite_url),
        mail_url=SecretStr("maildir:outbox"),
        secret_key=SecretStr("x"),
        sender="Papers <digest@example.org>",
        base_url="https://papers.example.org",
        batch_size=10,
    )
    made = Container(settings, Clock(at(TUESDAY)))
    yield made
    made.close()


def test_one_task_is_started_for_each_ready_batch(container: Container) -> None:
    assert recurring.backlog(container) == recurring.Backlog(0, 0)
    add_subscribers(container.database, 21)
    add_subscriber(container.database, "new@example.org", status=Status.PENDING)
    recurring.plan(container)
    assert recurring.backlog(container) == recurring.Backlog(1, 3)


def test_an_open_circuit_has_no_backlog_and_a_half_open_one_batch(container: Container) -> None:
    add_subscribers(container.database, 21)
    recurring.plan(container)
    open_circuit(container.database, container.account, Trouble("no"), container.clock())
    assert recurring.backlog(container) == recurring.Backlog(0, 0)
    container.clock = Clock(at(TUESDAY) + timedelta(minutes=5))
    assert recurring.backlog(container) == recurring.Backlog(0, 1)


def test_each_stream_is_delivered_separately(container: Container) -> None:
    add_papers(container.database, *make_papers(12))
    add_subscribers(container.database, 3)
    add_subscriber(container.database, "new@example.org", status=Status.PENDING, now=at(TUESDAY, 7))
    lost = add_subscriber(container.database, "lost@example.org", frequency="off")
    request_links(container.database, container.secret, lost.address, container.clock())
    plan_due(container.database, container.clock())
    assert recurring.backlog(container) == recurring.Backlog(1, 1)
    assert recurring.deliver(container, Stream.TRANSACTIONAL)
    assert recurring.backlog(container) == recurring.Backlog(0, 1)
    with container.database.read() as connection:
        sent = {(row.kind, row.status) for row in delivery_reports.find(connection) if row.kind != "digest"}
    assert sent == {("confirm", "sent"), ("links", "sent")}
    assert recurring.deliver(container, Stream.DIGEST)
    assert recurring.backlog(container) == recurring.Backlog(0, 0)
    assert not recurring.deliver(container, Stream.DIGEST)


def test_rated_papers_are_fetched_by_id_and_their_feedback_applies(sqlite_url: str) -> None:
    with feed_server() as feeds:
        feeds.serve("/api/query", Reply(samples.api_page(samples.api_entry("2602.00042")).encode()))
        settings = Settings.model_construct(
            database_url=SecretStr(sqlite_url),
            secret_key=SecretStr("x"),
            arxiv_api_url=f"{feeds.address}/api/query",
        )
        container = Container(settings, Clock(at(TUESDAY)))
        ada = add_subscriber(container.database, likes=["2602.00042"])
        recurring.fetch_marked(container)
        recurring.fetch_marked(container)
        with container.database.read() as connection:
            assert len(read_feedback(connection, [ada.id])[ada.id]) == 1
        container.close()
        assert len(feeds.requests) == 1


def test_with_the_sample_feed_no_rated_papers_are_fetched(sqlite_url: str) -> None:
    settings = Settings.model_construct(
        database_url=SecretStr(sqlite_url), sources=("sample",), arxiv_api_url="http://127.0.0.1:9/api/query"
    )
    container = Container(settings, Clock(at(TUESDAY)))
    ada = add_subscriber(container.database, likes=["2602.00042"])
    recurring.fetch_marked(container)
    with container.database.read() as connection:
        assert read_pending(connection, [ada.id]) == {ada.id: [("2602.00042", "more")]}
    container.close()


def test_housekeeping_deletes_old_fetches_and_unconfirmed_subscribers(container: Container) -> None:
    record_fetch(container.database, at(TUESDAY) - timedelta(days=91))
    record_fetch(container.database, at(TUESDAY) - timedelta(days=1))
    add_subscriber(
        container.database, "late@example.org", status=Status.PENDING, now=at(TUESDAY) - timedelta(days=60)
    )
    cleanup.clean_up(container)
    with container.database.read() as connection:
        assert len(connection.execute(fetches.select()).all()) == 1
    assert count_subscribers(container.database) == 0


def count_subscribers(database: Database) -> int:
    from digest.store.subscribers import count_by_status

    with database.read() as connection:
        return sum(count_by_status(connection).values())


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("smtp://me:secret@mail.example.org:587", "smtp://me@mail.example.org:587"),
        ("smtp://me:se:cret@mail.example.org:587", "smtp://me@mail.example.org:587"),
        ("smtp://me:s@cret@mail.example.org", "smtp://me@mail.example.org:587"),
        (
            "smtp://me%40example.org:se%3Acr%40et@mail.example.org",
            "smtp://me@example.org@mail.example.org:587",
        ),
        ("smtps://me@example.org:secret@mail.example.org", "smtps://me@example.org@mail.example.org:465"),
        ("smtp://127.0.0.1:2525?tls=no", "smtp://127.0.0.1:2525"),
        ("maildir:outbox", "maildir:outbox"),
    ],
)
def test_the_account_has_server_and_user_but_no_password(url: str, account: str) -> None:
    settings = Settings.model_construct(mail_url=SecretStr(url))
    assert Container(settings, CLOCK).account == account
