"""Sign up, confirm, unsubscribe, resubscribe, and request one's links by mail.

GET shows a page with one button; only POST changes anything.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.delivery.composed_mail import about, schedule_in_words
from digest.domain.delivery import CONFIRM_DAYS, Kind
from digest.domain.subscriber import Status, Subscriber
from digest.errors import NotFound, TryLater
from digest.subscribers.addresses import parse_address
from digest.subscribers.consent import (
    request_confirmation_again,
    resubscribe,
    undo_unsubscription,
    unsubscribe,
)
from digest.subscribers.links import Claim
from digest.subscribers.mail_requests import request_mail
from digest.subscribers.signup import confirm
from digest.text.languages import current_language, gettext
from digest.web.context import Context, WebContext
from digest.web.forms import Form, Posted
from digest.web.limits import mail_limits
from digest.web.page_language import use_subscriber_language
from digest.web.preferences import show_preferences
from digest.web.sign_up_form import preferences_from, sign_up_fields, typed_fields

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class MailRequest:
    """A kind of mail that is requested with an address, and its two pages."""

    form: str
    answer: str
    kind: Kind


SIGN_UP = MailRequest("subscribe.html", "subscribed.html", Kind.CONFIRM)
_LINKS = MailRequest("links.html", "links_sent.html", Kind.LINKS)


@router.get("/subscribe")
def sign_up_form(context: Context) -> Response:
    """Show the sign-up form."""
    return context.page(SIGN_UP.form, "/subscribe", fields=sign_up_fields(), is_again=False)


@router.post("/subscribe")
async def sign_up(context: Context, request: Request, form: Posted) -> Response:
    """Request a confirmation mail for an address.

    Neither the response nor its time depends on whether the address is known.
    """
    return await to_thread.run_sync(
        take_request, context, SIGN_UP, request, form, limiter=context.mail_request_threads
    )


@router.get("/links")
def links_form(context: Context) -> Response:
    """Show the form for a subscriber who has lost their links."""
    return context.page(_LINKS.form, "/links", fields=sign_up_fields(), is_again=False)


@router.post("/links")
async def send_links(context: Context, request: Request, form: Posted) -> Response:
    """Request a mail with a subscriber's links. The response does not depend on whether there is one either."""
    return await to_thread.run_sync(
        take_request, context, _LINKS, request, form, limiter=context.mail_request_threads
    )


def take_request(
    context: WebContext,
    kind: MailRequest,
    request: Request,
    form: Form,
    team: str | None = None,
    **shown: Any,
) -> Response:
    """Store the request of a posted form, unless a program seems to have sent it; return the page that follows.

    `team` is the one that a new subscriber joins; `shown` are further values of the form's page. Raises BadInput for
    an invalid field, and TryLater over the limits.
    """
    address = parse_address(form.raw("email")[:400])
    preferences = (
        {**preferences_from(form), "language": current_language()} if kind.kind is Kind.CONFIRM else {}
    )
    if team is not None:
        preferences["team"] = team
    # The field is invisible to people. A program that fills it in gets the same response and no mail.
    if not form.raw("website"):
        form_token = form.raw("form_token")[:100]
        if not context.form_tokens.is_old_enough(form_token):
            return context.private_page(
                kind.form,
                fields={**typed_fields(form), "email": address.typed},
                is_again=True,
                form_token=context.form_tokens.renewed(form_token),
                **shown,
            )
        host = request.client.host if request.client else ""
        if not context.limits.allow(mail_limits(host, address.domain)):
            raise TryLater(gettext("Too many mails were requested; please try again in an hour."), 3600)
        request_mail(context.container.database, kind.kind, address, context.now(), preferences)
        context.request_worker.wake()
    return context.private_page(kind.answer, days=CONFIRM_DAYS)


@router.get("/confirm/{token}")
def confirm_form(context: Context, token: str) -> Response:
    """Show the button that confirms, or the one that requests a new link when this one has expired."""
    claim = context.claim("confirm", token)
    with context.container.database.read() as connection:
        subscriber = context.subscriber_with(connection, claim.subscriber_key)
    return _confirmation(context, token, claim, subscriber)


def _confirmation(context: WebContext, token: str, claim: Claim, subscriber: Subscriber) -> Response:
    status = 403 if _is_expired(context, claim) and subscriber.status == "pending" else 200
    return context.private_page(
        "confirm.html",
        status,
        token=token,
        subscriber_status=subscriber.status,
        about=about(subscriber.interests.topics),
        schedule=schedule_in_words(subscriber.schedule),
        is_expired=_is_expired(context, claim),
        days=CONFIRM_DAYS,
    )


def _is_expired(context: WebContext, claim: Claim) -> bool:
    return context.now().date() > claim.issued_on + timedelta(days=CONFIRM_DAYS)


@router.post("/confirm/{token}")
def confirm_now(context: Context, token: str) -> Response:
    """Confirm a subscriber and show their preferences."""
    claim = context.claim("confirm", token)
    with context.container.database.read() as connection:
        subscriber = context.subscriber_with(connection, claim.subscriber_key)
    # An old link must not undo a later unsubscription: only a pending subscriber is confirmed.
    if subscriber.status != "pending" or _is_expired(context, claim):
        return _confirmation(context, token, claim, subscriber)
    confirmed = confirm(
        context.container.database, context.container.secret, subscriber.address, context.now(), "web"
    )
    context.request_worker.wake()
    done = "started" if confirmed.interests.topics else "confirmed"
    return show_preferences(context, confirmed, context.token("preferences", confirmed), done)


@router.post("/confirm/{token}/again")
def send_confirmation_again(context: Context, token: str) -> Response:
    """Request a new confirmation mail for the subscriber of an expired link."""
    claim = context.claim("confirm", token)
    with context.container.database.read() as connection:
        context.subscriber_with(connection, claim.subscriber_key)
    request_confirmation_again(
        context.container.database, context.container.secret, claim.subscriber_key, context.now()
    )
    context.request_worker.wake()
    return context.private_page("subscribed.html", days=CONFIRM_DAYS)


@router.get("/unsubscribe/{token}")
def unsubscribe_form(context: Context, token: str) -> Response:
    """Show the button that unsubscribes."""
    claim = context.claim("unsubscribe", token)
    with context.container.database.read() as connection:
        try:
            status = context.subscriber_with(connection, claim.subscriber_key).status
        except NotFound:
            status = Status.UNSUBSCRIBED
    return context.private_page("unsubscribe.html", token=token, subscriber_status=status)


@router.post("/unsubscribe/{token}")
def unsubscribe_now(context: Context, token: str) -> Response:
    """Unsubscribe at once, for a person or a mail program (one-click, RFC 8058).

    The body is ignored, whatever its encoding. Returns 200 without redirect or cookie.
    """
    claim = context.claim("unsubscribe", token)
    left = unsubscribe(
        context.container.database, context.container.secret, claim.subscriber_key, context.now(), "web"
    )
    context.request_worker.wake()
    if left is not None:
        use_subscriber_language(left.language)
    return context.private_page(
        "unsubscribed.html", token=token, can_return=left is not None and left.confirmed_at is not None
    )


@router.post("/unsubscribe/{token}/undo")
def resubscribe_now(context: Context, token: str) -> Response:
    """Resubscribe a subscriber who has unsubscribed."""
    claim = context.claim("unsubscribe", token)
    back = resubscribe(
        context.container.database, context.container.secret, claim.subscriber_key, context.now(), "web"
    )
    use_subscriber_language(back.language)
    return context.private_page("returned.html", token=token, subscriber_status=back.status)


@router.get("/undo/{token}")
def undo_form(context: Context, token: str) -> Response:
    """Show the button that undoes an unsubscription."""
    claim = context.claim("undo", token)
    with context.container.database.read() as connection:
        status = context.subscriber_with(connection, claim.subscriber_key).status
    return context.private_page("undo.html", token=token, subscriber_status=status)


@router.post("/undo/{token}")
def undo(context: Context, token: str) -> Response:
    """Undo an unsubscription, once."""
    claim = context.claim("undo", token)
    container = context.container
    back = undo_unsubscription(
        container.database, container.secret, claim.subscriber_key, claim.issued_on, context.now()
    )
    use_subscriber_language(back.language)
    return context.private_page("returned.html", token=token, subscriber_status=back.status)
