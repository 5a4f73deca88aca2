"""Backups come back whole, send nothing twice, and reach nobody who left; a move changes nothing."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from digest.domain.retention import Retention
from digest.domain.subscriber import Status, Verdict
from digest.errors import BadInput
from digest.jobs.cleanup import delete_old
from digest.jobs.restore import restore_backup
from digest.mail.transports import MemoryTransport
from digest.settings import Settings
from digest.store import feedback as feedback_store
from digest.store.backups import back_up
from digest.store.database import Database
from digest.store.mail_server_models import metadata
from digest.store.models import papers, subscribers
from digest.store.moves import move
from digest.subscribers.consent import unsubscribe
from digest.wiring import Container
from tests.factories import (
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
    sent_to,
    subscriber_now,
)

DAY = timedelta(days=1)


def dump(database: Database) -> dict[str, list[str]]:
    with database.read() as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
        }


def fill(database: Database) -> None:
    """Send an edition to two subscribers, one of whom rates a paper; reduce an older one."""
    add_papers(database, *make_papers(12), upvotes=3)
    ada = add_subscriber(database, topics=("gaussian splatting",))
    add_subscriber(database, "bo@example.org")
    assert deliver_due(delivery_context(database), at(TUESDAY)).sent == 2
    with database.begin() as connection:
        row_id = connection.execute(select(papers.c.id).order_by(papers.c.id)).scalars().first()
        assert row_id
        feedback_store.save_feedback(connection, ada.id, row_id, Verdict.MORE, at(TUESDAY))
    delete_old(database, Retention(), at(TUESDAY) + 100 * DAY)


def container_of(database: Database, clock: Clock) -> Container:
    url = database.engine.url.render_as_string(hide_password=False)
    return Container(
        Settings.model_construct(database_url=SecretStr(url), secret_key=SecretStr(SECRET.decode())), clock
    )


def test_a_restored_backup_sends_no_stale_edition_and_writes_to_nobody_who_left(
    database: Database, tmp_path: Path
) -> None:
    fill(database)
    file = tmp_path / "old.backup"
    back_up(database, file)
    before = dump(database)
    assert file.stat().st_mode & 0o077 == 0
    # After the backup: an edition is sent, and somebody leaves.
    add_papers(database, *make_papers(12, first=100, announced_on=WEDNESDAY))
    assert deliver_due(delivery_context(database), at(WEDNESDAY)).sent == 2
    bo = subscriber_now(database, "bo@example.org")
    unsubscribe(database, SECRET, bo.key, at(WEDNESDAY, 10), "test")
    container = container_of(database, Clock(at(WEDNESDAY, 12)))
    done = restore_backup(container, file, ())
    container.close()
    assert (done.settled, done.applied[0].unsubscribed) == (2, 1)
    assert done.saved_as
    after = dump(database)
    for name in ("papers", "picks", "feedback", "cards", "received_papers"):
        assert after[name] == before[name]
    assert subscriber_now(database, "bo@example.org").status == Status.UNSUBSCRIBED
    # The feeds bring the same papers again: they were sent on Wednesday.
    add_papers(database, *make_papers(12, first=100, announced_on=WEDNESDAY), now=at(WEDNESDAY, 13))
    transport = MemoryTransport()
    deliver_due(delivery_context(database, transport), at(WEDNESDAY, 14))
    assert sent_to(transport) == []
    add_papers(database, *make_papers(3, first=200, announced_on=WEDNESDAY + DAY))
    deliver_due(delivery_context(database, transport), at(WEDNESDAY + DAY))
    assert sent_to(transport) == ["ada@example.org"]
    (mail,) = transport.envelopes
    text = mail.content.decode() if isinstance(mail.content, bytes) else str(mail.content)
    assert "2603.00200" in text
    assert "2603.00101" not in text


def test_without_a_log_of_who_left_nothing_is_restored(tmp_path: Path, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    fill(database)
    file = tmp_path / "old.backup"
    back_up(database, file)
    database.close()
    lost = Database(f"sqlite:///{tmp_path / 'lost.db'}")
    container = container_of(lost, Clock(at(WEDNESDAY)))
    with pytest.raises(BadInput, match="--suppressions"):
        restore_backup(container, file, ())
    assert restore_backup(container, file, (), without_log=True).saved_as is None
    container.close()
    with lost.read() as connection:
        assert len(connection.execute(select(subscribers)).all()) == 2
    lost.close()


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0 and nothing more"])
def test_a_file_that_is_no_backup_changes_nothing(database: Database, tmp_path: Path, content: bytes) -> None:
    fill(database)
    before = dump(database)
    file = tmp_path / "wrong"
    file.write_bytes(content)
    container = container_of(database, Clock(at(WEDNESDAY)))
    with pytest.raises(BadInput, match="wrong"):
        restore_backup(container, file, ())
    container.close()
    assert dump(database) == before


def test_a_backup_overwrites_no_file(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "old.backup"
    file.write_text("precious")
    with pytest.raises(BadInput, match="exists"):
        back_up(database, file)
    assert file.read_text() == "precious"


@pytest.mark.services
@pytest.mark.parametrize("to_postgresql", [True, False])
def test_a_move_copies_every_row_and_continues_the_numbers(
    sqlite_url: str, postgresql_url: str, *, to_postgresql: bool
) -> None:
    urls = (sqlite_url, postgresql_url) if to_postgresql else (postgresql_url, sqlite_url)
    source, target = map(Database, urls)
    fill(source)
    # The last paper is deleted: its number must not be given again.
    add_papers(source, *make_papers(1, first=500))
    with source.begin() as connection:
        last = max(connection.execute(select(papers.c.id)).scalars())
        connection.execute(papers.delete().where(papers.c.id == last))
    copied = {one.table: one.rows for one in move(source, target)}
    assert dump(target) == dump(source)
    assert copied["feedback"] == 1
    with pytest.raises(BadInput, match="not empty"):
        move(source, target)
    add_papers(target, *make_papers(1, first=600, announced_on=WEDNESDAY))
    with target.read() as connection:
        assert max(connection.execute(select(papers.c.id)).scalars()) == last + 1
    assert deliver_due(delivery_context(target), at(WEDNESDAY)).sent == 2
    source.close()
    target.close()
