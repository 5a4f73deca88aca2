"""`digest preview` and `digest explain`: show a digest, or a score, without sending."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput, MailFormat
from digest.cli.times import end_of, parse_date, parse_instant

if TYPE_CHECKING:
    from digest.mail.message import Message

Address = Annotated[str, typer.Argument(metavar="EMAIL", help="The subscriber's address.")]


def preview(
    address: Address,
    date: Annotated[
        str | None, typer.Option(metavar="DATE", help="The edition of that day; today's if not given.")
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(metavar="ISO", help="Act as if it were then; a date means the end of that day."),
    ] = None,
    format_: Annotated[
        MailFormat, typer.Option("--format", help="The format to print it in.")
    ] = MailFormat.TEXT,
    open_: Annotated[
        bool,
        typer.Option(
            "--open", help="Show it in the browser, as on a phone, on a desktop, in dark colours and as text."
        ),
    ] = False,
) -> None:
    """Show the digest a subscriber would get, or the post to a chat channel. Sends nothing, changes nothing.

    Example: digest preview ana@example.org --format html > tomorrow.html
    """
    from digest.delivery.preview import preview as choose_papers
    from digest.delivery.preview import preview_mail
    from digest.subscribers.profiles import build_missing
    from digest.subscribers.signup import find_subscriber

    day = parse_date(date)
    with opened(parse_instant(now)) as container:
        at = min(container.clock(), end_of(day)) if day else container.clock()
        with container.database.read() as connection:
            subscriber = find_subscriber(connection, address)
        build_missing(container.database, container.profiles, [subscriber.id], at)
        with container.database.read() as connection:
            selection = choose_papers(connection, container.composer, subscriber, day or at.date(), at)
        if subscriber.service:
            output.say(container.posts.digest(selection.edition_on, selection.picks, subscriber.service))
            return
        mail = preview_mail(selection, container.imprint, container.links, container.renderer, at)
    if open_:
        _open_in_browser(mail)
    elif format_ == "eml":
        typer.echo(mail.to_bytes(), nl=False)
    else:
        is_html = format_ == "html" and mail.html
        output.say(mail.html if is_html else f"Subject: {mail.subject}\n\n{mail.text}")


def _open_in_browser(mail: "Message") -> None:
    """Show a mail as on a phone, on a desktop, in dark colours and as text, side by side."""
    import tempfile

    from digest.mail.side_by_side import side_by_side

    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8", delete=False) as file:
        file.write(side_by_side(mail))
    typer.launch(Path(file.name).as_uri())
    output.say(f"Opened {file.name}")


def explain(
    address: Address,
    paper_id: Annotated[str, typer.Argument(metavar="PAPER", help="A paper, as 2508.13426 or its URL.")],
    json_output: JsonOutput = False,
) -> None:
    """Show the score of a paper for a subscriber, and the terms that contribute to it.

    Example: digest explain ana@example.org 2508.13426
    """
    from digest.delivery.preview import explain as explain_paper
    from digest.subscribers.profiles import build_missing
    from digest.subscribers.signup import find_subscriber

    with opened() as container:
        with container.database.read() as connection:
            subscriber = find_subscriber(connection, address)
        build_missing(container.database, container.profiles, [subscriber.id], container.clock())
        with container.database.read() as connection:
            found = explain_paper(connection, container.selection_settings, subscriber, paper_id)
        has_second_opinion = container.second_opinion is not None
    if json_output:
        output.as_json(
            {
                "id": found.paper.id,
                "title": found.paper.title,
                "score": found.score,
                "floor": found.floor,
                "interest": found.interest,
                "reason": found.reason,
                "reasons": [{"term": one.term, "share": one.share} for one in found.reasons],
                "closest": found.closest and {"title": found.closest[0], "similarity": found.closest[1]},
                "obstacles": found.obstacles,
                "received_on": found.received_on,
                "second_opinion": has_second_opinion,
            }
        )
        return
    output.say(found.paper.title)
    verdict = "fits" if found.score >= found.floor else "does not fit"
    because = f" by the interest {found.interest!r}" if found.interest else ""
    output.say(f"It {verdict}: {found.score:.3f}{because} (the minimum is {found.floor:.3f}).")
    if has_second_opinion:
        output.say(
            "This is the TF-IDF part; the model of DIGEST_DENSE_MODEL takes part in the order of digests, too."
        )
    if found.reason:
        output.say(found.reason)
    for one in found.reasons:
        output.say(f"  {one.share:5.0%}  {one.term}")
    if found.closest:
        output.say(f"It is similar to a liked paper ({found.closest[1]:.2f}): {found.closest[0]}")
    for obstacle in found.obstacles:
        output.say(f"It is excluded: {obstacle}.")
    if found.received_on:
        output.say(f"It was in the digest of {found.received_on}.")
