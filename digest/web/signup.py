"""Signing up, confirming, leaving and coming back, and finding one's links again.

Only POST acts; GET shows a page with one button.
"""

from dataclasses import dataclass
from datetime import timedelta

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.domain.delivery import CONFIRM_DAYS
from digest.domain.subscriber import Status, Subscriber
from digest.errors import NotFound, TryLater
from digest.subscribers.addresses import parse_address
from digest.subscribers.consent import request_confirmation_again, resubscribe, subscriber_of, unsubscribe
from digest.subscribers.links import Claim
from digest.subscribers.mail_requests import RequestKind, request_mail
from digest.subscribers.signup import confirm
from digest.web.context import Context, WebContext
from digest.web.forms import Form, Posted
from digest.web.limits import mail_limits
from digest.web.preferences import show_preferences

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Request:
    """What anybody can ask for with an address alone, and the pages around it."""

    form: str
    answer: str
    kind: RequestKind


_SIGN_UP = _Request("subscribe.html", "subscribed.html", "confirm")
_LINKS = _Request("links.html", "links_sent.html", "links")


@router.get("/subscribe")
def sign_up_form(context: Context) -> Response:
    """Show the field for an address alone, for whoever opens this address by hand."""
    return context.page(_SIGN_UP.form, typed="")


@router.post("/subscribe")
async def sign_up(context: Context, request: Request, form: Posted) -> Response:
    """Take an address, to send it a confirmation; whose it is makes no difference to the answer or its time."""
    return await to_thread.run_sync(_take_request, context, _SIGN_UP, request, form, limiter=context.asking)


@router.get("/links")
def links_form(context: Context) -> Response:
    """Show the field for the address of a subscriber who lost their mails."""
    return context.page(_LINKS.form, typed="")


@router.post("/links")
async def send_links(context: Context, request: Request, form: Posted) -> Response:
    """Take an address, to send its subscriber their links; whether there is one makes no difference either."""
    return await to_thread.run_sync(_take_request, context, _LINKS, request, form, limiter=context.asking)


def _take_request(context: WebContext, kind: _Request, request: Request, form: Form) -> Response:
    address = parse_address(form.raw("email")[:400])
    # Nobody sees this field, so whoever fills it in is a program; it is told what people are told.
    if not form.raw("website"):
        form_token = form.raw("stamp")[:100]
        if not context.form_tokens.is_ripe(form_token):
            return context.private_page(
                kind.form, typed=address.typed, form_token=context.form_tokens.renewed(form_token)
            )
        host = request.client.host if request.client else ""
        if not context.limits.allow(mail_limits(host, address.domain)):
            raise TryLater("Too many mails were asked for just now; please try again in an hour.", 3600)
        request_mail(context.container.database, kind.kind, address, context.now())
        context.request_worker.wake()
    return context.private_page(kind.answer, days=CONFIRM_DAYS)


@router.get("/confirm/{token}")
def confirm_form(context: Context, token: str) -> Response:
    """Show the button that confirms, or that asks for a new link when this one is too old."""
    claim = context.claim("confirm", token)
    with context.container.database.read() as connection:
        subscriber = subscriber_of(connection, claim.subscriber_key)
    return _confirmation(context, token, claim, subscriber)


def _confirmation(context: WebContext, token: str, claim: Claim, subscriber: Subscriber) -> Response:
    status = 403 if _is_over(context, claim) and subscriber.status == "pending" else 200
    return context.private_page(
        "confirm.html",
        status,
        token=token,
        subscriber_status=subscriber.status,
        is_over=_is_over(context, claim),
        days=CONFIRM_DAYS,
    )


def _is_over(context: WebContext, claim: Claim) -> bool:
    return context.now().date() > claim.issued_on + timedelta(days=CONFIRM_DAYS)


@router.post("/confirm/{token}")
def confirm_now(context: Context, token: str) -> Response:
    """Make a subscriber active and show them what they can set."""
    claim = context.claim("confirm", token)
    with context.container.database.read() as connection:
        subscriber = subscriber_of(connection, claim.subscriber_key)
    # An old link must not undo a later goodbye: only a waiting subscriber is confirmed.
    if subscriber.status != "pending" or _is_over(context, claim):
        return _confirmation(context, token, claim, subscriber)
    confirmed = confirm(
        context.container.database, context.container.secret, subscriber.address, context.now(), "web"
    )
    return show_preferences(context, confirmed, context.token("preferences", confirmed), "confirmed")


@router.post("/confirm/{token}/again")
def confirm_later(context: Context, token: str) -> Response:
    """Send a fresh confirmation to the subscriber of a link that is too old."""
    claim = context.claim("confirm", token)
    request_confirmation_again(
        context.container.database, context.container.secret, claim.subscriber_key, context.now()
    )
    context.request_worker.wake()
    return context.private_page("subscribed.html", days=CONFIRM_DAYS)


@router.get("/unsubscribe/{token}")
def unsubscribe_form(context: Context, token: str) -> Response:
    """Show the one button that ends all mail."""
    claim = context.claim("unsubscribe", token)
    with context.container.database.read() as connection:
        try:
            status = subscriber_of(connection, claim.subscriber_key).status
        except NotFound:
            status = Status.UNSUBSCRIBED
    return context.private_page("unsubscribe.html", token=token, subscriber_status=status)


@router.post("/unsubscribe/{token}")
def unsubscribe_now(context: Context, token: str) -> Response:
    """End all mail to a subscriber at once, whether a person or their mail program asks (RFC 8058).

    The body, in whatever encoding, is not looked at: the link says all. 200, no redirect, no cookie.
    """
    claim = context.claim("unsubscribe", token)
    left = unsubscribe(
        context.container.database, context.container.secret, claim.subscriber_key, context.now(), "web"
    )
    return context.private_page(
        "unsubscribed.html", token=token, can_return=left is not None and left.confirmed_at is not None
    )


@router.post("/unsubscribe/{token}/undo")
def return_now(context: Context, token: str) -> Response:
    """Send mail again to a subscriber who had left."""
    claim = context.claim("unsubscribe", token)
    back = resubscribe(
        context.container.database, context.container.secret, claim.subscriber_key, context.now(), "web"
    )
    return context.private_page("returned.html", token=token, subscriber_status=back.status)
