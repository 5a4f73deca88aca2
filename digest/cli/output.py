"""Output of all commands: tables and progress bars on a terminal, plain lines in a pipe, JSON with `--json`."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import typer

JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_REJECTIONS_SHOWN = 20
_SHOWN_EVERY = 100
Item = TypeVar("Item")


class MailFormat(StrEnum):
    """How a mail is printed."""

    TEXT = "text"
    HTML = "html"
    EML = "eml"
    """The whole message with its headers."""


class Progress(Protocol):
    """Updates a progress bar; does nothing where there is no terminal."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show how many are done, and of how many if that is known."""


def say(line: str = "") -> None:
    """Print a line."""
    typer.echo(line)


def warn(line: str) -> None:
    """Print a line to stderr."""
    typer.echo(line, err=True)


def rejections(lines: Sequence[str]) -> None:
    """Print why items of a file were rejected, the first twenty of them, to stderr."""
    for line in lines[:_REJECTIONS_SHOWN]:
        warn(line)
    if len(lines) > _REJECTIONS_SHOWN:
        warn(f"... and {len(lines) - _REJECTIONS_SHOWN} more")


def as_json(value: object) -> None:
    """Print a value as JSON: dates in ISO 8601, sets as sorted lists, dataclasses as objects."""
    ascii_only = (getattr(sys.stdout, "encoding", None) or "ascii").lower() not in {"utf-8", "utf8"}
    typer.echo(json.dumps(value, default=_plain, ensure_ascii=ascii_only, indent=2))


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def lines_to(file: Path | None, lines: Iterable[str]) -> None:
    """Write lines to a file that only its owner can read, or to standard output if `file` is None."""
    if file is None:
        for line in lines:
            say(line)
        return
    from digest.private_files import open_for_writing

    with open_for_writing(file) as out:
        out.writelines(f"{line}\n" for line in lines)


def rows(
    columns: Sequence[str], records: Iterable[Mapping[str, Any]], *, json_output: bool, empty: str
) -> None:
    """Print records: a table on a terminal, tab-separated lines in a pipe, a JSON list with `--json`.

    Without records, `empty` is printed to stderr, or an empty JSON list.
    """
    found = list(records)
    if json_output:
        as_json(found)
    elif not found:
        warn(empty)
    elif sys.stdout.isatty():
        _table(columns, found)
    else:
        for record in found:
            say("\t".join(cell(record.get(column)) for column in columns))


def cell(value: object) -> str:
    """Return a value as text for a table cell, on one line."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.3f}"
    return " ".join(str(value).split())


def _table(columns: Sequence[str], records: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        numeric = all(isinstance(record.get(column), int | float) for record in records)
        table.add_column(column.replace("_", " "), justify="right" if numeric else "left")
    for record in records:
        table.add_row(*(escape(cell(record.get(column))) for column in columns))
    Console().print(table)


def done_of(done: int, total: int | None) -> str:
    """Return "1,200 of 50,000", or "1,200" if the total is unknown."""
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Progress]:
    """Show a progress bar if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Count(ProgressColumn):
        """The column with the result of `done_of`."""

        def render(self, task: Task) -> Text:
            return Text(done_of(int(task.completed), None if task.total is None else int(task.total)))

    columns = (TextColumn("{task.description}"), BarColumn(), Count(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=total)
        yield lambda done, total=None: bars.update(task, completed=done, total=total)


def shown(items: Iterable[Item], show: Progress) -> Iterator[Item]:
    """Yield items, and show how many were yielded."""
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        if done % _SHOWN_EVERY == 0:
            show(done)
    show(done)
