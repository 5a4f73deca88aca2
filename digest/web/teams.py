"""The page of an invitation to a team: what its members read, and the form that signs up with them."""

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.domain.delivery import Kind
from digest.subscribers.teams import members
from digest.web.context import Context, WebContext
from digest.web.forms import Posted
from digest.web.sign_up_form import sign_up_fields
from digest.web.signup import MailRequest, take_request

router = APIRouter(include_in_schema=False)
_JOIN = MailRequest("team.html", "subscribed.html", Kind.CONFIRM)


@router.get("/team/{token}")
def invitation(context: Context, token: str) -> Response:
    """Show the topics of a team and the form that joins it."""
    _, shown = _invitation(context, token)
    return context.private_page(
        _JOIN.form, fields=sign_up_fields(), is_again=False, form_token=context.form_tokens.make(), **shown
    )


@router.post("/team/{token}")
async def accept(context: Context, request: Request, token: str, form: Posted) -> Response:
    """Request a confirmation mail for an address that joins a team when it is new."""
    team, shown = await to_thread.run_sync(_invitation, context, token)
    return await to_thread.run_sync(
        lambda: take_request(context, _JOIN, request, form, team, **shown),
        limiter=context.mail_request_threads,
    )


def _invitation(context: WebContext, token: str) -> tuple[str, dict[str, Any]]:
    """Return the team of a link, and the values of its page. Raises BadLink."""
    team = context.claim("team", token).subscriber_key
    with context.container.database.read() as connection:
        found = members(connection, team)
    return team, {"token": token, "topics": found[0].interests.topics, "size": len(found)}
