"""Nothing is lost and nothing doubled, whatever dies: real PostgreSQL, Redis, mail server and workers."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from digest.clock import utc_now
from digest.delivery.plan import plan_due
from digest.store import subscribers as subscriber_store
from digest.store.database import Database
from tests.factories import add_papers, add_reader, make_papers, together
from tests.services.installation import Site, copies, wait_for

pytestmark = pytest.mark.services


def populate(database: Database, readers: int) -> None:
    now = utc_now()
    add_papers(database, *make_papers(40, announced_on=now.date() - timedelta(days=1)), now=now)
    for number in range(readers):
        add_reader(database, f"r{number:03}@example.org", now=now)


def test_killing_workers_loses_no_mail(make_site: Callable[..., Site]) -> None:
    site = make_site(lease_seconds=2)
    populate(site.database, 150)
    assert plan_due(site.database, utc_now()) == 150
    luck, kills = Random(3), 0
    workers = [site.start_worker(), site.start_worker()]
    wait_for(lambda: _sweep(site) and site.sent() > 0, 40, "the first mail")
    for _ in range(3):
        before = site.sent()
        wait_for(lambda: _sweep(site) and (site.sent() > before or not site.open()), 40, "more mails")  # noqa: B023
        site.kill(workers.pop(luck.randrange(len(workers))))
        kills += 1
        workers.append(site.start_worker())
    wait_for(lambda: _sweep(site) and not site.open(), 90, "the last mail")
    assert site.statuses() == {"sent": 150}
    received = site.received()
    assert {recipient for recipient, _, _ in received} == {
        f"r{number:03}@example.org" for number in range(150)
    }
    assert copies(received) <= kills


def _sweep(site: Site) -> bool:
    site.ask("sweep")
    time.sleep(0.3)
    return True


def test_a_worker_that_is_asked_to_stop_gives_back_what_it_has_not_sent(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(lease_seconds=600, batch_size=500, extra={"DIGEST_MAIL_LIMITS": "20/second"})
    populate(site.database, 120)
    plan_due(site.database, utc_now())
    worker = site.start_worker()
    site.ask("sweep")
    wait_for(lambda: site.sent() > 3, 40, "the first mails")
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(30) == 0
    found = site.statuses()
    assert found["claimed"] == 0
    assert found["sent"] == len(site.received())
    assert found["sent"] + found["planned"] == 120
    assert found["planned"]


def test_two_beats_and_two_planners_make_one_mail_a_reader(make_site: Callable[..., Site]) -> None:
    site = make_site()
    populate(site.database, 30)
    site.start_worker(2)
    site.start("beat")
    site.start("beat")
    assert sum(together(*[lambda: plan_due(site.database, utc_now())] * 2)) <= 30
    site.ask("plan")
    site.ask("plan")
    wait_for(lambda: site.sent() == 30, 60, "every mail")
    assert sorted(recipient for recipient, _, _ in site.received()) == [
        f"r{n:03}@example.org" for n in range(30)
    ]


def test_whoever_unsubscribes_after_planning_gets_nothing(make_site: Callable[..., Site]) -> None:
    site = make_site()
    populate(site.database, 20)
    plan_due(site.database, utc_now())
    with site.database.begin() as connection:
        for number in (1, 2, 3):
            subscriber_store.set_status(connection, number, "unsubscribed")
    site.start_worker()
    site.ask("sweep")
    wait_for(lambda: not site.open(), 40, "the last mail")
    assert site.statuses() == {"sent": 17, "skipped": 3}
    assert len(site.received()) == 17


def test_mails_go_out_again_after_the_broker_forgot_everything(make_site: Callable[..., Site]) -> None:
    site = make_site()
    populate(site.database, 40)
    plan_due(site.database, utc_now())
    site.ask("sweep")
    site.flush_redis()
    site.start_worker()
    time.sleep(1)
    site.flush_redis()
    site.ask("sweep")
    wait_for(lambda: not site.open(), 40, "the last mail")
    assert site.statuses() == {"sent": 40}
    assert copies(site.received()) == 0


def test_the_mail_limit_holds_over_all_workers(make_site: Callable[..., Site]) -> None:
    site = make_site(extra={"DIGEST_MAIL_LIMITS": "10/second,25/hour"})
    populate(site.database, 40)
    plan_due(site.database, utc_now())
    site.start_worker()
    site.start_worker()
    wait_for(lambda: _sweep(site) and site.sent() >= 25, 40, "the mails that may go")
    for _ in range(5):
        _sweep(site)
    found = site.statuses()
    assert len(site.received()) == found["sent"] == 25
    assert found["planned"] + found["claimed"] == 15
