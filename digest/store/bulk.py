"""Writing thousands of rows in one PostgreSQL statement: each column is one array, written as PostgreSQL's text."""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Table, create_mock_engine, text


class JsonText(str):
    """The text of a JSON document."""

    __slots__ = ()


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
    # JSON documents are passed as text, which PostgreSQL parses once.
    types = {name: "TEXT" if _is_document(table, name) else _type(table, name) for name in names}
    arrays = ", ".join(f"CAST(CAST(:{name} AS text) AS {types[name]}[])" for name in names)
    return f"unnest({arrays}) AS new ({', '.join(names)})"


def _arrays(table: Table, names: list[str], rows: Collection[Mapping[str, Any]]) -> dict[str, str]:
    arrays: dict[str, str] = {}
    for name in names:
        values = [row[name] for row in rows]
        arrays[name] = array_literal(
            [value if isinstance(value, JsonText) else json.dumps(value) for value in values]
            if _is_document(table, name)
            else values
        )
    return arrays


def array_literal(values: Iterable[object]) -> str:
    """Return an array as a PostgreSQL literal. The driver's own conversion takes a fifth of the time of a digest."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: object) -> str:
    if isinstance(value, str):
        if "\\" in value or '"' in value:
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{value}"'
    if value is None:
        return "NULL"
    if isinstance(value, datetime | date):
        return f'"{value.isoformat()}"'
    return str(value)
