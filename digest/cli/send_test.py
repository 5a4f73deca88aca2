"""`digest send-test`: one real mail to one address, to see it in a mail program."""

from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.domain.delivery import PAPER_KINDS, Kind

if TYPE_CHECKING:
    from digest.domain.subscriber import Subscriber
    from digest.wiring import Container


def send_test(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where the mail goes.")],
    like: Annotated[
        str | None,
        typer.Option(
            "--like",
            metavar="EMAIL",
            help="Send what this subscriber would get; else papers that everyone reads.",
        ),
    ] = None,
    kind: Annotated[Kind, typer.Option(help="The kind of mail, one that brings papers.")] = Kind.DIGEST,
) -> None:
    """Send one mail to an address through DIGEST_MAIL_URL. Nothing is recorded, and no subscriber is changed.

    Its links belong to nobody: they open a page that says so. It is signed as every other mail.

    Example: digest send-test me@example.org
    """
    from digest.delivery.sample_mail import send_sample_mail, unstored_subscriber
    from digest.errors import BadInput
    from digest.subscribers.addresses import parse_address

    kinds = [one for one in PAPER_KINDS if one != Kind.POST]
    if kind not in kinds:
        raise BadInput(f"A mail of the kind {kind} has no papers; choose from {', '.join(kinds)}.")
    recipient = parse_address(address).mailbox
    with opened() as container:
        now = container.clock()
        if like is None:
            subscriber = unstored_subscriber(recipient, now)
        else:
            subscriber = _readdressed(container, like, recipient)
        answer = send_sample_mail(container.delivery_context, subscriber, kind, now)
    output.say(f"Sent to {recipient}: {answer}")


def _readdressed(container: "Container", like: str, recipient: str) -> "Subscriber":
    """Return a subscriber as a pattern, with the address of the test."""
    from dataclasses import replace

    from digest.subscribers.signup import find_subscriber

    with container.database.read() as connection:
        return replace(find_subscriber(connection, like), address=recipient)
