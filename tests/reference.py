"""Writes docs/reference.md, the help of every command; `make reference` runs it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer.main
from typer.core import TyperGroup
from typer.testing import CliRunner

from digest.cli.app import application

FILE = Path(__file__).parent.parent / "docs" / "reference.md"
_WIDTH = "100"
_HEAD = """\
# Commands
The help of every command, as `digest COMMAND --help` prints it. `make reference` writes this page from it.
"""


def commands(group: object = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the names of every command and group, beginning with `digest` itself."""
    yield path
    found = group or typer.main.get_command(application)
    if isinstance(found, TyperGroup):
        for name, command in found.commands.items():
            yield from commands(command, (*path, name))


def reference() -> str:
    """Return the page."""
    parts = [_HEAD]
    with _plain_terminal():
        for words in commands():
            shown = CliRunner().invoke(application, [*words, "--help"], prog_name="digest").output
            text = "\n".join(line.rstrip() for line in shown.strip().splitlines())
            parts.append(f"## {' '.join(('digest', *words))}\n```\n{text}\n```\n")
    return "\n".join(parts)


@contextmanager
def _plain_terminal() -> Iterator[None]:
    """Fix the width of the help, and switch colours off, whatever the terminal is."""
    names = ("COLUMNS", "TERMINAL_WIDTH", "NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ |= {"COLUMNS": _WIDTH, "TERMINAL_WIDTH": _WIDTH, "NO_COLOR": "1"}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
