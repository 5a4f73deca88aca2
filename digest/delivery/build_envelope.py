"""From a composed mail to what the mail server is given: signed bytes, and the addresses of sender and recipient."""

from digest.delivery.build_mail import build_mail
from digest.delivery.context import DeliveryContext, ReadyDelivery
from digest.mail.addresses import read_address
from digest.mail.envelope import Envelope
from digest.mail.return_path import return_path


def build_envelope(delivery_context: DeliveryContext, ready: ReadyDelivery) -> Envelope:
    """Return the mail as it is sent. A mail that is sent again has the same bytes and addresses. Raises BadInput."""
    contents = ready.contents
    message = build_mail(contents, ready.picks, delivery_context.links, delivery_context.renderer).message
    imprint = contents.imprint
    sender = read_address(imprint.sender).mailbox
    if imprint.return_path:
        sender = return_path(
            imprint.return_path, ready.delivery.id, contents.subscriber_key, delivery_context.secret
        )
    return Envelope(
        sender=sender,
        recipient=read_address(contents.recipient).mailbox,
        # The time of composing, so that the signature does not change either.
        content=delivery_context.signer.sign(
            message.to_bytes(), imprint.dkim_selectors, contents.composed_at
        ),
        name=contents.file_name,
    )
