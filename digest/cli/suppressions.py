"""`digest suppressions`: addresses that get no mail."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput

if TYPE_CHECKING:
    from digest.domain.subscriber import Subscriber

application = typer.Typer(
    help="List, add and lift suppressions: addresses that get no mail.",
    epilog="Example: digest suppressions list",
    no_args_is_help=True,
)

Address = Annotated[str, typer.Argument(metavar="EMAIL", help="The mail address.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="The reason, for the log.")]
_BY_OPERATOR = "by the operator"


@application.command("list")
def list_(
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Only those whose reason contains this.")
    ] = "",
    top: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 100,
    json_output: JsonOutput = False,
) -> None:
    """List suppressed addresses, newest first. Without a stored subscriber, only the hash is known.

    Example: digest suppressions list --reason refused
    """
    from digest.store.suppressions import count
    from digest.subscribers import suppressions

    with opened() as container:
        secret = container.secret
        with container.database.read() as connection:
            found = suppressions.listed(connection, secret, top, reason)
            total = count(connection)
    output.rows(
        ("address", "reason", "since_at", "address_hash"),
        found,
        json_output=json_output,
        empty="No such address is suppressed.",
    )
    if len(found) == top and total > top and not json_output:
        output.warn(f"These are the newest {top:,} of {total:,}; see more with --top.")


@application.command()
def show(address: Address, json_output: JsonOutput = False) -> None:
    """Show whether an address is suppressed, why, and when it was suppressed, lifted, unsubscribed or erased.

    Example: digest suppressions show ana@example.org
    """
    from digest.subscribers import suppressions

    with opened() as container:
        secret = container.secret
        with container.database.read() as connection:
            found = suppressions.described(connection, secret, address)
    if json_output:
        output.as_json(found)
        return
    for name, value in found.items():
        if name != "history" and value is not None:
            output.say(f"{name.replace('_', ' '):14} {output.cell(value)}")
    output.say()
    output.rows(
        ("happened_at", "event", "reason"), found["history"], json_output=False, empty="The log has no entry."
    )


@application.command()
def add(address: Address, reason: Reason = _BY_OPERATOR, json_output: JsonOutput = False) -> None:
    """Suppress an address: no mail is sent to it again. It need not be a subscriber's.

    Example: digest suppressions add ana@example.org --reason "asked by phone"
    """
    from digest.subscribers import suppressions

    with opened() as container:
        suppressed, subscriber = suppressions.suppress(
            container.database, container.secret, address, reason, container.clock()
        )
    line = f"{suppressed} is suppressed: no mail is sent to it."
    _report(suppressed, subscriber, line, json_output=json_output)


@application.command()
def lift(address: Address, reason: Reason = _BY_OPERATOR, json_output: JsonOutput = False) -> None:
    """Allow mail to a suppressed address. Its subscriber gets the status they had before.

    Example: digest suppressions lift ana@example.org --reason "the mailbox is back"
    """
    from digest.subscribers import suppressions

    with opened() as container:
        lifted, subscriber = suppressions.lift(
            container.database, container.secret, address, reason, container.clock()
        )
    meaning = {
        "active": "is active again: the next run plans a digest.",
        "paused": "is paused, as before.",
        "pending": "is asked to confirm by the next: digest run",
        "unsubscribed": "is unsubscribed, as they asked.",
        None: "may get mail again; no subscriber has this address.",
    }
    status = subscriber.status if subscriber else None
    line = f"{lifted} {meaning.get(status, f'is {status}.')}"
    _report(lifted, subscriber, line, json_output=json_output)


@application.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; standard output if none.")
    ] = None,
) -> None:
    """Write the log of unsubscribed, erased and suppressed addresses as JSON lines with address hashes.

    Keep it with the backups: a restored backup does not know who unsubscribed after it was made.

    Example: digest suppressions export suppressions.jsonl
    """
    from digest.subscribers.suppression_file import export_lines

    with opened() as container:
        lines = export_lines(container.database, container.secret, container.clock())
        output.lines_to(file, lines)


@application.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `export` wrote.")],
    json_output: JsonOutput = False,
) -> None:
    """Apply the log to a restored database: repeat what was unsubscribed, erased or suppressed after the backup.

    Can be repeated safely.

    Example: digest suppressions apply suppressions.jsonl
    """
    from digest.subscribers.suppression_file import apply_file

    with opened() as container:
        done = apply_file(container.database, container.secret, file, container.clock())
    output.rejections(done.rejected)
    if json_output:
        output.as_json(done)
    else:
        output.say(
            f"{done.entries:,} entries, {done.added:,} of them new here: {done.unsubscribed:,} unsubscribed, "
            f"{done.erased:,} erased, {done.suppressed:,} suppressed, {done.lifted:,} lifted."
        )
    if done.rejected:
        raise typer.Exit(1 if done.entries else 2)


def _report(address: str, subscriber: "Subscriber | None", line: str, *, json_output: bool) -> None:
    if json_output:
        output.as_json({"address": address, "subscriber": subscriber.status if subscriber else None})
    else:
        output.say(line)
