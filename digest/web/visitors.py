"""What a visitor who is no subscriber would get: the digest for the words they type, shown before they give an address."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from anyio import to_thread
from fastapi import Request
from fastapi.responses import HTMLResponse
from limits import RateLimitItemPerHour

from digest.delivery.decisions import NOTES, quiet_reason
from digest.delivery.sample_mail import unstored_subscriber
from digest.domain.delivery import Section
from digest.domain.subscriber import Interests
from digest.errors import DigestError, TryLater
from digest.subscribers.preferences import Draft
from digest.text.formatting import one_line
from digest.text.languages import gettext
from digest.web.context import WebContext
from digest.web.limits import network_of
from digest.web.sign_up_form import split_topics

LONGEST_TOPICS = 200
"""Characters of the words that a visitor types. Every interest that they list costs time."""
PREVIEWS_PER_NETWORK = RateLimitItemPerHour(600)
"""Previews that are not cached, from one IPv4 address or IPv6 network: as many as three minutes of continuous typing cause."""
EXAMPLES = ("KV cache compression", "protein design", "robot manipulation")
"""Words that the first page offers to click; their previews are made before anybody asks."""
NO_PREVIEW: dict[str, Any] = {"selection": None, "note": "", "problem": ""}

_log = logging.getLogger("digest.web")


def topics_from(text: str) -> str:
    """Return typed words on one line, cut to LONGEST_TOPICS; semicolons separate topics."""
    return one_line(text[:1000])[:LONGEST_TOPICS].strip()


def preview_for(context: WebContext, interests: Interests) -> dict[str, Any]:
    """Return the values of `_preview.html` for a subscriber with these interests. Stores nothing."""
    now = context.now()
    visitor = replace(unstored_subscriber("", now), interests=interests)
    with context.container.database.read() as connection:
        profile = context.container.profiles.build(connection, interests.topics, [])
        selection = context.preview(connection, visitor, Draft(visitor, profile, frozenset()))
    note = "" if selection.picks else gettext(NOTES[quiet_reason(selection.considered, selection.state)])
    if (
        interests.topics
        and selection.picks
        and all(one.section == Section.EVERYONE for one in selection.picks)
    ):
        note = gettext("No new paper fits these words well enough; these are the ones everyone reads.")
    return {**NO_PREVIEW, "selection": selection, "note": note, "today": context.today(visitor)}


async def cached_page(
    context: WebContext, request: Request, key: tuple[str, str], make: Callable[[], HTMLResponse]
) -> HTMLResponse:
    """Return the page of a key from the cache, or make and cache it in one of a few threads.

    Raises TryLater when the visitor's network has caused too many pages to be made.
    """
    cached = context.preview_cache.get(key, context.catalogue.revision_if_known())
    if cached is not None:
        return cached
    host = request.client.host if request.client else ""
    return await to_thread.run_sync(_made, context, host, key, make, limiter=context.preview_threads)


def _made(
    context: WebContext, host: str, key: tuple[str, str], make: Callable[[], HTMLResponse]
) -> HTMLResponse:
    revision = context.catalogue.revision()
    # While this request waited for a thread, another one may have made the page.
    cached = context.preview_cache.get(key, revision)
    if cached is not None:
        return cached
    if not context.previews.hit(PREVIEWS_PER_NETWORK, network_of(host)):
        raise TryLater(
            gettext("Too many previews from your network; please sign up, or continue in an hour."), 3600
        )
    page = make()
    context.preview_cache.put(key, revision, page)
    return page


def preview_part(context: WebContext, topics: str) -> HTMLResponse:
    """Return the preview alone, as the script of the first page shows it."""
    shown = preview_for(context, Interests(topics=split_topics(topics)))
    page = context.page("_preview.html", "/preview", is_mail=True, **shown)
    page.headers["X-Robots-Tag"] = "noindex"
    return page


def warm_examples(context: WebContext) -> None:
    """Make the previews of the examples, so that a click on one is answered at once.

    Logs a warning when the database is unavailable.
    """
    try:
        revision = context.catalogue.revision()
        for topics in EXAMPLES:
            context.preview_cache.put(("preview", topics), revision, preview_part(context, topics))
    except DigestError as error:
        _log.warning("no example is prepared: %s", error)
