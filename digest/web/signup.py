"""Signing up, confirming, leaving and coming back, and finding one's links again.

Only POST acts; GET shows a page with one button.
"""

from dataclasses import dataclass
from datetime import timedelta

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.delivery.letters import CONFIRM_DAYS
from digest.errors import NotFound, TryLater
from digest.readers.addresses import parse_address
from digest.readers.consent import ask_again, reader_of, resubscribe, unsubscribe
from digest.readers.links import Claim
from digest.readers.mail_requests import RequestKind, request_mail
from digest.readers.signup import confirm
from digest.readers.subscriber import Subscriber
from digest.web.forms import Form, Posted
from digest.web.limits import mail_limits
from digest.web.preferences import show_preferences
from digest.web.site import OnSite, Site

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
def sign_up_form(site: OnSite) -> Response:
    """Show the field for an address alone, for whoever opens this address by hand."""
    return site.page(_SIGN_UP.form, typed="")


@router.post("/subscribe")
async def sign_up(site: OnSite, request: Request, form: Posted) -> Response:
    """Take an address, to send it a confirmation; whose it is makes no difference to the answer or its time."""
    return await to_thread.run_sync(_take_request, site, _SIGN_UP, request, form, limiter=site.asking)


@router.get("/links")
def links_form(site: OnSite) -> Response:
    """Show the field for the address of a reader who lost their mails."""
    return site.page(_LINKS.form, typed="")


@router.post("/links")
async def send_links(site: OnSite, request: Request, form: Posted) -> Response:
    """Take an address, to send its subscriber their links; whether there is one makes no difference either."""
    return await to_thread.run_sync(_take_request, site, _LINKS, request, form, limiter=site.asking)


def _take_request(site: Site, wanted: _Request, request: Request, form: Form) -> Response:
    address = parse_address(form.raw("email")[:400])
    # Nobody sees this field, so whoever fills it in is a program; it is told what people are told.
    if not form.raw("website"):
        stamp = form.raw("stamp")[:100]
        if not site.stamps.is_ripe(stamp):
            return site.private_page(wanted.form, typed=address, stamp=site.stamps.renewed(stamp))
        host = request.client.host if request.client else ""
        if not site.limits.allow(mail_limits(host, address.rpartition("@")[2])):
            raise TryLater("Too many mails were asked for just now; please try again in an hour.", 3600)
        request_mail(site.parts.database, wanted.kind, address, site.now())
        site.background.wake()
    return site.private_page(wanted.answer, days=CONFIRM_DAYS)


@router.get("/confirm/{token}")
def confirm_form(site: OnSite, token: str) -> Response:
    """Show the button that confirms, or that asks for a new link when this one is too old."""
    claim = site.claim("confirm", token)
    with site.parts.database.read() as connection:
        subscriber = reader_of(connection, claim.reader)
    return _confirmation(site, token, claim, subscriber)


def _confirmation(site: Site, token: str, claim: Claim, subscriber: Subscriber) -> Response:
    status = 403 if _is_over(site, claim) and subscriber.status == "pending" else 200
    return site.private_page(
        "confirm.html",
        status,
        token=token,
        reader_status=subscriber.status,
        is_over=_is_over(site, claim),
        days=CONFIRM_DAYS,
    )


def _is_over(site: Site, claim: Claim) -> bool:
    return site.now().date() > claim.issued_on + timedelta(days=CONFIRM_DAYS)


@router.post("/confirm/{token}")
def confirm_now(site: OnSite, token: str) -> Response:
    """Make a reader active and show them what they can set."""
    claim = site.claim("confirm", token)
    with site.parts.database.read() as connection:
        subscriber = reader_of(connection, claim.reader)
    # An old link must not undo a later goodbye: only a waiting reader is confirmed.
    if subscriber.status != "pending" or _is_over(site, claim):
        return _confirmation(site, token, claim, subscriber)
    confirmed = confirm(site.parts.database, site.parts.secret, subscriber.address, site.now(), "web")
    return show_preferences(site, confirmed, site.token("preferences", confirmed), "confirmed")


@router.post("/confirm/{token}/again")
def confirm_later(site: OnSite, token: str) -> Response:
    """Send a fresh confirmation to the reader of a link that is too old."""
    claim = site.claim("confirm", token)
    ask_again(site.parts.database, site.parts.secret, claim.reader, site.now())
    site.background.wake()
    return site.private_page("subscribed.html", days=CONFIRM_DAYS)


@router.get("/unsubscribe/{token}")
def unsubscribe_form(site: OnSite, token: str) -> Response:
    """Show the one button that ends all mail."""
    claim = site.claim("unsubscribe", token)
    with site.parts.database.read() as connection:
        try:
            status = reader_of(connection, claim.reader).status
        except NotFound:
            status = "unsubscribed"
    return site.private_page("unsubscribe.html", token=token, reader_status=status)


@router.post("/unsubscribe/{token}")
def unsubscribe_now(site: OnSite, token: str) -> Response:
    """End all mail to a reader at once, whether a person or their mail program asks (RFC 8058).

    The body, in whatever encoding, is not looked at: the link says all. 200, no redirect, no cookie.
    """
    claim = site.claim("unsubscribe", token)
    left = unsubscribe(site.parts.database, site.parts.secret, claim.reader, site.now(), "web")
    return site.private_page(
        "unsubscribed.html", token=token, can_return=left is not None and left.confirmed_at is not None
    )


@router.post("/unsubscribe/{token}/undo")
def return_now(site: OnSite, token: str) -> Response:
    """Send mail again to a reader who had left."""
    claim = site.claim("unsubscribe", token)
    back = resubscribe(site.parts.database, site.parts.secret, claim.reader, site.now(), "web")
    return site.private_page("returned.html", token=token, reader_status=back.status)
