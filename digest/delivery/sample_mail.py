"""A mail for one address, sent now and recorded nowhere, to see it in a mail program."""

from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from digest.delivery.build_mail import build_mail
from digest.delivery.context import DeliveryContext
from digest.delivery.decisions import NOTES, quiet_reason
from digest.delivery.preview import preview
from digest.domain.delivery import Kind
from digest.domain.subscriber import Schedule, Status, Subscriber
from digest.mail.addresses import read_address
from digest.mail.envelope import Envelope

NO_KEY = "0" * 16
"""The key of no subscriber, so that the links of the mail change nothing."""


def unstored_subscriber(address: str, now: datetime) -> Subscriber:
    """Return a subscriber who is not stored and has told nothing."""
    return Subscriber(
        id=0,
        key=NO_KEY,
        address=address,
        status=Status.ACTIVE,
        schedule=Schedule(),
        max_papers=10,
        created_at=now,
    )


def send_sample_mail(
    delivery_context: DeliveryContext, subscriber: Subscriber, kind: Kind, now: datetime
) -> str:
    """Send what a subscriber would get now, as a mail of a kind; return the server's answer.

    Raises what the transport raises.
    """
    edition_on = now.astimezone(subscriber.schedule.zone).date()
    with delivery_context.database.read() as connection:
        selection = preview(connection, delivery_context.composer, subscriber, edition_on, now)
    nobody = replace(selection, subscriber=replace(subscriber, key=NO_KEY))
    note = "" if selection.picks else NOTES[quiet_reason(selection.considered, selection.state)]
    mail = nobody.compose(delivery_context.imprint, now, note, kind)
    message = build_mail(mail, delivery_context.links, delivery_context.renderer)
    # A Message-ID of its own: mail programs hide a second mail with the same one.
    message = replace(message, message_id=f"<test.{uuid4().hex}@{delivery_context.imprint.domain}>")
    identity = delivery_context.imprint
    content = delivery_context.signer.sign(message.to_bytes(), identity.dkim_selectors, now)
    envelope = Envelope(
        sender=read_address(identity.sender).mailbox,
        recipient=read_address(mail.recipient).mailbox,
        content=content,
        name=f"{edition_on}.test.{uuid4().hex[:8]}",
    )
    with delivery_context.transport.open() as server:
        return server.send(envelope)
