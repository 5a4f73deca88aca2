"""Files with addresses or keys are created for their owner only, with any umask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.demo import write_demo
from digest.doctor.permissions import examine_rights, fix_rights, judge_rights, private_paths
from digest.mail.envelope import Envelope
from digest.mail.transports import transport_from
from digest.private_files import is_open_to_others, make_folder, open_for_writing
from digest.settings import Settings
from digest.store.database import Database
from digest.store.schema import upgrade
from tests.factories import TUESDAY, add_subscriber, at


@pytest.fixture(autouse=True)
def _wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_the_database_and_its_log_are_private(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'digest.db'}")
    upgrade(database)
    add_subscriber(database)
    with database.read():
        found = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert found == {"digest.db": 0o600, "digest.db-wal": 0o600, "digest.db-shm": 0o600}
    assert examine_rights(private_paths(Settings(), database, None)).state == "good"
    database.close()


@pytest.mark.parametrize("kind", ["maildir", "file"])
def test_a_mail_folder_and_its_files_are_private(tmp_path: Path, kind: str) -> None:
    transport = transport_from(f"{kind}:{tmp_path}/deep/outbox")
    with transport.open() as server:
        server.send(Envelope("a@example.org", "b@example.org", b"Subject: x\r\n\r\nx\r\n", "name"))
    made = [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]
    assert len(made) >= 3
    assert not [path for path in made if is_open_to_others(path)]


def test_the_demo_writes_private_files(tmp_path: Path) -> None:
    write_demo(tmp_path / "demo", at(TUESDAY))
    made = [tmp_path / "demo", *(tmp_path / "demo").iterdir()]
    assert {path.suffix for path in made} == {"", ".eml", ".html"}
    assert not [path for path in made if is_open_to_others(path)]


def test_the_rights_of_an_existing_file_are_reduced_but_not_of_a_folder(tmp_path: Path) -> None:
    old = tmp_path / "old.jsonl"
    old.write_text("long ago, and longer")
    with open_for_writing(old) as file:
        file.write("new")
    assert (old.read_text(), old.stat().st_mode & 0o777) == ("new", 0o600)
    (tmp_path / "shared").mkdir(mode=0o755)
    make_folder(tmp_path / "shared")
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o755
    with open_for_writing(Path("/dev/null")) as file:
        file.write("gone")


def test_the_doctor_names_files_that_others_can_read_and_takes_their_rights(
    sqlite_url: str, tmp_path: Path
) -> None:
    database = Database(sqlite_url)
    transport = transport_from(f"maildir:{tmp_path / 'out box'}")
    paths = private_paths(
        Settings(dkim_keys=("papers.ac:s1:mail.key", "nonsense", "papers.ac:s2:absent.key")),
        database,
        transport,
    )
    with database.read():
        assert examine_rights(paths).state == "good"
        assert fix_rights(paths) == []
        (tmp_path / "digest.db").chmod(0o644)
        (tmp_path / "out box").mkdir(mode=0o755)
        for name in (".env", "mail.key"):
            (tmp_path / name).write_text("")
            (tmp_path / name).chmod(0o640)
        check = examine_rights(paths)
    database.close()
    assert check.state == "warning"
    assert f"chmod go= .env mail.key {tmp_path}/digest.db" in check.advice
    assert f"'{tmp_path}/out box'" in check.advice
    assert judge_rights([]).state == "good"
    (fixed,) = fix_rights(paths)
    assert (fixed.state, ".env, mail.key" in fixed.finding) == ("good", True)
    assert (tmp_path / "out box").stat().st_mode & 0o777 == 0o700
    assert examine_rights(paths).state == "good"
