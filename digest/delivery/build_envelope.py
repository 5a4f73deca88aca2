"""From a composed mail to what the mail server is given: signed bytes, and the addresses of sender and recipient."""

from digest.delivery.build_mail import build_mail
from digest.delivery.composed_mail import ComposedMail
from digest.delivery.context import DeliveryContext, ReadyDelivery
from digest.domain.channel import service_of
from digest.domain.delivery import Kind
from digest.mail.addresses import read_address
from digest.mail.envelope import Envelope
from digest.mail.return_path import return_path
from digest.text.languages import use_language


def build_envelope(delivery_context: DeliveryContext, ready: ReadyDelivery) -> Envelope:
    """Return the mail as it is sent. A mail that is sent again has the same bytes and addresses. Raises BadInput."""
    mail = ready.mail
    if ready.delivery.kind == Kind.POST:
        return _post(delivery_context, mail)
    imprint = mail.imprint
    sender = read_address(imprint.sender).mailbox
    if imprint.return_path:
        sender = return_path(
            imprint.return_path, ready.delivery.id, mail.subscriber_key, delivery_context.secret
        )
    content = build_mail(mail, delivery_context.links, delivery_context.renderer).to_bytes()
    return Envelope(
        sender=sender,
        recipient=read_address(mail.recipient).mailbox,
        # The time of composing, so that the signature does not change either.
        content=delivery_context.signer.sign(content, imprint.dkim_selectors, mail.composed_at),
        name=mail.file_name,
    )


def _post(delivery_context: DeliveryContext, mail: ComposedMail) -> Envelope:
    """Return a post: the name of its channel, and its text. The transport knows the channel's address."""
    assert delivery_context.chat is not None, "posts need ChatDelivery"
    with use_language(mail.language):
        text = delivery_context.chat.renderer.digest(mail.edition_on, mail.picks, service_of(mail.recipient))
    return Envelope(sender="", recipient=mail.recipient, content=text.encode(), name=mail.file_name)
