"""No mail is lost or sent twice after crashes: real PostgreSQL, Redis, mail server and workers."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from digest.clock import utc_now
from digest.delivery.plan import plan_due
from digest.domain.subscriber import Status
from digest.mail.transports import CONNECTIONS
from digest.store import subscribers as subscriber_store
from digest.store.database import Database
from tests.factories import add_papers, add_subscriber, make_papers, together
from tests.services.installation import Installation, copies, wait_for

pytestmark = pytest.mark.services


def populate(database: Database, subscribers: int) -> None:
    now = utc_now()
    add_papers(database, *make_papers(40, announced_on=now.date() - timedelta(days=1)), now=now)
    for number in range(subscribers):
        add_subscriber(database, f"r{number:03}@example.org", now=now)


def test_killing_workers_loses_no_mail(make_installation: Callable[..., Installation]) -> None:
    installation = make_installation(lease_seconds=2)
    populate(installation.database, 150)
    assert plan_due(installation.database, utc_now()) == 150
    rng, kills = Random(3), 0
    workers = [installation.start_worker(), installation.start_worker()]
    wait_for(lambda: installation.sweep() and installation.sent() > 0, 40, "the first mail")
    for _ in range(3):
        before = installation.sent()
        wait_for(
            lambda: installation.sweep() and (installation.sent() > before or not installation.open()),  # noqa: B023
            40,
            "more mails",
        )
        installation.kill(workers.pop(rng.randrange(len(workers))))
        kills += 1
        workers.append(installation.start_worker())
    wait_for(lambda: installation.sweep() and not installation.open(), 90, "the last mail")
    assert installation.statuses() == {"sent": 150}
    received = installation.received()
    assert {recipient for recipient, _, _ in received} == {
        f"r{number:03}@example.org" for number in range(150)
    }
    # Each kill can repeat the mail that was in flight on each of the connections of one worker.
    assert copies(received) <= kills * CONNECTIONS


def test_a_stopped_worker_releases_unsent_deliveries(
    make_installation: Callable[..., Installation],
) -> None:
    installation = make_installation(
        lease_seconds=600, batch_size=500, extra={"DIGEST_MAIL_LIMITS": "20/second"}
    )
    populate(installation.database, 120)
    plan_due(installation.database, utc_now())
    worker = installation.start_worker()
    installation.start_task("sweep")
    wait_for(lambda: installation.sent() > 3, 40, "the first mails")
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(30) == 0
    found = installation.statuses()
    assert found["claimed"] == 0
    assert found["sent"] == len(installation.received())
    assert found["sent"] + found["planned"] == 120
    assert found["planned"]


def test_two_beats_and_two_planners_send_one_mail_per_subscriber(
    make_installation: Callable[..., Installation],
) -> None:
    installation = make_installation()
    populate(installation.database, 30)
    installation.start_worker(2)
    installation.start("beat")
    installation.start("beat")
    assert sum(together(*[lambda: plan_due(installation.database, utc_now())] * 2)) <= 30
    installation.start_task("plan")
    installation.start_task("plan")
    wait_for(lambda: installation.sent() == 30, 60, "every mail")
    assert sorted(recipient for recipient, _, _ in installation.received()) == [
        f"r{n:03}@example.org" for n in range(30)
    ]


def test_a_subscriber_who_unsubscribes_after_planning_gets_no_mail(
    make_installation: Callable[..., Installation],
) -> None:
    installation = make_installation()
    populate(installation.database, 20)
    plan_due(installation.database, utc_now())
    with installation.database.begin() as connection:
        for number in (1, 2, 3):
            subscriber_store.set_status(connection, number, Status.UNSUBSCRIBED)
    installation.start_worker()
    installation.start_task("sweep")
    wait_for(lambda: not installation.open(), 40, "the last mail")
    assert installation.statuses() == {"sent": 17, "skipped": 3}
    assert len(installation.received()) == 17


def test_mails_are_sent_after_redis_was_emptied(
    make_installation: Callable[..., Installation],
) -> None:
    installation = make_installation()
    populate(installation.database, 40)
    plan_due(installation.database, utc_now())
    installation.start_task("sweep")
    installation.flush_redis()
    installation.start_worker()
    time.sleep(1)
    installation.flush_redis()
    installation.start_task("sweep")
    wait_for(lambda: not installation.open(), 40, "the last mail")
    assert installation.statuses() == {"sent": 40}
    assert copies(installation.received()) == 0


def test_the_mail_limit_holds_over_all_workers(make_installation: Callable[..., Installation]) -> None:
    installation = make_installation(extra={"DIGEST_MAIL_LIMITS": "10/second,25/hour"})
    populate(installation.database, 40)
    plan_due(installation.database, utc_now())
    installation.start_worker()
    installation.start_worker()
    wait_for(lambda: installation.sweep() and installation.sent() >= 25, 40, "the mails within the limit")
    for _ in range(5):
        installation.sweep()
    found = installation.statuses()
    assert len(installation.received()) == found["sent"] == 25
    assert found["planned"] + found["claimed"] == 15
