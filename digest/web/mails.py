"""The web view of a mail: what one reader was sent on one day."""

from fastapi import APIRouter
from fastapi.responses import Response

from digest.delivery.preview import recorded
from digest.errors import NotFound
from digest.mail.letter import HEADINGS, heading_of
from digest.mail.wording import holdings
from digest.store import deliveries as ledger
from digest.web.site import OnSite

router = APIRouter(include_in_schema=False)


@router.get("/digest/{token}")
def web_view(site: OnSite, token: str) -> Response:
    """Show a digest as it was composed, whole abstracts included."""
    claim = site.claim("digest", token)
    with site.parts.database.read() as connection:
        subscriber = site.reader(connection, "digest", token)
        rows = ledger.find(connection, subscriber_id=subscriber.id, kind="digest", edition_on=claim.issued_on)
        composed = [row.id for row in rows if row.contents is not None]
        if not composed:
            raise NotFound("No digest of that day is kept; look at what is trending now.")
        contents, chosen = recorded(connection, composed[0])
    shown = {key: [pick for pick in chosen if heading_of(pick.section, pick.card) == key] for key in HEADINGS}
    return site.private_page(
        "digest.html",
        contents=contents,
        sections=[(HEADINGS[key], picks) for key, picks in shown.items()],
        holdings=holdings(
            len(shown["for_you"]), len(shown["everyone"]), contents.considered, len(shown["new"])
        ),
        tokens={
            purpose: site.token(purpose, subscriber, claim.issued_on)
            for purpose in ("feedback", "preferences", "unsubscribe")
        },
    )
