"""More like this, less like this, from a mail: a page with one button, what pressing it did, and its undoing."""

from fastapi import APIRouter
from fastapi.responses import Response

from digest.delivery.candidates import card_of
from digest.errors import BadInput
from digest.papers.search import find_paper
from digest.subscribers.feedback import give, verdict_on
from digest.subscribers.links import Verdict
from digest.web.context import OnSite
from digest.web.forms import Posted

router = APIRouter(include_in_schema=False)


def verdict_from(text: str) -> Verdict | None:
    """Return the verdict of this name; None for `none`, which takes one back. Raises BadInput."""
    match text:
        case "more" | "less":
            return "more" if text == "more" else "less"
        case "none":
            return None
    raise BadInput("This link does not say more or less; please open it again from the mail it came in.")


@router.get("/feedback/{token}")
def feedback_form(site: OnSite, token: str, paper: str = "", verdict: str = "more") -> Response:
    """Show the paper and the one button that the mail's link stands for."""
    wanted = verdict_from(verdict)
    with site.parts.database.read() as connection:
        subscriber = site.reader(connection, "feedback", token)
        stored = find_paper(connection, paper)
        said = verdict_on(connection, subscriber, stored.number)
    return site.private_page(
        "feedback.html",
        token=token,
        card=card_of(stored, [], site.now()),
        verdict=wanted or "none",
        said=said,
        effect=None,
    )


@router.post("/feedback/{token}")
def feedback(site: OnSite, token: str, form: Posted, paper: str = "", verdict: str = "") -> Response:
    """Keep the word, and say in terms what it changed."""
    claim = site.claim("feedback", token)
    wanted = verdict_from(form.text("verdict") or verdict)
    paper_id = form.text("paper") or paper
    parts = site.parts
    effect = give(parts.database, parts.profiles, claim.reader, paper_id, wanted, site.now())
    return site.private_page(
        "feedback.html",
        token=token,
        card=site.catalogue.paper(effect.paper.id),
        verdict=wanted or "none",
        said=wanted,
        effect=effect,
    )
