"""The answer to "Was this a good digest?": a page with the buttons; only POST stores it."""

from fastapi import APIRouter
from fastapi.responses import Response

from digest.domain.delivery import Opinion
from digest.errors import BadInput, NotFound
from digest.store import opinions as store
from digest.text.languages import gettext
from digest.web.context import Context, WebContext
from digest.web.forms import Posted

router = APIRouter(include_in_schema=False)


def opinion_from(text: str) -> Opinion:
    """Return the answer of this name. Raises BadInput."""
    try:
        return Opinion(text)
    except ValueError:
        raise BadInput(gettext("This link is incomplete; please open it again from your mail.")) from None


@router.get("/opinion/{token}")
def both_answers(context: Context, token: str) -> Response:
    """Show the buttons of both answers."""
    return _page(context, token, "")


@router.get("/opinion/{token}/{answer}")
def one_answer(context: Context, token: str, answer: str) -> Response:
    """Show the button of the answer that was chosen in the mail."""
    return _page(context, token, opinion_from(answer))


@router.post("/opinion/{token}")
def answer(context: Context, token: str, form: Posted) -> Response:
    """Store the answer; the last one counts."""
    claim = context.claim("opinion", token)
    given = opinion_from(form.text("answer"))
    with context.container.database.begin() as connection:
        subscriber = context.subscriber(connection, "opinion", token)
        if not store.save_opinion(connection, subscriber.id, claim.issued_on, given):
            raise NotFound(gettext("The digest of that day is no longer stored; thank you all the same."))
    return _page(context, token, given, is_stored=True)


def _page(context: WebContext, token: str, given: str, *, is_stored: bool = False) -> Response:
    claim = context.claim("opinion", token)
    with context.container.database.read() as connection:
        subscriber = context.subscriber(connection, "opinion", token)
    return context.private_page(
        "opinion.html",
        token=token,
        edition_on=claim.issued_on,
        answer=given,
        is_stored=is_stored,
        preferences=context.token("preferences", subscriber),
    )
