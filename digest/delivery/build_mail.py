"""Builds the message of a composed mail. Equal mails give equal bytes, so a stored one can be sent again."""

from digest.delivery.composed_mail import ComposedMail
from digest.domain.delivery import CONFIRM_DAYS, Kind
from digest.domain.subscriber import Layout
from digest.mail.addresses import mailto, read_address
from digest.mail.content import ConfirmationContent, DigestContent, GoodbyeContent, LinksContent, PickContent
from digest.mail.message import Message, digest_headers, entity_reference, feedback_id, transactional_headers
from digest.mail.rendering import RenderedMail, Renderer
from digest.subscribers.links import Links
from digest.text.languages import use_language


def build_mail(mail: ComposedMail, links: Links, renderer: Renderer) -> Message:
    """Render a composed mail in its language and add the header fields of its kind."""
    with use_language(mail.language):
        if mail.kind == Kind.CONFIRM:
            return _confirmation(mail, links, renderer)
        if mail.kind == Kind.LINKS:
            return _own_links(mail, links, renderer)
        if mail.kind == Kind.GOODBYE:
            return _goodbye(mail, links, renderer)
        return _digest(mail, links, renderer)


def _digest(mail: ComposedMail, links: Links, renderer: Renderer) -> Message:
    subscriber_key, day, imprint = mail.subscriber_key, mail.edition_on, mail.imprint
    feedback = links.feedback_pages(subscriber_key, day, [pick.card.paper_id for pick in mail.picks])
    unsubscribe = links.link("unsubscribe", subscriber_key, day)
    preferences = links.link("preferences", subscriber_key, day)
    rendered = renderer.digest(
        DigestContent(
            edition_on=day,
            picks=tuple(
                PickContent(
                    card=pick.card,
                    section=pick.section,
                    reason=pick.reason.line,
                    feedback_url=page,
                    author=pick.reason.author,
                    score=pick.score,
                )
                for pick, page in zip(mail.picks, feedback, strict=True)
            ),
            considered=mail.considered,
            about=mail.about,
            note=mail.note,
            frequency=mail.frequency,
            preferences_url=preferences,
            unsubscribe_url=unsubscribe,
            web_url=links.link("digest", subscriber_key, day),
            operator=imprint.operator,
            postal_address=imprint.postal_address,
            kind=Kind(mail.kind),
            layout=Layout(mail.layout),
            opinion_url=links.link("opinion", subscriber_key, day),
            marked=mail.marked,
            away_since=mail.away_since,
            share_url=links.share(mail.about),
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
        archive_url=links.link("archive", subscriber_key, day),
        feedback_id=feedback_id(f"{day:%Y%m%d}", mail.kind, imprint.domain),
    )
    return _message(mail, rendered, headers)


def _confirmation(mail: ComposedMail, links: Links, renderer: Renderer) -> Message:
    rendered = renderer.confirm(
        ConfirmationContent(
            confirm_url=links.link("confirm", mail.subscriber_key, mail.edition_on),
            expires_in_days=CONFIRM_DAYS,
            web_url=links.home,
            operator=mail.imprint.operator,
            postal_address=mail.imprint.postal_address,
        )
    )
    return _message(mail, rendered, transactional_headers())


def _own_links(mail: ComposedMail, links: Links, renderer: Renderer) -> Message:
    subscriber_key, day = mail.subscriber_key, mail.edition_on
    rendered = renderer.links(
        LinksContent(
            preferences_url=links.link("preferences", subscriber_key, day),
            feed_url=links.feed(subscriber_key, day),
            unsubscribe_url=links.link("unsubscribe", subscriber_key, day),
            past=tuple((edition, links.link("digest", subscriber_key, edition)) for edition in mail.past),
            web_url=links.home,
            operator=mail.imprint.operator,
            postal_address=mail.imprint.postal_address,
        )
    )
    return _message(mail, rendered, transactional_headers())


def _goodbye(mail: ComposedMail, links: Links, renderer: Renderer) -> Message:
    rendered = renderer.goodbye(
        GoodbyeContent(
            undo_url=links.link("undo", mail.subscriber_key, mail.edition_on),
            preferences_url=links.link("preferences", mail.subscriber_key, mail.edition_on),
            web_url=links.home,
            operator=mail.imprint.operator,
            postal_address=mail.imprint.postal_address,
        )
    )
    return _message(mail, rendered, transactional_headers())


def _message(mail: ComposedMail, rendered: RenderedMail, headers: tuple[tuple[str, str], ...]) -> Message:
    return Message(
        sender=mail.imprint.sender,
        recipient=mail.recipient,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        message_id=mail.message_id,
        date=mail.composed_at,
        headers=(*headers, entity_reference(mail.message_id)),
    )
