"""`digest status` on a terminal: the verdict, what to do, the facts, and a chart of the last editions."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from digest.cli.status_lines import summary_lines
from digest.doctor.check import Check, State, exit_code
from digest.status.curves import curves_of
from digest.status.facts import Facts
from digest.status.judge import verdict
from digest.store.overview import EditionFigures
from digest.text.formatting import short_day

_COLOURS = {State.BAD: "bold red", State.WARNING: "yellow", State.GOOD: "green"}
_SIGNS = {State.BAD: "✗", State.WARNING: "!", State.GOOD: "✓"}
_VERDICTS = ("bold green", "bold yellow", "bold red")
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_ROWS = 6
_FEW_FAIL = 0.05


def screen(facts: Facts, checks: Sequence[Check]) -> RenderableType:
    """Return all of it."""
    head = Text(verdict(checks), style=_VERDICTS[exit_code(checks)])
    head.append(f"   {facts.at:%Y-%m-%d %H:%M} UTC", style="not bold dim")
    parts: list[RenderableType] = [head, ""]
    troubles = _troubles(checks)
    if troubles.row_count:
        parts += [troubles, ""]
    parts += [_facts(facts), "", chart(curves_of(facts).editions, facts)]
    return Group(*parts)


def _troubles(checks: Sequence[Check]) -> Table:
    """Return the findings that need something to be done, the worst first."""
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(ratio=1, overflow="fold")
    for state in (State.BAD, State.WARNING, State.GOOD):
        for check in checks:
            if check.state is state and (check.advice or state is not State.GOOD):
                said = Text(f"{check.name}: ", style="bold")
                said.append(check.finding, style="not bold")
                if check.advice:
                    said.append(f"\n{check.advice}", style="not bold cyan")
                table.add_row(Text(_SIGNS[state], style=_COLOURS[state]), said)
    return table


def _facts(facts: Facts) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for name, text in summary_lines(facts):
        table.add_row(name, Text(text))
    return table


def chart(editions: Sequence[EditionFigures | None], facts: Facts) -> Text:
    """Return a bar for each of the last thirty days: how many digests were sent, in red if many failed."""
    most = max((one.sent for one in editions if one), default=0)
    drawn = Text()
    if not most:
        return Text("No digest was sent in the last 30 days.", style="dim")
    for row in range(_ROWS, 0, -1):
        for one in editions:
            drawn.append(f"{_part(one.sent if one else 0, most, row)} ", style=_colour(one))
        drawn.append(f" {most:,} sent\n" if row == _ROWS else "\n", style="dim")
    days = curves_of(facts).days
    axis = f"{short_day(days[0])}{short_day(days[-1]):>{2 * len(days) - len(short_day(days[0])) - 1}}"
    drawn.append(axis, style="dim")
    return drawn


def _part(value: int, most: int, row: int) -> str:
    """Return the part of a bar that is in a row of the chart; a bar of any value shows."""
    eighths = max(round(value / most * _ROWS * 8), 1) if value else 0
    return _EIGHTHS[min(max(eighths - (row - 1) * 8, 0), 8)]


def _colour(one: EditionFigures | None) -> str:
    if one is None:
        return ""
    if one.failed > _FEW_FAIL * (one.sent + one.failed):
        return "red"
    return "yellow" if one.open else "green"
