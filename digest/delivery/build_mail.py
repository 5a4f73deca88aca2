"""From what a delivery recorded to the mail itself: the same record gives the same bytes, always."""

from collections.abc import Sequence
from dataclasses import dataclass

from digest.delivery.composed_mail import ComposedMail, Pick
from digest.domain.delivery import CONFIRM_DAYS
from digest.domain.subscriber import Verdict
from digest.mail.addresses import mailto, read_address
from digest.mail.content import ConfirmationContent, DigestContent, LinksContent, PickContent
from digest.mail.message import Message, digest_headers, entity_reference, feedback_id, transactional_headers
from digest.mail.rendering import RenderedMail, Renderer
from digest.subscribers.links import Links


@dataclass(frozen=True, slots=True)
class BuiltMail:
    """A mail ready to go."""

    message: Message
    rendered: RenderedMail


def build_mail(contents: ComposedMail, picks: Sequence[Pick], links: Links, renderer: Renderer) -> BuiltMail:
    """Render the words and write the message of a recorded delivery."""
    if contents.kind == "confirm":
        return _confirmation(contents, links, renderer)
    if contents.kind == "links":
        return _own_links(contents, links, renderer)
    subscriber_key, day, imprint = contents.subscriber_key, contents.edition_on, contents.imprint
    feedback = links.link("feedback", subscriber_key, day)
    unsubscribe = links.link("unsubscribe", subscriber_key, day)
    preferences = links.link("preferences", subscriber_key, day)
    rendered = renderer.digest(
        DigestContent(
            edition_on=day,
            picks=tuple(
                PickContent(
                    card=pick.card,
                    section=pick.section,
                    reason=pick.reason,
                    more_url=links.feedback(feedback, pick.card.paper_id, Verdict.MORE),
                    less_url=links.feedback(feedback, pick.card.paper_id, Verdict.LESS),
                )
                for pick in picks
            ),
            considered=contents.considered,
            about=contents.about,
            note=contents.note,
            frequency=contents.frequency,
            preferences_url=preferences,
            unsubscribe_url=unsubscribe,
            web_url=links.link("digest", subscriber_key, day),
            operator=imprint.operator,
            postal_address=imprint.postal_address,
        )
    )
    sender = read_address(imprint.sender).mailbox
    token = unsubscribe.rpartition("/")[2]
    headers = digest_headers(
        list_id=imprint.list_id,
        unsubscribe_url=unsubscribe,
        unsubscribe_mailto=mailto(sender, f"unsubscribe {token}"),
        help_url=preferences,
        owner=sender,
        archive_url=links.home,
        feedback_id=feedback_id(f"{day:%Y%m%d}", contents.kind, imprint.domain),
    )
    return BuiltMail(_message(contents, rendered, headers), rendered)


def _confirmation(contents: ComposedMail, links: Links, renderer: Renderer) -> BuiltMail:
    rendered = renderer.confirm(
        ConfirmationContent(
            confirm_url=links.link("confirm", contents.subscriber_key, contents.edition_on),
            expires_in_days=CONFIRM_DAYS,
            web_url=links.home,
            operator=contents.imprint.operator,
            postal_address=contents.imprint.postal_address,
        )
    )
    return BuiltMail(_message(contents, rendered, transactional_headers()), rendered)


def _own_links(contents: ComposedMail, links: Links, renderer: Renderer) -> BuiltMail:
    subscriber_key, day = contents.subscriber_key, contents.edition_on
    rendered = renderer.links(
        LinksContent(
            preferences_url=links.link("preferences", subscriber_key, day),
            feed_url=links.feed(subscriber_key, day),
            unsubscribe_url=links.link("unsubscribe", subscriber_key, day),
            past=tuple((edition, links.link("digest", subscriber_key, edition)) for edition in contents.past),
            web_url=links.home,
            operator=contents.imprint.operator,
            postal_address=contents.imprint.postal_address,
        )
    )
    return BuiltMail(_message(contents, rendered, transactional_headers()), rendered)


def _message(contents: ComposedMail, rendered: RenderedMail, headers: tuple[tuple[str, str], ...]) -> Message:
    return Message(
        sender=contents.imprint.sender,
        recipient=contents.recipient,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        message_id=contents.message_id,
        date=contents.composed_at,
        headers=(*headers, entity_reference(contents.message_id)),
    )
