"""The first page (the sign-up form and the trending papers), the trending list by itself, and How it works."""

from dataclasses import dataclass
from typing import get_args

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from digest.errors import NotFound
from digest.ranking import trending as formula
from digest.text.formatting import one_line
from digest.web.catalogue import PER_CATEGORY, PERIODS, Period, trending_and_new
from digest.web.context import Context, WebContext

router = APIRouter(include_in_schema=False)
PAPERS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class _Listing:
    """A page with a trending list."""

    here: str
    """Path of the page."""
    template: str
    level: int
    """Level of the list's heading."""
    most: int


_FIRST_PAGE = _Listing("/", "home.html", 2, PAPERS_SHOWN)
_TRENDING = _Listing("/trending", "trending.html", 1, PER_CATEGORY)


def period_from(text: str) -> Period:
    """Return the period of this name. Raises NotFound for an unknown one."""
    for period in PERIODS:
        if text == period:
            return period
    raise NotFound(f"There is no list of that period; choose from {', '.join(get_args(Period))}.")


@router.get("/")
async def home(context: Context, period: str = "week", category: str = "") -> Response:
    """Show the sign-up form and the trending papers."""
    return await _listing(context, _FIRST_PAGE, period, category)


@router.get("/trending")
async def trending(context: Context, period: str = "week", category: str = "") -> Response:
    """Show the trending papers only."""
    return await _listing(context, _TRENDING, period, category)


async def _listing(context: WebContext, listing: _Listing, period: str, category: str) -> Response:
    key = listing.here, period_from(period), one_line(category[:60])
    cached = context.page_cache.get(key, context.catalogue.revision_if_known())
    if cached is not None:
        return cached
    return await run_in_threadpool(_make_listing, context, listing, *key[1:])


def _make_listing(context: WebContext, listing: _Listing, period: Period, category: str) -> Response:
    entry = context.catalogue.trending_entry(period)
    key = listing.here, period, category
    cached = context.page_cache.get(key, entry.revision)
    if cached is not None:
        return cached
    trending = entry.value
    page = context.page(
        listing.template,
        here=listing.here,
        level=listing.level,
        period=period,
        category=category,
        categories=trending.categories,
        groups=trending_and_new(trending.papers(category)[: listing.most]),
    )
    # Requests for categories that do not exist must not evict other pages.
    if not category or category in trending.by_category:
        context.page_cache.put(key, entry.revision, page)
    return page


@router.get("/about")
async def about(context: Context) -> Response:
    """Explain how papers are chosen, what trending means, and what is stored about subscribers."""
    return context.page("about.html", trending=formula)
