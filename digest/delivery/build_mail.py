"""From what a delivery recorded to the mail itself: the same record gives the same bytes, always."""

from collections.abc import Sequence
from dataclasses import dataclass

from digest.delivery.composed_mail import Chosen, Contents
from digest.domain.delivery import CONFIRM_DAYS
from digest.mail.addresses import mailto, read_address
from digest.mail.content import Confirmation, Letter, OwnLinks, Pick, Words
from digest.mail.message import Message, digest_headers, transactional_headers
from digest.mail.rendering import Renderer
from digest.subscribers.links import Links


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to go."""

    message: Message
    words: Words


def build_mail(contents: Contents, picks: Sequence[Chosen], links: Links, renderer: Renderer) -> Mail:
    """Render the words and write the message of a recorded delivery."""
    if contents.kind == "confirm":
        return _confirmation(contents, links, renderer)
    if contents.kind == "links":
        return _own_links(contents, links, renderer)
    reader, day, imprint = contents.reader, contents.edition_on, contents.imprint
    feedback = links.link("feedback", reader, day)
    unsubscribe = links.link("unsubscribe", reader, day)
    preferences = links.link("preferences", reader, day)
    words = renderer.digest(
        Letter(
            edition_on=day,
            picks=tuple(
                Pick(
                    card=pick.card,
                    section=pick.section,
                    reason=pick.reason,
                    more_url=links.feedback(feedback, pick.card.paper_id, "more"),
                    less_url=links.feedback(feedback, pick.card.paper_id, "less"),
                )
                for pick in picks
            ),
            considered=contents.considered,
            about=contents.about,
            note=contents.note,
            frequency=contents.frequency,
            preferences_url=preferences,
            unsubscribe_url=unsubscribe,
            web_url=links.link("digest", reader, day),
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
    )
    return Mail(_message(contents, words, headers), words)


def _confirmation(contents: Contents, links: Links, renderer: Renderer) -> Mail:
    words = renderer.confirm(
        Confirmation(
            confirm_url=links.link("confirm", contents.reader, contents.edition_on),
            expires_in_days=CONFIRM_DAYS,
            web_url=links.home,
            operator=contents.imprint.operator,
            postal_address=contents.imprint.postal_address,
        )
    )
    return Mail(_message(contents, words, transactional_headers()), words)


def _own_links(contents: Contents, links: Links, renderer: Renderer) -> Mail:
    reader, day = contents.reader, contents.edition_on
    words = renderer.links(
        OwnLinks(
            preferences_url=links.link("preferences", reader, day),
            feed_url=links.feed(reader, day),
            unsubscribe_url=links.link("unsubscribe", reader, day),
            past=tuple((edition, links.link("digest", reader, edition)) for edition in contents.past),
            web_url=links.home,
            operator=contents.imprint.operator,
            postal_address=contents.imprint.postal_address,
        )
    )
    return Mail(_message(contents, words, transactional_headers()), words)


def _message(contents: Contents, words: Words, headers: tuple[tuple[str, str], ...]) -> Message:
    return Message(
        sender=contents.imprint.sender,
        recipient=contents.recipient,
        subject=words.subject,
        text=words.text,
        html=words.html,
        message_id=contents.message_id,
        date=contents.composed_at,
        headers=headers,
    )
