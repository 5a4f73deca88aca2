"""Writing thousands of rows in one statement, on PostgreSQL: columns travel as arrays."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Table, create_mock_engine, text

_DIALECT = create_mock_engine("postgresql+psycopg://", lambda *_: None).dialect


def insert_rows(connection: Connection, table: Table, rows: Collection[Mapping[str, Any]]) -> None:
    """Insert rows that name the same columns. Raises the database's IntegrityError."""
    names = list(next(iter(rows)))
    columns = ", ".join(names)
    statement = (
        f"INSERT INTO {table.name} ({columns}) SELECT {_selected(table, names)} FROM {_rows(table, names)}"  # noqa: S608 - names of our own tables
    )
    connection.execute(text(statement), _arrays(table, names, rows))


def update_rows(connection: Connection, table: Table, rows: Collection[Mapping[str, Any]]) -> None:
    """Overwrite columns of rows that are found by `id`."""
    names = list(next(iter(rows)))
    values = ", ".join(f"{name} = {_cast(table, name)}" for name in names if name != "id")
    statement = f"UPDATE {table.name} SET {values} FROM {_rows(table, names)} WHERE {table.name}.id = new.id"  # noqa: S608 - names of our own tables
    connection.execute(text(statement), _arrays(table, names, rows))


def _type(table: Table, name: str) -> str:
    return table.c[name].type.compile(_DIALECT)


def _is_document(table: Table, name: str) -> bool:
    return _type(table, name) == "JSONB"


def _cast(table: Table, name: str) -> str:
    return f"CAST(new.{name} AS jsonb)" if _is_document(table, name) else f"new.{name}"


def _selected(table: Table, names: list[str]) -> str:
    return ", ".join(_cast(table, name) for name in names)


def _rows(table: Table, names: list[str]) -> str:
    # Documents travel as text: PostgreSQL parses each once, and arrays of them need no escaping twice.
    types = {name: "TEXT" if _is_document(table, name) else _type(table, name) for name in names}
    arrays = ", ".join(f"CAST(:{name} AS {types[name]}[])" for name in names)
    return f"unnest({arrays}) AS new ({', '.join(names)})"


def _arrays(table: Table, names: list[str], rows: Collection[Mapping[str, Any]]) -> dict[str, list[Any]]:
    arrays: dict[str, list[Any]] = {}
    for name in names:
        values = [row[name] for row in rows]
        arrays[name] = [json.dumps(value) for value in values] if _is_document(table, name) else values
    return arrays
