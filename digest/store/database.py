"""Connections to the database, SQLite or PostgreSQL; one `Database` per process."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from digest.errors import BadInput, StopRun
from digest.private_files import make_file

if TYPE_CHECKING:
    import psycopg

__all__ = ["Conflict", "Connection", "Database"]

Conflict = IntegrityError
"""A constraint refused a write, usually because another process wrote the same row first."""

_OTHER_VERSION = "The database is empty or from another version; run: digest init"
# PostgreSQL's states for a missing table and a missing column.
_MISSING_STATES = {"42P01", "42703"}
_LEAST_BYTES = 64 * 1024
"""With less free space SQLite cannot make the index of its write-ahead log."""


class Database:
    """A pool of connections. Use cases open a transaction with `begin()` and pass the connection on."""

    def __init__(self, url: str) -> None:
        """Prepare the pool; nothing is opened before the first transaction. Raises BadInput for a bad URL."""
        try:
            address = make_url(url)
        except (ArgumentError, ValueError):
            # The parser's message may contain a part of the password.
            raise BadInput("DIGEST_DATABASE_URL is not a database URL; try sqlite:///digest.db.") from None
        if address.drivername in {"postgres", "postgresql"}:
            address = address.set(drivername="postgresql+psycopg")
        if address.drivername not in {"sqlite", "postgresql+psycopg"}:
            raise BadInput("DIGEST_DATABASE_URL must start with sqlite:/// or postgresql://.")
        # Without a timeout a command waits for minutes for a host that drops packets.
        connect_args = {} if address.drivername == "sqlite" else {"connect_timeout": 10}
        self.engine: Engine = create_engine(address, pool_pre_ping=True, connect_args=connect_args)
        if self.is_sqlite:
            event.listen(self.engine, "do_connect", _make_private)
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @property
    def shown_url(self) -> str:
        """The address without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.engine.dialect.name == "sqlite"

    def begin(self) -> AbstractContextManager[Connection]:
        """Open a transaction that commits at the end and rolls back on any error.

        Raises StopRun when the database cannot be reached or was never initialised.
        """
        return self._transaction(read_only=False)

    def read(self) -> AbstractContextManager[Connection]:
        """Open a read-only transaction: one consistent view that blocks no writer. Raises StopRun."""
        return self._transaction(read_only=True)

    def driver_connection(self) -> "psycopg.Connection[Any]":
        """Open a connection of the PostgreSQL driver, without pool or transaction. Close it when done.

        Use it within `driver_errors`. PostgreSQL only.
        """
        arguments = self.engine.dialect.create_connect_args(self.engine.url)
        connection = self.engine.dialect.loaded_dbapi.connect(
            *arguments[0], **arguments[1], connect_timeout=10, autocommit=True
        )
        return cast("psycopg.Connection[Any]", connection)

    @contextmanager
    def driver_errors(self) -> Iterator[None]:
        """Turn errors of the PostgreSQL driver that the operator has to act on into StopRun."""
        dbapi = self.engine.dialect.loaded_dbapi
        try:
            yield
        except dbapi.OperationalError as error:
            raise StopRun(self._plain_words(error)) from error

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """Open a transaction that may rebuild tables. Raises StopRun.

        On SQLite, dropping a table deletes the rows that refer to it unless foreign keys are off, and they can
        be turned off outside of transactions only. All references are checked before the commit.
        """
        with self._plain_errors(), self.engine.connect() as connection:
            _set_foreign_keys(connection, "OFF")
            try:
                with connection.begin():
                    yield connection
                    _check_foreign_keys(connection)
            finally:
                _set_foreign_keys(connection, "ON")

    @property
    def _for_reading(self) -> dict[str, Any]:
        if self.is_sqlite:
            return {"digest_read_only": True}
        # At the usual isolation level each statement sees what others have committed in the meantime.
        return {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}

    @contextmanager
    def _transaction(self, *, read_only: bool) -> Iterator[Connection]:
        with self._plain_errors(), self.engine.connect() as connection:
            if read_only:
                connection = connection.execution_options(**self._for_reading)  # noqa: PLW2901
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        """Turn errors that the operator has to act on into StopRun."""
        try:
            yield
        except OperationalError as error:
            raise StopRun(self._plain_words(error.orig)) from error
        except sqlite3.DatabaseError as error:
            # Raised while opening, before SQLAlchemy wraps errors: the file is not a database.
            raise StopRun(self._plain_words(error)) from error
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in _MISSING_STATES:
                raise StopRun(_OTHER_VERSION) from error
            raise

    def _plain_words(self, error: BaseException | None) -> str:
        reason = next(iter(str(error).strip().splitlines()), "no reason given")
        if "no such table" in reason or "no such column" in reason:
            return _OTHER_VERSION
        if self.is_sqlite and _is_disk_full(reason, self.engine.url.database or ""):
            return (
                f"The disk of {self.engine.url.database} is full ({reason}); free some space, then everything "
                "goes on by itself."
            )
        return f"The database cannot be used ({reason}); check DIGEST_DATABASE_URL."


def _set_foreign_keys(connection: Connection, state: str) -> None:
    raw = connection.connection.driver_connection
    if isinstance(raw, sqlite3.Connection):
        raw.execute(f"PRAGMA foreign_keys = {state}")


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise StopRun(
                f"A row of the table {broken[0]} refers to a missing row of {broken[2]}; nothing was changed. "
                "Restore the database from a backup."
            )


def _make_private(_dialect: Dialect, _record: object, arguments: list[Any], _options: dict[str, Any]) -> None:
    """Create the file for its owner alone before SQLite does; the write-ahead log gets the same rights."""
    name = str(arguments[0]) if arguments else ":memory:"
    if name == ":memory:" or name.startswith("file:"):
        return
    # SQLite reports a file that cannot be created.
    with contextlib.suppress(OSError):
        make_file(Path(name))


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    # _begin_sqlite opens transactions.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        # In WAL mode a crash of the process loses nothing; a power failure may lose the last commits.
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "cache_size=-65536",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first fails with "locked" when another one writes before its own first write.
    # With the write lock taken at the start, it waits instead.
    read_only = connection.get_execution_options().get("digest_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _is_disk_full(reason: str, file: str) -> bool:
    """Return whether SQLite failed for want of space; where it cannot even open its log, it gives another reason."""
    if "disk is full" in reason:
        return True
    if "disk I/O error" not in reason and "unable to open" not in reason:
        return False
    folder = Path(file).absolute().parent
    return folder.is_dir() and shutil.disk_usage(folder).free < _LEAST_BYTES
