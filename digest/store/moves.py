"""Copying a whole database into another one, SQLite or PostgreSQL, and comparing the two."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Connection, MetaData, Table, func, insert, select, text

from digest.errors import BadInput, StopRun
from digest.store.database import Database
from digest.store.mail_server_models import metadata
from digest.store.schema import newest_revision, present_revision, upgrade

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Copied:
    """One table, equal in both databases."""

    table: str
    rows: int
    sha256: str
    """The sum of the hashes of all rows."""


def move(
    source: Database, target: Database, show: Callable[[int, int], None] = lambda _done, _total: None
) -> list[Copied]:
    """Copy everything into an empty database, compare both, and return the tables. `show` gets copied rows and all.

    Nothing else can write to the source meanwhile. The target gets everything or nothing. Raises BadInput when the
    target is not empty or the source is of another version, and StopRun when the two differ.
    """
    if present_revision(source) != newest_revision():
        raise BadInput("The database is from another version; run first: digest init")
    if present_revision(target) is not None and not _is_empty(target):
        raise BadInput(f"{target.shown_url} is not empty; move to an empty database.")
    upgrade(target)
    tables = _tables()
    with source.begin() as old, target.begin() as new:
        if not source.is_sqlite:
            names = ", ".join(table.name for table in tables)
            old.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))
        total = sum(_count(old, table) for table in tables)
        done = 0
        for table in tables:
            for rows in _chunks(old, table):
                new.execute(insert(table), rows)
                done += len(rows)
                show(done, total)
        _copy_sequences(old, new, tables)
        return [_compared(old, new, table) for table in tables]


def _tables() -> list[Table]:
    """Return copies of all tables, whose JSON columns store None as NULL."""
    copies = MetaData()
    tables = [table.to_metadata(copies) for table in metadata.sorted_tables]
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = column.type.copy(none_as_null=True)
                column.type.none_as_null = True
    return tables


def _is_empty(database: Database) -> bool:
    with database.read() as connection:
        return not any(connection.execute(select(table).limit(1)).first() for table in metadata.sorted_tables)


def _count(connection: Connection, table: Table) -> int:
    count: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return count


def _chunks(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    with connection.execution_options(yield_per=_CHUNK).execute(select(table)) as result:
        for rows in result.mappings().partitions(_CHUNK):
            yield [{column.key: row[column] for column in table.columns} for row in rows]


def _copy_sequences(old: Connection, new: Connection, tables: list[Table]) -> None:
    """Continue the numbers of the source: an id that was given to a deleted row is not given again."""
    for table in tables:
        key = table.autoincrement_column
        if key is None:
            continue
        highest = max(_last_given(old, table), old.execute(select(func.max(key))).scalar_one() or 0)
        if not highest:
            continue
        if new.dialect.name == "postgresql":
            new.execute(
                text("SELECT setval(pg_get_serial_sequence(:table, :key), :highest)"),
                {"table": table.name, "key": key.name, "highest": highest},
            )
        elif table.dialect_options["sqlite"]["autoincrement"]:
            new.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
            new.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :highest)"),
                {"table": table.name, "highest": highest},
            )


def _last_given(connection: Connection, table: Table) -> int:
    if connection.dialect.name == "sqlite":
        if not table.dialect_options["sqlite"]["autoincrement"]:
            return 0
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
    else:
        query = text(
            "SELECT last_value FROM pg_sequences WHERE format('%I.%I', schemaname, sequencename)::regclass "
            "= pg_get_serial_sequence(:table, 'id')::regclass"
        )
    return connection.execute(query, {"table": table.name}).scalar_one_or_none() or 0


def _compared(old: Connection, new: Connection, table: Table) -> Copied:
    """Read a table from both databases and compare number and content of the rows. Raises StopRun."""
    rows, sha256 = _checksum(old, table)
    if (rows, sha256) != _checksum(new, table):
        raise StopRun(f"The table {table.name} differs after the copy; nothing was moved.")
    return Copied(table.name, rows, sha256)


def _checksum(connection: Connection, table: Table) -> tuple[int, str]:
    """Return the number of rows, and a hash that does not depend on their order."""
    rows, total = 0, 0
    for chunk in _chunks(connection, table):
        for row in chunk:
            line = json.dumps(list(row.values()), default=_plain, sort_keys=True).encode()
            # The sum of the hashes: the two kinds of databases sort texts differently.
            total += int.from_bytes(hashlib.sha256(line).digest())
        rows += len(chunk)
    return rows, f"{total % 2**256:064x}"


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
