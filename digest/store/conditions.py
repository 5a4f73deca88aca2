"""Conditions for queries about many rows: the values are one parameter, however many they are.

SQLAlchemy's `in_` writes a parameter for each value. For a batch of 500 rows, writing and reading that statement took a
tenth of the CPU time of a digest.
"""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Dialect, Integer, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator

from digest.store.bulk import array_literal


class _Values(TypeDecorator[Collection[int | str]]):
    """A list as one text: an array literal for PostgreSQL, JSON for SQLite."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Collection[int | str] | None, dialect: Dialect) -> str:
        values = value or ()
        return array_literal(values) if dialect.name == "postgresql" else json.dumps(list(values))


class _OneOf(FunctionElement[bool]):
    """The condition; its clauses are the column and the values."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> "_OneOf":  # noqa: ARG002 - SQLAlchemy's signature
        """Return the condition itself; its compiled form is in parentheses.

        SQLAlchemy would write `... = 1` for SQLite, which then reads the whole table instead of an index.
        """
        return self


def one_of(column: ColumnElement[Any], values: Collection[int] | Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a column of integers or texts has one of these values."""
    return _OneOf(column, bindparam(None, values, type_=_Values(), unique=True))


@compiles(_OneOf)
def _in_json(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({values})))"  # noqa: S608 - compiled clauses


@compiles(_OneOf, "postgresql")
def _any_of_array(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    kind = "bigint" if isinstance(next(iter(element.clauses)).type, Integer) else "text"
    return f"({column} = ANY(CAST(CAST({values} AS text) AS {kind}[])))"
