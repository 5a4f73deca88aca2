"""`digest status`: whether everything is all right, and what to do if not."""

import sys
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import output
from digest.cli.container import opened, stop_signals
from digest.cli.output import JsonOutput

if TYPE_CHECKING:
    from digest.doctor.check import Check
    from digest.status.facts import Facts
    from digest.wiring import Container

_WATCHED_EVERY = 5.0


def status(
    json_output: JsonOutput = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it anew every five seconds, until Ctrl-C.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write it as one self-contained page with plots."),
    ] = None,
) -> None:
    """Show on one screen whether everything is all right, and what to do if not.

    Exit code 0: all right; 1: mails go out, but there are warnings; 2: mails are at risk. Changes nothing.

    Example: digest status --html status.html
    """
    from digest.doctor.check import exit_code

    with stop_signals() as stopping, opened() as container:
        if watch:
            checks = _show_again_and_again(container, stopping, html, json_output=json_output)
        else:
            checks = _look_and_show(container, html, json_output=json_output)
    if code := exit_code(checks):
        raise typer.Exit(code)


def _look(container: "Container", html: Path | None) -> "tuple[Facts, list[Check]]":
    """Read and judge the state, and write the page if one is wanted."""
    from digest.status.gather import gather
    from digest.status.judge import judge

    facts = gather(container)
    checks = judge(facts)
    if html is not None:
        from digest.status.page import page
        from digest.wiring import templates_folder

        output.lines_to(html, [page(facts, checks, templates_folder(), container.settings.base_url)])
    return facts, checks


def _look_and_show(container: "Container", html: Path | None, *, json_output: bool) -> "list[Check]":
    facts, checks = _look(container, html)
    if json_output:
        output.as_json(_record(facts, checks))
    else:
        _show(facts, checks)
    return checks


def _record(facts: "Facts", checks: "list[Check]") -> dict[str, Any]:
    from digest.status.facts import as_record
    from digest.status.judge import verdict
    from digest.status.next_ticks import next_ticks

    return {
        "verdict": verdict(checks),
        "checks": checks,
        **as_record(facts),
        "next": {tick.what: tick.at for tick in next_ticks(facts)},
    }


def _show(facts: "Facts", checks: "list[Check]") -> None:
    if sys.stdout.isatty():
        from rich.console import Console

        from digest.cli.status_screen import screen

        Console(highlight=False).print(screen(facts, checks))
        return
    for line in plain_lines(facts, checks):
        output.say(line)


def plain_lines(facts: "Facts", checks: "list[Check]") -> list[str]:
    """Return the lines for a pipe."""
    from digest.cli.status_lines import summary_lines
    from digest.doctor.check import State, lines
    from digest.status.judge import verdict

    found = [verdict(checks)]
    encoding = sys.stdout.encoding or "utf-8"
    # The worst first; what is good is in the lines below.
    for state in (State.BAD, State.WARNING):
        for check in checks:
            if check.state is state:
                found += lines(check, encoding)
    for check in checks:
        if check.state is State.GOOD and check.advice:
            found += lines(check, encoding)
    found.append("")
    found += [f"{name}\t{text}" for name, text in summary_lines(facts)]
    found += [
        f"edition\t{one.edition_on}\t{one.sent}\t{one.skipped}\t{one.failed}\t{one.open}"
        for one in facts.editions
    ]
    return found


def _show_again_and_again(
    container: "Container", stopping: Event, html: Path | None, *, json_output: bool
) -> "list[Check]":
    """Show the state until the process is asked to stop; return the last findings."""
    if json_output or not sys.stdout.isatty():
        while True:
            checks = _look_and_show(container, html, json_output=json_output)
            sys.stdout.flush()
            if stopping.wait(_WATCHED_EVERY):
                return checks
    from rich.console import Console
    from rich.live import Live

    from digest.cli.status_screen import screen

    facts, checks = _look(container, html)
    with Live(
        screen(facts, checks), console=Console(highlight=False), screen=True, auto_refresh=False
    ) as live:
        while not stopping.wait(_WATCHED_EVERY):
            facts, checks = _look(container, html)
            live.update(screen(facts, checks), refresh=True)
    return checks
