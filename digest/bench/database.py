"""Temporary databases for benchmarks, and the SQL that only benchmarks need."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import create_engine, func, make_url, select, text

from digest.store.database import Connection, Database
from digest.store.models import deliveries, picks
from digest.store.schema import upgrade

_SIZES = {
    "postgresql": "SELECT pg_database_size(current_database())",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
}
_NUMBERS = {
    "postgresql": "SELECT generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n",
    "sqlite": "WITH RECURSIVE up(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM up WHERE n < :last) SELECT n FROM up",
}


@contextmanager
def scratch_database(url: str | None, folder: Path) -> Iterator[str]:
    """Create an empty database with the current schema, yield its URL, and drop it at the end.

    `url` is an existing database of a PostgreSQL server, which is not changed. Without it, or with an SQLite URL,
    the database is a file in `folder`. Raises StopRun if the server refuses the connection.
    """
    if url is None or url.startswith("sqlite"):
        address = f"sqlite:///{folder / 'scratch.db'}"
        _prepare(address)
        yield address
        return
    server = Database(url)
    name = f"digest_scratch_{secrets.token_hex(4)}"
    with server.read():
        pass
    outside = create_engine(server.engine.url, isolation_level="AUTOCOMMIT")
    server.close()
    try:
        with outside.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        address = make_url(outside.url).set(database=name).render_as_string(hide_password=False)
        try:
            _prepare(address)
            yield address
        finally:
            with outside.connect() as connection:
                connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    finally:
        outside.dispose()


def _prepare(address: str) -> None:
    database = Database(address)
    try:
        upgrade(database)
    finally:
        database.close()


def multiply_subscribers(connection: Connection, patterns: int, count: int) -> None:
    """Copy the subscribers with ids 1 to `patterns`, with profiles and interests, until there are `count`."""
    if count == patterns:
        return
    numbers = _NUMBERS[connection.dialect.name]
    span = {"first": patterns + 1, "last": count, "patterns": patterns}
    address = "'subscriber' || n || '@scratch.example.org'"
    copies = {
        "subscribers": (
            "id, key, address, address_key, status, timezone, hour, frequency, max_papers, created_at, confirmed_at",
            f"n, 'scratch' || n, {address}, {address}, status, timezone, hour, frequency, max_papers, created_at, confirmed_at",
            "id",
        ),
        "profiles": (
            "subscriber_id, vector, statistics_version, built_at",
            "n, vector, statistics_version, built_at",
            "subscriber_id",
        ),
        "interests": ("subscriber_id, kind, words", "n, kind, words", "subscriber_id"),
    }
    for table, (columns, copied, key) in copies.items():
        statement = (
            f"INSERT INTO {table} ({columns}) SELECT {copied} FROM ({numbers}) AS numbers"  # noqa: S608
            f" JOIN {table} AS pattern ON pattern.{key} = (n - 1) % CAST(:patterns AS bigint) + 1"
        )
        connection.execute(text(statement), span)


def analyze(database: Database) -> None:
    """Update the statistics of the query planner, which a database in use does by itself."""
    with database.begin() as connection:
        connection.execute(text("ANALYZE"))


def size_of(connection: Connection) -> int:
    """Return the size of the database in bytes."""
    size: int = connection.execute(text(_SIZES[connection.dialect.name])).scalar_one()
    return size


def has_claims(connection: Connection) -> bool:
    """Return whether a worker has claimed a delivery."""
    query = select(deliveries.c.id).where(deliveries.c.status == "claimed").limit(1)
    return connection.execute(query).first() is not None


def open_deliveries(connection: Connection) -> int:
    """Count the deliveries that are not settled."""
    query = select(func.count()).where(deliveries.c.next_try_at.is_not(None))
    return connection.execute(query).scalar_one()


def last_settled(connection: Connection) -> datetime | None:
    """Return when the last delivery was settled."""
    settled_at: datetime | None = connection.execute(select(func.max(deliveries.c.settled_at))).scalar_one()
    return settled_at


def sent_mails(connection: Connection) -> int:
    """Count the mails that a server accepted."""
    return connection.execute(select(func.count()).where(deliveries.c.status == "sent")).scalar_one()


def picks_per_mail(connection: Connection) -> float:
    """Return the mean number of papers in a sent mail."""
    count = connection.execute(select(func.count()).select_from(picks)).scalar_one()
    return count / max(1, sent_mails(connection))
