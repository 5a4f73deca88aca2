"""Feedback from a mail (more or less like this): a page with one button, its effect, and undo."""

from fastapi import APIRouter
from fastapi.responses import Response

from digest.delivery.candidates import card_of
from digest.domain.subscriber import Verdict
from digest.errors import BadInput
from digest.papers.search import find_paper
from digest.subscribers.feedback import record_feedback, verdict_on
from digest.web.context import Context
from digest.web.forms import Posted

router = APIRouter(include_in_schema=False)


def verdict_from(text: str) -> Verdict | None:
    """Return the verdict of this name; None for `none`, which removes a verdict. Raises BadInput."""
    if text == "none":
        return None
    if text in tuple(Verdict):
        return Verdict(text)
    raise BadInput("This link is incomplete; please open it again from your mail.")


@router.get("/feedback/{token}")
def feedback_form(context: Context, token: str, paper: str = "", verdict: str = "more") -> Response:
    """Show the paper and the button of the mail's link."""
    requested = verdict_from(verdict)
    with context.container.database.read() as connection:
        subscriber = context.subscriber(connection, "feedback", token)
        stored = find_paper(connection, paper)
        said = verdict_on(connection, subscriber, stored.row_id)
    return context.private_page(
        "feedback.html",
        token=token,
        card=card_of(stored, [], context.now()),
        verdict=requested or "none",
        said=said,
        effect=None,
    )


@router.post("/feedback/{token}")
def feedback(context: Context, token: str, form: Posted, paper: str = "", verdict: str = "") -> Response:
    """Store the verdict, and show which terms of the profile it changed."""
    claim = context.claim("feedback", token)
    requested = verdict_from(form.text("verdict") or verdict)
    paper_id = form.text("paper") or paper
    container = context.container
    effect = record_feedback(
        container.database, container.profiles, claim.subscriber_key, paper_id, requested, context.now()
    )
    return context.private_page(
        "feedback.html",
        token=token,
        card=context.catalogue.paper(effect.paper.id),
        verdict=requested or "none",
        said=requested,
        effect=effect,
    )
