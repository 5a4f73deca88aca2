"""`digest demo`: sample digests, without any configuration."""

from pathlib import Path
from typing import Annotated

import typer

from digest.cli import output


def demo(
    outbox: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the mails are written, as .eml and .html.")
    ] = Path("demo-outbox"),
) -> None:
    """Write one digest for each of three made-up subscribers, from a made-up feed. Changes nothing else.

    Example: digest demo --outbox demo-outbox
    """
    from digest.clock import utc_now
    from digest.demo import write_demo
    from digest.text.formatting import counted

    written = write_demo(outbox, utc_now())
    for one in written:
        output.say(f"{one.address}: {one.about}")
        for title, reason in one.picks[:3]:
            output.say(f"  - {title}" + (f"\n      {reason}" if reason else ""))
        output.say(f"  ... {counted(len(one.picks), 'paper')} in all: {one.html}")
        output.say()
    output.say(f"Open the .html files in a browser, the .eml files in a mail program. They are in {outbox}/.")
