"""`digest doctor`: checks of the installation."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput

if TYPE_CHECKING:
    from digest.doctor.check import Check


def doctor(
    mail: Annotated[
        bool,
        typer.Option(
            "--mail",
            help="Also connect to the mail server, up to MAIL FROM, look up SPF, DKIM, DMARC and reverse DNS, and "
            "ask the public pages to unsubscribe nobody.",
        ),
    ] = False,
    feeds: Annotated[bool, typer.Option("--feeds", help="Also request each feed once.")] = False,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="First take the rights of other users to files with addresses or keys away."
        ),
    ] = False,
    json_output: JsonOutput = False,
) -> None:
    """Check settings, database, papers, deliveries, broker and mail; say what to do about each fault.

    Sends nothing, and without --fix changes nothing. Exit code 0: all checks are good; 1: there are warnings; 2: a
    check is bad. Only rights of files are corrected by --fix: upgrading a database needs its processes stopped, and
    expired leases end by themselves.

    Example: digest doctor --mail --feeds
    """
    from digest.doctor.check import exit_code, summary
    from digest.doctor.run_checks import examine

    checks: list[Check] = []
    for check in examine(opened, mail=mail, feeds=feeds, fix=fix):
        checks.append(check)
        if not json_output:
            _show(check)
    if json_output:
        output.as_json(checks)
    else:
        output.say()
        output.say(f"{summary(checks)}.")
    if code := exit_code(checks):
        raise typer.Exit(code)


def _show(check: "Check") -> None:
    from digest.doctor.check import lines

    for line in lines(check, sys.stdout.encoding or "utf-8"):
        output.say(line)
