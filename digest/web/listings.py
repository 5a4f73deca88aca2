"""Lists of papers: what is trending, a page for each category, and a page for any topic."""

from functools import partial
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from digest.domain.categories import NAMES
from digest.domain.delivery import Section
from digest.domain.subscriber import Interests
from digest.errors import NotFound
from digest.text.formatting import one_line
from digest.text.languages import gettext
from digest.web.catalogue import PERIODS, Period, trending_and_new
from digest.web.context import Context, WebContext
from digest.web.pages import topic_path
from digest.web.sign_up_form import sign_up_fields
from digest.web.visitors import cached_page, preview_for, topics_from

router = APIRouter(include_in_schema=False)
EARLIER_SHOWN = 10


def period_from(text: str) -> Period:
    """Return the period of this name. Raises NotFound for an unknown one."""
    for period in PERIODS:
        if text == period:
            return period
    raise NotFound(
        gettext("There is no list of that period; choose from %(periods)s.", periods=", ".join(PERIODS))
    )


@router.get("/trending")
async def trending(context: Context, period: str = "week", category: str = "") -> Response:
    """Show the trending papers of a period, of one category if it is named."""
    key = "/trending", period_from(period), one_line(category[:60])
    cached = context.page_cache.get(key, context.catalogue.revision_if_known())
    if cached is not None:
        return cached
    return await run_in_threadpool(_trending, context, *key[1:])


def _trending(context: WebContext, period: Period, category: str) -> Response:
    entry = context.catalogue.trending_entry(period)
    key = "/trending", period, category
    cached = context.page_cache.get(key, entry.revision)
    if cached is not None:
        return cached
    found = entry.value
    page = context.page(
        "trending.html",
        f"/trending?{urlencode({'period': period, **({'category': category} if category else {})})}",
        period=period,
        category=category,
        categories=found.categories,
        groups=trending_and_new(found.papers(category)),
        curves=found.curves,
    )
    # Requests for categories that do not exist must not evict other pages.
    if not category or category in found.by_category:
        context.page_cache.put(key, entry.revision, page)
    return page


@router.get("/c/{category}")
async def category_page(context: Context, category: str) -> Response:
    """Show what is trending in a category, with a sign-up for it."""
    name = one_line(category[:60])
    key = "/c", name
    cached = context.page_cache.get(key, context.catalogue.revision_if_known())
    return cached if cached is not None else await run_in_threadpool(_category, context, name)


def _category(context: WebContext, name: str) -> HTMLResponse:
    entry = context.catalogue.trending_entry("week")
    if name not in NAMES and name not in entry.value.by_category:
        raise NotFound(gettext("There is no such category; look at what is trending."))
    page = context.page(
        "category.html",
        f"/c/{quote(name)}",
        category=name,
        full_name=NAMES.get(name, name),
        groups=trending_and_new(entry.value.papers(name)),
        curves=entry.value.curves,
        fields=sign_up_fields(categories=name),
    )
    context.page_cache.put(("/c", name), entry.revision, page)
    return page


@router.get("/t/{topic}")
async def topic_page(context: Context, request: Request, topic: str) -> Response:
    """Show the new papers about a topic, such as `gaussian-splatting`, with a sign-up for it."""
    words = topics_from(topic.replace("-", " "))
    return await cached_page(context, request, ("/t", words), partial(_topic, context, words))


def _topic(context: WebContext, words: str) -> HTMLResponse:
    shown = preview_for(context, Interests(topics=(words,)) if words else Interests())
    new = [pick for pick in shown["selection"].picks if pick.section == Section.FOR_YOU]
    known = {pick.card.paper_id for pick in new}
    found = context.catalogue.search(words, EARLIER_SHOWN + len(known)) if words else []
    earlier = [card for card, _ in found if card.paper_id not in known][:EARLIER_SHOWN]
    if not new and not earlier:
        raise NotFound(
            gettext("There are no papers about that; try the search, or look at what is trending.")
        )
    return context.page(
        "topic.html",
        topic_path(words),
        topic=words,
        picks=new,
        earlier=earlier,
        fields=sign_up_fields(topics=words),
    )
