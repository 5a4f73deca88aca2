"""The doctor detects a database that was rolled back, by the outbox and by Redis, without false alarms."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from digest.delivery.plan import plan_due
from digest.doctor.rollback import examine_restored, judge_restored, newest_mails
from digest.domain.delivery import Stream
from digest.errors import StopRun
from digest.jobs import recurring
from digest.mail.transports import transport_from
from digest.settings import Settings
from digest.store.database import Database
from digest.store.last_sent import SentMark
from digest.store.models import deliveries, picks
from digest.subscribers.preferences import remove
from digest.wiring import Container
from tests.factories import (
    DAY,
    MONDAY,
    SECRET,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    delivery_context,
    make_papers,
)
from tests.services.installation import free_port
from tests.workers import conftest as redis_fixtures

redis_url = redis_fixtures.redis_url

NOON = at(WEDNESDAY, 12)


def send_two_days(database: Database, outbox: str) -> None:
    post = delivery_context(database, transport_from(outbox))
    add_papers(database, *make_papers(40), *make_papers(40, first=100, announced_on=WEDNESDAY))
    assert deliver_due(post, at(TUESDAY)).sent == 2
    assert deliver_due(post, at(WEDNESDAY)).sent == 2


def roll_back(database: Database) -> None:
    """Restore the state of Tuesday evening."""
    with database.begin() as connection:
        wednesday = deliveries.c.edition_on == WEDNESDAY
        gone = [row.id for row in connection.execute(deliveries.select().where(wednesday))]
        connection.execute(picks.delete().where(picks.c.delivery_id.in_(gone)))
        connection.execute(deliveries.delete().where(wednesday))


@pytest.mark.parametrize("kind", ["maildir", "file"])
def test_mails_in_the_outbox_that_are_not_in_the_database_are_found(
    database: Database, tmp_path: Path, kind: str
) -> None:
    outbox = f"{kind}:{tmp_path / 'outbox'}"
    transport = transport_from(outbox)
    assert examine_restored(database, transport, None, NOON).state == "good"
    add_subscriber(database, "ada@example.org")
    add_subscriber(database, "bo@example.org")
    send_two_days(database, outbox)
    assert len(list(newest_mails(transport))) == 4
    assert examine_restored(database, transport, None, NOON).state == "good"
    roll_back(database)
    check = examine_restored(database, transport, None, NOON)
    assert check.state == "bad"
    assert "2 mails" in check.finding
    assert "digest db reconcile" in check.advice
    # Old mails are no evidence: their rows may have been deleted by retention.
    assert examine_restored(database, transport, None, NOON + 30 * DAY).state == "good"


def test_an_erased_subscriber_is_no_evidence(database: Database, tmp_path: Path) -> None:
    outbox = f"maildir:{tmp_path / 'outbox'}"
    for name in ("ada", "bo"):
        add_subscriber(database, f"{name}@example.org")
    send_two_days(database, outbox)
    mark = at(WEDNESDAY)
    for name in ("ada", "bo"):
        remove(database, SECRET, f"{name}@example.org", at(WEDNESDAY, 10))
        assert examine_restored(database, transport_from(outbox), mark, NOON).state == "good"


def test_a_subscriber_added_after_the_backup_is_evidence(database: Database, tmp_path: Path) -> None:
    outbox = f"file:{tmp_path / 'outbox'}"
    for name in ("ada", "bo"):
        add_subscriber(database, f"{name}@example.org")
    send_two_days(database, outbox)
    with database.begin() as connection:
        connection.execute(picks.delete())
        connection.execute(deliveries.delete())
        connection.exec_driver_sql("DELETE FROM subscribers")
    assert examine_restored(database, transport_from(outbox), None, NOON).state == "bad"


def test_other_files_in_the_outbox_are_ignored(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    folder.mkdir()
    for number, content in enumerate(
        [
            b"",
            b"\xff" * 50_000,
            b"Message-ID: <x@y>\n\n",
            b"Message-ID: <digest.k.20261399@x>\nDate: Tue, 03 Mar 2026 08:00:00 +0000\n\n",
            b"Message-ID: <digest.k.20260303@x>\nDate: soon\n\n",
            b"Message-ID: <digest.k.20260303@x>\nDate: Tue, 03 Mar 2026 08:00:00 -0000\n\n",
        ]
    ):
        (folder / f"{number}.eml").write_bytes(content)
    (folder / "folder").mkdir()
    assert list(newest_mails(transport_from(f"file:{folder}"))) == []
    assert examine_restored(database, transport_from(f"file:{folder}"), None, NOON).state == "good"


def test_the_mark_in_redis_is_compared_with_the_ledger() -> None:
    assert judge_restored([], None, None).state == "good"
    assert judge_restored([], at(TUESDAY), at(TUESDAY)).state == "good"
    assert judge_restored([], at(TUESDAY), at(TUESDAY) + timedelta(seconds=1)).state == "bad"
    assert judge_restored([], None, at(TUESDAY)).state == "bad"


@pytest.mark.services
def test_workers_update_the_mark_and_a_rolled_back_database_is_older(
    database: Database, redis_url: str
) -> None:
    clock = Clock(at(TUESDAY))
    settings = Settings.model_construct(
        database_url=SecretStr(database.engine.url.render_as_string(hide_password=False)),
        broker_url=SecretStr(redis_url),
        mail_url=SecretStr("memory:"),
    )
    container = Container(settings, clock)
    for name in ("ada", "bo"):
        add_subscriber(database, f"{name}@example.org")
    add_papers(database, *make_papers(40), *make_papers(40, first=100, announced_on=WEDNESDAY))
    assert container.sent_mark.read() is None
    for day in (TUESDAY, WEDNESDAY):
        clock.now = at(day)
        plan_due(database, clock.now)
        recurring.deliver(container, Stream.DIGEST)
        assert container.sent_mark.read() == at(day)
        assert examine_restored(database, None, container.sent_mark.read(), NOON).state == "good"
    recurring.deliver(container, Stream.TRANSACTIONAL)
    roll_back(database)
    check = examine_restored(database, None, container.sent_mark.read(), NOON)
    assert (check.state, "2026-03-04 08:00" in check.finding) == ("bad", True)
    container.sent_mark.note(at(MONDAY))
    assert container.sent_mark.read() == at(WEDNESDAY)
    assert SentMark(redis_url, "another").read() is None
    container.close()


def test_without_redis_the_mark_is_a_private_file_of_one_installation(tmp_path: Path) -> None:
    file = tmp_path / "digest.db.sent-until"
    mark = SentMark("", "installation", file)
    assert mark.read() is None
    mark.note(at(TUESDAY))
    mark.note(at(MONDAY))
    assert mark.read() == at(TUESDAY)
    assert file.stat().st_mode & 0o077 == 0
    assert SentMark("", "another", file).read() is None
    file.write_text("half a li")
    assert mark.read() is None
    mark.note(at(TUESDAY))
    mark.forget()
    assert mark.read() is None
    # A disk that cannot be written stops no mail.
    SentMark("", "installation", tmp_path / "missing" / "mark").note(at(TUESDAY))


@pytest.mark.services
def test_nothing_is_planned_or_started_in_a_rolled_back_database(database: Database, redis_url: str) -> None:
    settings = Settings.model_construct(
        database_url=SecretStr(database.engine.url.render_as_string(hide_password=False)),
        broker_url=SecretStr(redis_url),
        mail_url=SecretStr("memory:"),
    )
    container = Container(settings, Clock(at(TUESDAY)))
    recurring.plan(container)
    container.sent_mark.note(at(MONDAY))
    for job in (recurring.plan, recurring.backlog):
        with pytest.raises(StopRun, match="it was rolled back"):
            job(container)
    container.sent_mark.forget()
    recurring.plan(container)
    container.close()


def test_without_redis_and_a_file_there_is_no_mark() -> None:
    for url in ("", f"redis://127.0.0.1:{free_port()}/0"):
        mark = SentMark(url, "installation")
        mark.note(at(TUESDAY))
        assert mark.read() is None
        mark.close()
