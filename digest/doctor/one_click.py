"""Checks that the pages answer one-click unsubscription as RFC 8058 asks for, at their public address.

The request is that of a mail program, with the link of nobody: the key of no subscriber changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx

from digest.delivery.sample_mail import NO_KEY
from digest.doctor.check import Check, bad, good, quoted, warning
from digest.doctor.database import judge_clock
from digest.mail.smtp_session import is_loopback
from digest.papers.sources.http import http_date
from digest.subscribers.links import Links

_NAME = "one-click"
_BODY = {"List-Unsubscribe": "One-Click"}
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What the page answered to the request of a mail program."""

    origin: str
    """Scheme, host and port of the pages."""
    status: int = 0
    location: str = ""
    """Where it redirects to; "" if it does not."""
    sets_cookie: bool = False
    ahead: timedelta | None = None
    """How much the server's clock is ahead of this machine's; None if it does not tell the time."""
    error: str = ""
    """Why there was no answer."""


def examine_one_click(links: Links, clock: Callable[[], datetime]) -> list[Check]:
    """Post as a mail program does, and judge the answer and the clock of the server."""
    answer = ask_one_click(links.link("unsubscribe", NO_KEY, clock().date()), clock)
    checks = [judge_one_click(answer)]
    # The clock of this machine agrees with itself.
    if answer.ahead is not None and not is_loopback(urlsplit(answer.origin).hostname or ""):
        checks.append(judge_clock(answer.ahead, "web clock", "web server"))
    return checks


def ask_one_click(url: str, clock: Callable[[], datetime]) -> PageAnswer:
    """Post what RFC 8058 says, without cookies and without following redirects."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    try:
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=False) as client:
            answer = client.post(url, data=_BODY)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return PageAnswer(origin, error=str(error) or type(error).__name__)
    date = http_date(answer.headers.get("Date", ""))
    return PageAnswer(
        origin,
        answer.status_code,
        answer.headers.get("Location", "") if answer.is_redirect else "",
        sets_cookie="Set-Cookie" in answer.headers,
        ahead=date - clock() if date else None,
    )


def judge_one_click(answer: PageAnswer) -> Check:
    """Judge the answer: 200 at once, without redirect (RFC 8058, section 3.1) and without cookie."""
    where = answer.origin
    if answer.error:
        return bad(
            _NAME,
            f"{where} cannot be reached ({quoted(answer.error)}), so nobody can unsubscribe.",
            "Start the pages with: digest web; and check DIGEST_BASE_URL and the proxy before them.",
        )
    if answer.location:
        return bad(
            _NAME,
            f"{where} redirects to {quoted(answer.location)}, which mail programs do not follow.",
            "Set DIGEST_BASE_URL to the address that answers without a redirect.",
        )
    if answer.status in {400, 403, 404} or not answer.status:
        return bad(
            _NAME,
            f"{where} refuses the links in mails (it answered {answer.status}).",
            "Give the pages the same DIGEST_SECRET_KEY and database as the workers, and let the proxy pass "
            "POST /unsubscribe/... without a login.",
        )
    if answer.status != 200:
        return bad(
            _NAME,
            f"{where} does not answer as mail programs expect (it answered {answer.status}).",
            "See the log of the pages, and of the proxy before them.",
        )
    if answer.sets_cookie:
        return warning(
            _NAME,
            f"{where} sets a cookie, which the pages never do.",
            "Look for a proxy that adds it; mail programs ignore cookies.",
        )
    return good(_NAME, f"{where} unsubscribes with one POST, as RFC 8058 asks for.")
