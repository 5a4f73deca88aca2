"""Backups of a whole database: SQLite's online backup, and pg_dump and pg_restore for PostgreSQL."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from digest.errors import BadInput, StopRun
from digest.private_files import make_file
from digest.store.database import Database
from digest.store.health import file_of, knows_revision
from digest.store.mail_server_models import metadata
from digest.store.schema import newest_revision, present_revision, upgrade


def back_up(database: Database, file: Path) -> None:
    """Write a consistent copy to a file for the owner alone; senders may go on. Raises BadInput or StopRun.

    The file is complete or does not exist. An existing file is refused.
    """
    if file.exists():
        raise BadInput(f"{file} exists; write the backup to a new file.")
    with database.read():
        pass
    part = file.with_name(file.name + ".part")
    try:
        make_file(part)
        if database.is_sqlite:
            _copy_sqlite(_sqlite_file(database), part)
        else:
            _run_postgresql("pg_dump", database, "--format=custom", "--no-owner", f"--file={part}")
        part.replace(file)
    except OSError as error:
        raise BadInput(f"{file} cannot be written ({error.strerror}).") from None
    finally:
        part.unlink(missing_ok=True)


def upgrade_after_backup(database: Database) -> Path | None:
    """Create or upgrade all tables; return the backup of a SQLite database that was upgraded. Raises StopRun or BadInput.

    The former version of the product can restore the backup. One that exists is kept, as an upgrade that failed has made
    it and changed nothing.
    """
    present = present_revision(database)
    file = file_of(database)
    saved: Path | None = None
    if file is not None and present is not None and present != newest_revision():
        saved = file.with_name(f"{file.name}.{present}.backup")
        if not saved.exists():
            back_up(database, saved)
    upgrade(database)
    return saved


def check_backup(database: Database, file: Path) -> None:
    """Raise BadInput unless a file is a backup that this version can restore into this kind of database."""
    try:
        with file.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror}).") from None
    if not database.is_sqlite:
        if not head.startswith(b"PGDMP"):
            raise BadInput(f"{file} is not a backup of PostgreSQL; use a file of: digest db backup")
        return
    if not head.startswith(b"SQLite format 3\0"):
        raise BadInput(f"{file} is not a backup of SQLite; use a file of: digest db backup")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise BadInput(f"{file} cannot be restored ({error}).") from None
    if problem != "ok":
        raise BadInput(f"{file} is damaged ({problem}); use another backup.")
    if revision is None or not knows_revision(revision[0]):
        raise BadInput(f"{file} was made by a later version; install that version first.")


def restore(database: Database, file: Path) -> None:
    """Replace everything in a database by a checked backup. Raises StopRun."""
    database.close()
    if database.is_sqlite:
        _copy_sqlite(file, _sqlite_file(database))
        return
    with database.begin() as connection:
        # A later version may have tables that the backup lacks.
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    _run_postgresql(
        "pg_restore", database, "--no-owner", "--single-transaction", "--exit-on-error", str(file)
    )


def _sqlite_file(database: Database) -> Path:
    file = file_of(database)
    if file is None:
        raise BadInput("A database in memory has no backups; set DIGEST_DATABASE_URL to a file.")
    return file


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database page by page; other processes see the old content or the new one."""
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target, timeout=30)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        raise StopRun(f"The database cannot be copied to {target} ({error}).") from error


def _run_postgresql(program: str, database: Database, *arguments: str) -> None:
    if shutil.which(program) is None:
        raise StopRun(
            f"{program} is not installed; install PostgreSQL's client programs (postgresql-client)."
        )
    url = database.engine.url.set(drivername="postgresql")
    # Arguments are visible to other users of the machine.
    environment = {**os.environ, "PGPASSWORD": url.password or ""}
    address = url.set(password=None).render_as_string(hide_password=False)
    finished = subprocess.run(  # noqa: S603 - a fixed program and our own arguments
        [program, "--no-password", f"--dbname={address}", *arguments],
        env={name: value for name, value in environment.items() if name != "PGPASSWORD" or value},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        reason = next(iter(finished.stderr.strip().splitlines()), "no reason given")
        raise StopRun(f"{program} failed ({reason}).")
