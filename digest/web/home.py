"""The first page (words, their digest, the address, what is trending), and How it works."""

from functools import partial
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from digest.domain.subscriber import Interests
from digest.ranking import trending as formula
from digest.web.catalogue import trending_and_new
from digest.web.context import Context, WebContext
from digest.web.sign_up_form import sign_up_fields, split_topics
from digest.web.visitors import (
    EXAMPLES,
    NO_PREVIEW,
    cached_page,
    preview_for,
    preview_part,
    topics_from,
)

router = APIRouter(include_in_schema=False)
PAPERS_SHOWN = 10


@router.get("/")
async def home(context: Context, request: Request, topics: str = "") -> Response:
    """Show the sign-up form and the trending papers; with words, also the digest that they would give."""
    words = topics_from(topics)
    if words:
        return await cached_page(context, request, ("/", words), partial(_home, context, words))
    cached = context.page_cache.get("/", context.catalogue.revision_if_known())
    return cached if cached is not None else await run_in_threadpool(_home_without_words, context)


@router.get("/preview")
async def preview(context: Context, request: Request, topics: str = "") -> Response:
    """Return the digest for some words, for the script of the first page."""
    words = topics_from(topics)
    return await cached_page(context, request, ("preview", words), partial(preview_part, context, words))


def _home_without_words(context: WebContext) -> HTMLResponse:
    revision = context.catalogue.revision()
    page = _home(context, "")
    context.page_cache.put("/", revision, page)
    return page


def _home(context: WebContext, words: str) -> HTMLResponse:
    shown = preview_for(context, Interests(topics=split_topics(words))) if words else NO_PREVIEW
    found = context.catalogue.trending("week")
    return context.page(
        "home.html",
        f"/?{urlencode({'topics': words})}" if words else "/",
        fields=sign_up_fields(topics=words),
        examples=EXAMPLES,
        groups=trending_and_new(found.everything[:PAPERS_SHOWN]),
        curves=found.curves,
        is_mail=True,
        **shown,
    )


@router.get("/about")
async def about(context: Context) -> Response:
    """Explain how papers are chosen, what trending means, and what is stored about subscribers."""
    return context.page("about.html", "/about", trending=formula)
