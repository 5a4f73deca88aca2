"""`digest deliveries`: the ledger of all mails."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput, MailFormat
from digest.cli.times import parse_date
from digest.domain.delivery import LARGEST_ID, DeliveryStatus, Kind

if TYPE_CHECKING:
    from digest.store.delivery_reports import DeliveryReport

application = typer.Typer(
    help="List mails with their status, and retry failed ones.",
    epilog="Example: digest deliveries list --status failed",
    no_args_is_help=True,
)


@application.command()
def opinions(
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Editions since then; of the last 30 days if not given."),
    ] = None,
    json_output: JsonOutput = False,
) -> None:
    """Count the answers to "Was this a good digest?", by edition.

    Example: digest deliveries opinions --since 2026-03-01
    """
    from datetime import timedelta

    from digest.store.opinions import count_opinions

    day = parse_date(since)
    with opened() as container, container.database.read() as connection:
        found = count_opinions(connection, day or container.clock().date() - timedelta(days=30))
    output.rows(
        ("edition_on", "yes", "no"),
        [{"edition_on": one.edition_on, "yes": one.yes, "no": one.no} for one in found],
        json_output=json_output,
        empty="Nobody has answered yet.",
    )


@application.command("list")
def list_(
    subscriber: Annotated[str | None, typer.Option(metavar="EMAIL", help="Only this subscriber's.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind of mail.")] = None,
    status: Annotated[DeliveryStatus | None, typer.Option(help="Only mails in this state.")] = None,
    date: Annotated[str | None, typer.Option(metavar="DATE", help="Only this edition.")] = None,
    top: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    json_output: JsonOutput = False,
) -> None:
    """List mails, newest edition first, with status, reason, and whether the address is suppressed.

    Example: digest deliveries list --status failed
    """
    from digest.store import delivery_reports
    from digest.subscribers.signup import find_subscriber
    from digest.subscribers.suppressions import reasons_by_address

    with opened() as container:
        secret = container.secret
        with container.database.read() as connection:
            subscriber_id = find_subscriber(connection, subscriber).id if subscriber else None
            found = delivery_reports.find(
                connection,
                subscriber_id=subscriber_id,
                kind=kind,
                status=status,
                edition_on=parse_date(date),
                limit=top,
            )
            reasons = reasons_by_address(connection, secret, {row.address for row in found})
    output.rows(
        (
            "id",
            "edition_on",
            "kind",
            "address",
            "status",
            "reason",
            "attempts",
            "settled_at",
            "smtp_answer",
            "suppressed",
        ),
        [{**_record(row), "suppressed": reasons.get(row.address)} for row in found],
        json_output=json_output,
        empty="There are no such deliveries.",
    )


def _record(row: "DeliveryReport") -> dict[str, Any]:
    names = (
        "id",
        "edition_on",
        "kind",
        "address",
        "status",
        "reason",
        "attempts",
        "due_at",
        "next_try_at",
        "settled_at",
        "papers_after",
        "papers_through",
        "message_id",
        "smtp_answer",
    )
    return {name: getattr(row, name) for name in names}


@application.command()
def show(
    delivery: Annotated[int, typer.Argument(metavar="ID", max=LARGEST_ID, help="The id that `list` shows.")],
    format_: Annotated[
        MailFormat | None, typer.Option("--format", help="Print the mail in this format.")
    ] = None,
    json_output: JsonOutput = False,
) -> None:
    """Show one delivery with its papers and reasons. With --format, print the mail as it was sent.

    A post to a chat channel has one format, Markdown.

    Example: digest deliveries show 42 --format text
    """
    from digest.delivery.build_mail import build_mail
    from digest.delivery.preview import read_mail
    from digest.domain.channel import service_of
    from digest.errors import NotFound
    from digest.store import delivery_reports
    from digest.store import picks as pick_store

    with opened() as container, container.database.read() as connection:
        row = delivery_reports.find_one(connection, delivery)
        if row is None:
            raise NotFound(f"There is no delivery {delivery}; see: digest deliveries list")
        picks = pick_store.read_picks(connection, [(row.id, row.subscriber_id)]).get(row.id, [])
        mail = read_mail(connection, delivery) if format_ else None
        if mail is not None and row.kind == Kind.POST:
            output.say(container.posts.digest(mail.edition_on, mail.picks, service_of(mail.recipient)))
            return
        message = build_mail(mail, container.links, container.renderer) if mail else None
        signer = container.signer
    if mail is not None and message is not None:
        if format_ is MailFormat.EML:
            signed = signer.sign(message.to_bytes(), mail.imprint.dkim_selectors, mail.composed_at)
            typer.echo(signed, nl=False)
        else:
            output.say(message.html if format_ is MailFormat.HTML else message.text)
        return
    carried = [
        {
            "section": pick.section,
            "score": pick.score,
            "id": pick.card.paper_id,
            "title": pick.card.title,
            "because": [term for term, _ in pick.reason.terms] or pick.reason.author,
        }
        for pick in picks
    ]
    if json_output:
        output.as_json({**_record(row), "papers": carried})
        return
    for name, value in _record(row).items():
        if value not in {None, ""}:
            output.say(f"{name.replace('_', ' '):14} {output.cell(value)}")
    output.say()
    columns = ("section", "score", "id", "title", "because")
    output.rows(columns, carried, json_output=False, empty="It carries no papers.")


@application.command()
def retry(
    deliveries: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", max=LARGEST_ID, help="The ids that `list` shows."),
    ] = None,
    date: Annotated[str | None, typer.Option(metavar="DATE", help="All failed ones of this edition.")] = None,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="Only those whose reason contains this; with --date."),
    ] = None,
    status: Annotated[
        DeliveryStatus, typer.Option(help="With --date: failed or skipped ones.")
    ] = DeliveryStatus.FAILED,
) -> None:
    """Set failed or skipped deliveries to planned; the next `digest run` sends them.

    Those given by id, or all failed ones of an edition. Nobody who has left gets a mail: this is checked again.

    Example: digest deliveries retry --date 2026-11-20 --reason "450"
    """
    from digest.errors import BadInput, NotFound
    from digest.store import deliveries as ledger

    day = parse_date(date)
    if bool(deliveries) == (day is not None):
        raise BadInput("Give ids, or --date; see: digest deliveries retry --help")
    if reason is not None and day is None:
        raise BadInput("--reason needs --date; see: digest deliveries retry --help")
    if status not in ledger.RETRIABLE:
        raise BadInput(
            f"Mails that are {status} cannot be retried; choose from {', '.join(ledger.RETRIABLE)}."
        )
    with opened() as container, container.database.begin() as connection:
        now = container.clock()
        if day is None:
            planned = ledger.retry(connection, deliveries or (), now)
        else:
            planned = ledger.retry_edition(connection, day, status, reason or "", now)
    if not planned:
        raise NotFound("None of these deliveries is failed or skipped; see: digest deliveries list")
    output.say(
        f"{planned:,} of {len(deliveries):,} planned again." if deliveries else f"{planned:,} planned again."
    )
