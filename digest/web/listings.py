"""The trending list."""

from typing import get_args

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from digest.errors import NotFound
from digest.text.formatting import one_line
from digest.web.catalogue import PERIODS, Period, trending_and_new
from digest.web.context import Context, WebContext

router = APIRouter(include_in_schema=False)


def period_from(text: str) -> Period:
    """Return the period of this name. Raises NotFound for an unknown one."""
    for period in PERIODS:
        if text == period:
            return period
    raise NotFound(f"There is no list of that period; choose from {', '.join(get_args(Period))}.")


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
        period=period,
        category=category,
        categories=found.categories,
        groups=trending_and_new(found.papers(category)),
    )
    # Requests for categories that do not exist must not evict other pages.
    if not category or category in found.by_category:
        context.page_cache.put(key, entry.revision, page)
    return page
