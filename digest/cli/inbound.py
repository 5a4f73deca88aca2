"""`digest inbound` and `digest bounces`: mail that comes back, and what was done about it."""

from typing import Annotated, Any

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput
from digest.domain.delivery import LARGEST_ID
from digest.domain.inbound import InboundKind

application = typer.Typer(
    help="Process mail that comes in: unsubscribe requests, bounces, complaints, replies.",
    epilog="Example: digest inbound process maildir:/home/papers/Maildir",
    no_args_is_help=True,
)
bounces = typer.Typer(
    help="List bounces, complaints and other mail that came in, and what was done.",
    epilog="Example: digest bounces list",
    no_args_is_help=True,
)

_EX_TEMPFAIL = 75
"""The exit code after which a mail server keeps the mail and tries again later (sysexits.h)."""


@application.command()
def process(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="maildir:DIR, mbox:FILE, a file, imaps://user:password@host/INBOX, or - for standard input; "
            "default: DIGEST_INBOUND_URL.",
        ),
    ] = None,
    recipient: Annotated[
        str,
        typer.Option(
            envvar="ORIGINAL_RECIPIENT", metavar="ADDRESS", help="The address that the mail was sent to."
        ),
    ] = "",
    json_output: JsonOutput = False,
) -> None:
    """Process mails once. A mail that was processed before is skipped.

    With - as the source, any failure ends with code 75, so that the mail server keeps the mail and tries again.

    Example: digest inbound process -
    """
    from digest.errors import DigestError

    try:
        failed = _process(sources, recipient, json_output=json_output)
    except DigestError as error:
        if sources != ["-"]:
            raise
        output.warn(f"digest: {error}")
        raise typer.Exit(_EX_TEMPFAIL) from None
    if failed:
        raise typer.Exit(_EX_TEMPFAIL if sources == ["-"] else 1)


def _process(sources: list[str] | None, recipient: str, *, json_output: bool) -> bool:
    """Process the sources; return whether any mail failed."""
    from digest.errors import BadInput
    from digest.jobs.inbound import InboundSummary, process_source

    summary = InboundSummary()
    done: list[dict[str, Any]] = []
    with opened() as container:
        setting = container.settings.inbound_url
        named = sources or ([setting.get_secret_value()] if setting else [])
        if not named:
            raise BadInput("Name a source, or set DIGEST_INBOUND_URL; see: digest inbound process --help")
        for source in named:
            process_source(
                container,
                source,
                summary,
                recipient,
                lambda one: done.append(
                    {
                        "kind": one.kind,
                        "outcome": one.outcome,
                        "address": one.address,
                        "words": one.words,
                    }
                ),
            )
    output.rows(
        ("kind", "outcome", "address", "words"), done, json_output=json_output, empty="There is no new mail."
    )
    output.rejections(summary.failed)
    return bool(summary.failed)


@application.command()
def watch(
    source: Annotated[
        str | None, typer.Argument(metavar="[SOURCE]", help="As for process; default: DIGEST_INBOUND_URL.")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Accept mail at lmtp://HOST:PORT or smtp://HOST:PORT."),
    ] = None,
    every: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="The pause between two looks.")] = 30,
) -> None:
    """Process mails until stopped: from a source, and from a mail server over LMTP or SMTP.

    Example: digest inbound watch --listen lmtp://127.0.0.1:8024
    """
    import time
    from contextlib import ExitStack

    from digest.errors import BadInput, DigestError
    from digest.jobs.inbound import InboundSummary, process_one, process_source
    from digest.mail.inbound_listener import Listener

    with opened(is_service=True) as container, ExitStack() as stack:
        setting = container.settings.inbound_url
        polled = source or (setting.get_secret_value() if setting else None)
        if polled is None and listen is None:
            raise BadInput("Name a source, give --listen, or set DIGEST_INBOUND_URL.")
        # Reports wrong settings at the start instead of with the first mail.
        _ = container.inbound_context
        if listen is not None:
            listener = Listener(listen, lambda content, recipient: process_one(container, content, recipient))
            listener.start()
            stack.callback(listener.stop)
            output.say(f"Listening at {listen}.")
        while True:
            if polled is not None:
                summary = InboundSummary()
                try:
                    process_source(container, polled, summary)
                except DigestError as error:
                    output.warn(f"digest: {error}")
                output.rejections(summary.failed)
            time.sleep(every)


@bounces.command("list")
def list_(
    subscriber: Annotated[str | None, typer.Option(metavar="EMAIL", help="Only this subscriber's.")] = None,
    kind: Annotated[
        InboundKind | None, typer.Option(help="Only this kind; default: bounces and complaints.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    json_output: JsonOutput = False,
) -> None:
    """List bounces and complaints, the newest first, with what was done.

    Example: digest bounces list --subscriber ana@example.org
    """
    from digest.store import inbound as inbound_store
    from digest.subscribers.signup import find_subscriber

    kinds = (kind,) if kind else (InboundKind.BOUNCE, InboundKind.COMPLAINT)
    with opened() as container, container.database.read() as connection:
        subscriber_id = find_subscriber(connection, subscriber).id if subscriber else None
        found = inbound_store.find_reports(connection, subscriber_id=subscriber_id, kinds=kinds, limit=top)
    output.rows(
        ("id", "received_at", "kind", "severity", "status_code", "address", "outcome", "words"),
        [_record(row) for row in found],
        json_output=json_output,
        empty="There are no such reports.",
    )


@bounces.command()
def show(
    report: Annotated[int, typer.Argument(metavar="ID", max=LARGEST_ID, help="The id that `list` shows.")],
    json_output: JsonOutput = False,
) -> None:
    """Show one report: what it said, how its mail was recognised, and what was done.

    Example: digest bounces show 42
    """
    from digest.errors import NotFound
    from digest.store import inbound as inbound_store

    with opened() as container, container.database.read() as connection:
        found = inbound_store.find_reports(connection, report_id=report)
    if not found:
        raise NotFound(f"There is no report {report}; see: digest bounces list")
    record = _record(found[0])
    if json_output:
        output.as_json(record)
        return
    for name, value in record.items():
        if value not in {None, ""}:
            output.say(f"{name.replace('_', ' '):14} {output.cell(value)}")


def _record(row: Any) -> dict[str, Any]:
    names = (
        "id",
        "received_at",
        "kind",
        "severity",
        "status_code",
        "words",
        "address",
        "mail_kind",
        "edition_on",
        "matched_by",
        "outcome",
        "content_sha256",
    )
    return {name: getattr(row, name) for name in names}
