"""The web view of a digest: what one subscriber was sent for one edition, and the list of all."""

from fastapi import APIRouter
from fastapi.responses import Response

from digest.delivery.preview import read_mail
from digest.domain.delivery import PAPER_KINDS
from digest.errors import NotFound
from digest.mail.content import HEADINGS, heading_of
from digest.store import delivery_reports
from digest.store import editions as edition_store
from digest.text.formatting import holdings
from digest.text.languages import gettext, use_language
from digest.web.context import Context

router = APIRouter(include_in_schema=False)
ARCHIVED = 400
"""Digests that the archive lists, the newest first: more than a year of them."""


@router.get("/digest/{token}")
def web_view(context: Context, token: str) -> Response:
    """Show a digest as it was composed, in the language of its mail, with full abstracts."""
    claim = context.claim("digest", token)
    with context.container.database.read() as connection:
        subscriber = context.subscriber(connection, "digest", token)
        rows = delivery_reports.find(
            connection, subscriber_id=subscriber.id, kinds=PAPER_KINDS, edition_on=claim.issued_on
        )
        composed = [row.id for row in rows if row.contents is not None]
        if not composed:
            raise NotFound(
                gettext("The digest of that day is no longer stored; look at what is trending now.")
            )
        mail = read_mail(connection, composed[0])
    shown = {
        key: [pick for pick in mail.picks if heading_of(pick.section, pick.card) == key] for key in HEADINGS
    }
    with use_language(mail.language):
        return context.private_page(
            "digest.html",
            contents=mail,
            sections=[(gettext(HEADINGS[key]), picks) for key, picks in shown.items()],
            holdings=holdings(
                len(shown["for_you"]), len(shown["everyone"]), mail.considered, len(shown["new"])
            ),
            tokens={
                purpose: context.token(purpose, subscriber, claim.issued_on)
                for purpose in ("feedback", "preferences", "unsubscribe")
            },
        )


@router.get("/archive/{token}")
def archive(context: Context, token: str) -> Response:
    """List the stored digests of a subscriber, the newest first."""
    with context.container.database.read() as connection:
        subscriber = context.subscriber(connection, "archive", token)
        editions = edition_store.sent_editions(connection, [subscriber.id], ARCHIVED).get(subscriber.id, [])
    return context.private_page(
        "archive.html",
        past=[(edition_on, context.token("digest", subscriber, edition_on)) for edition_on in editions],
        preferences=context.token("preferences", subscriber),
    )
