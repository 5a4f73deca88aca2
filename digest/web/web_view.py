"""The web view of a digest: what one subscriber was sent for one edition."""

from fastapi import APIRouter
from fastapi.responses import Response

from digest.delivery.preview import read_mail
from digest.domain.delivery import Kind
from digest.errors import NotFound
from digest.mail.content import HEADINGS, heading_of
from digest.store import delivery_reports
from digest.text.formatting import holdings
from digest.web.context import Context

router = APIRouter(include_in_schema=False)


@router.get("/digest/{token}")
def web_view(context: Context, token: str) -> Response:
    """Show a digest as it was composed, with full abstracts."""
    claim = context.claim("digest", token)
    with context.container.database.read() as connection:
        subscriber = context.subscriber(connection, "digest", token)
        rows = delivery_reports.find(
            connection, subscriber_id=subscriber.id, kind=Kind.DIGEST, edition_on=claim.issued_on
        )
        composed = [row.id for row in rows if row.contents is not None]
        if not composed:
            raise NotFound("The digest of that day is no longer stored; look at what is trending now.")
        mail = read_mail(connection, composed[0])
    shown = {
        key: [pick for pick in mail.picks if heading_of(pick.section, pick.card) == key] for key in HEADINGS
    }
    return context.private_page(
        "digest.html",
        contents=mail,
        sections=[(HEADINGS[key], picks) for key, picks in shown.items()],
        holdings=holdings(len(shown["for_you"]), len(shown["everyone"]), mail.considered, len(shown["new"])),
        tokens={
            purpose: context.token(purpose, subscriber, claim.issued_on)
            for purpose in ("feedback", "preferences", "unsubscribe")
        },
    )
