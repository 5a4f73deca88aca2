"""Feedback from a mail (more or less like this): a page with the buttons, their effect, and undo."""

from fastapi import APIRouter
from fastapi.responses import Response

from digest.delivery.candidates import card_of
from digest.domain.subscriber import Verdict
from digest.errors import BadInput
from digest.papers.search import find_paper
from digest.subscribers.feedback import record_feedback, verdict_on
from digest.text.languages import gettext
from digest.web.context import Context, WebContext
from digest.web.forms import Posted
from digest.web.page_language import use_subscriber_language

router = APIRouter(include_in_schema=False)


def verdict_from(text: str) -> Verdict | None:
    """Return the verdict of this name; None for `none`, which removes a verdict. Raises BadInput."""
    if text == "none":
        return None
    if text in tuple(Verdict):
        return Verdict(text)
    raise BadInput(gettext("This link is incomplete; please open it again from your mail."))


@router.get("/feedback/{token}")
def feedback_form(context: Context, token: str, paper: str = "", verdict: str = "more") -> Response:
    """Show the paper and the button of a link with the paper in its query, as older mails and pages have it."""
    claim = context.claim("feedback", token)
    action = f"/feedback/{token}"
    return _form(context, claim.subscriber_key, paper, verdict_from(verdict) or "none", action)


@router.post("/feedback/{token}")
def feedback(context: Context, token: str, form: Posted, paper: str = "", verdict: str = "") -> Response:
    """Store the verdict, and show which terms of the profile it changed."""
    claim = context.claim("feedback", token)
    requested = verdict_from(form.text("verdict") or verdict)
    paper_id = form.text("paper") or paper
    return _record(context, claim.subscriber_key, paper_id, requested, f"/feedback/{token}")


@router.get("/f/{token}")
def both_choices(context: Context, token: str) -> Response:
    """Show a paper of a mail, and the buttons of both verdicts."""
    claim = context.container.links.read_paper(token)
    return _form(context, claim.subscriber_key, claim.paper_id, "", f"/f/{token}")


@router.get("/f/{token}/{verdict}")
def one_choice(context: Context, token: str, verdict: str) -> Response:
    """Show a paper of a mail, and the button of the verdict that was chosen in the mail."""
    claim = context.container.links.read_paper(token)
    return _form(
        context, claim.subscriber_key, claim.paper_id, verdict_from(verdict) or "none", f"/f/{token}"
    )


@router.post("/f/{token}")
def choose(context: Context, token: str, form: Posted) -> Response:
    """Store the verdict on a paper of a mail."""
    claim = context.container.links.read_paper(token)
    requested = verdict_from(form.text("verdict"))
    return _record(context, claim.subscriber_key, claim.paper_id, requested, f"/f/{token}")


def _form(context: WebContext, subscriber_key: str, paper_id: str, requested: str, action: str) -> Response:
    """Return the page with a button for `requested`, or with both verdicts if it is empty."""
    with context.container.database.read() as connection:
        subscriber = context.subscriber_with(connection, subscriber_key)
        stored = find_paper(connection, paper_id)
        said = verdict_on(connection, subscriber, stored.row_id)
    return context.private_page(
        "feedback.html",
        action=action,
        card=card_of(stored, None),
        verdict=requested,
        said=said,
        effect=None,
    )


def _record(
    context: WebContext, subscriber_key: str, paper_id: str, requested: Verdict | None, action: str
) -> Response:
    container = context.container
    effect = record_feedback(
        container.database, container.profiles, subscriber_key, paper_id, requested, context.now()
    )
    use_subscriber_language(effect.subscriber.language)
    return context.private_page(
        "feedback.html",
        action=action,
        card=context.catalogue.paper(effect.paper.id),
        verdict=requested or "none",
        said=requested,
        effect=effect,
    )
