"""Limits on the size of modules and functions."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60
# A migration repeats whole tables, and is never read as code.
MIGRATIONS = ROOT / "digest" / "store" / "migrations" / "versions"
MODULES = [
    path
    for package in ("digest", "workers", "tests")
    for path in sorted((ROOT / package).rglob("*.py"))
    if not path.is_relative_to(MIGRATIONS)
]


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def long_functions(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield f"line {node.lineno}: {node.name} has {lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_no_module_and_no_function_is_too_long(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MOST_LINES, "split it by what it does"
    assert list(long_functions(source)) == []


def test_a_long_function_is_found() -> None:
    body = "    pass\n" * MOST_LINES_OF_A_FUNCTION
    assert list(long_functions(f"class A:\n  def f(self):\n{body}")) == ["line 2: f has 61 lines"]
