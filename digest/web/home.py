"""The first page: the call to sign up, and what is trending; and the page that says how it all works."""

from typing import get_args

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from digest.errors import NotFound
from digest.mail.wording import one_line
from digest.ranking import trending as formula
from digest.web.catalogue import PERIODS, Period, trending_and_new
from digest.web.kept import Held
from digest.web.site import OnSite, Site

router = APIRouter(include_in_schema=False)
PAPERS_SHOWN = 30


def period_from(text: str) -> Period:
    """Return the period of this name. Raises NotFound."""
    for period in PERIODS:
        if text == period:
            return period
    raise NotFound(f"There is no list of that time; choose from {', '.join(get_args(Period))}.")


@router.get("/")
async def home(site: OnSite, period: str = "week", category: str = "") -> Response:
    """Show what is trending, under the field for one's address."""
    key = period_from(period), one_line(category[:60])
    kept = site.kept_pages.get(key)
    if kept is not None and kept.stamp == site.catalogue.stamp_if_known():
        return kept.value
    return await run_in_threadpool(_home, site, *key)


def _home(site: Site, period: Period, category: str) -> Response:
    found = site.catalogue.stamped_trending(period)
    kept = site.kept_pages.get((period, category))
    if kept is not None and kept.stamp == found.stamp:
        return kept.value
    trending = found.value
    page = site.page(
        "home.html",
        period=period,
        category=category,
        categories=trending.categories,
        groups=trending_and_new(trending.papers(category)[:PAPERS_SHOWN]),
    )
    # Made-up categories would push out the pages that people look at.
    if not category or category in trending.by_category:
        site.kept_pages.put((period, category), Held(found.stamp, page))
    return page


@router.get("/about")
async def about(site: OnSite) -> Response:
    """Say how papers are chosen, what trending means, and what is kept about readers."""
    return site.page("about.html", trending=formula)
