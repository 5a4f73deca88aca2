"""`digest subscribers import` and `export`."""

from pathlib import Path
from typing import Annotated

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines as `export` writes them, or CSV.")],
    confirmed: Annotated[
        bool,
        typer.Option(
            "--confirmed", help="All have consented already; without this each is asked by mail first."
        ),
    ] = False,
    json_output: JsonOutput = False,
) -> None:
    """Add many subscribers. CSV has a header with the fields' names; items of a list are separated by semicolons.

    Example: digest subscribers import subscribers.csv --confirmed
    """
    from digest.subscribers.import_export import Imported, import_subscribers
    from digest.text.formatting import counted

    done = Imported()
    with opened() as container, output.progress(file.name) as show_done:
        for done in import_subscribers(
            container.database,
            container.profiles,
            container.secret,
            file,
            container.clock(),
            confirmed=confirmed,
        ):
            show_done(done.seen, done.total)
    output.rejections(done.rejected)
    if json_output:
        output.as_json({"added": done.added, "rejected": done.rejected})
    else:
        left_out = f", {len(done.rejected):,} left out" if done.rejected else ""
        output.say(f"{counted(done.added, 'subscriber')} added{left_out}.")
    if done.rejected:
        raise typer.Exit(1 if done.added else 2)


def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; standard output if none.")
    ] = None,
    channel_addresses: Annotated[
        bool,
        typer.Option(
            "--channel-addresses", help="Write the addresses of chat channels with their secrets, not masked."
        ),
    ] = False,
) -> None:
    """Write all subscribers as JSON lines, which `import` reads.

    Example: digest subscribers export subscribers.jsonl
    """
    from digest.store.subscribers import count_by_status
    from digest.subscribers.import_export import export_lines

    with opened() as container:
        with container.database.read() as connection:
            total = sum(count_by_status(connection).values())
        with output.progress("subscribers", total) as show:
            lines = export_lines(container.database, with_channel_addresses=channel_addresses)
            output.lines_to(file, output.shown(lines, show))
