"""What everyone reads, day by day: an archive of public pages, and its Atom feed."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import NamedTuple
from xml.etree import ElementTree as ET

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from digest.domain.pick import Card
from digest.errors import BadInput, NotFound
from digest.ranking.trending import points
from digest.store import papers as paper_store
from digest.text.formatting import full_day, one_line
from digest.text.languages import current_language, gettext
from digest.web.context import Context, WebContext
from digest.web.feeds import ATOM, add_text
from digest.web.page_language import fixed_path
from digest.web.papers import day_from
from digest.web.sign_up_form import sign_up_fields

router = APIRouter(include_in_schema=False)
DAYS_LISTED = 120
DAYS_IN_FEED = 10
PAPERS_SHOWN = 20


class Daily(NamedTuple):
    """The papers of one day, the most voted first."""

    announced_on: date
    papers: int
    """How many papers were announced."""
    cards: list[Card]
    earlier_on: date | None
    later_on: date | None


@router.get("/daily")
async def archive(context: Context) -> Response:
    """List the days."""
    return await _cached(context, "/daily", lambda: context.page("daily.html", "/daily", days=_days(context)))


@router.get("/daily.xml")
async def atom(context: Context) -> Response:
    """Return the last days as Atom, an entry for each."""
    return await _cached(context, "/daily.xml", lambda: _atom(context))


@router.get("/daily/{announced_on}")
async def one_day(context: Context, announced_on: str) -> Response:
    """Show the papers of a day with the most votes."""
    try:
        wanted = day_from(announced_on)
    except BadInput:
        wanted = None
    if wanted is None:
        raise NotFound(gettext("There is no such day; look at the list of all days."))
    return await _cached(
        context,
        f"/daily/{wanted}",
        lambda: context.page(
            "day.html", f"/daily/{wanted}", daily=_daily(context, wanted), fields=sign_up_fields()
        ),
    )


async def _cached(context: WebContext, path: str, make: Callable[[], Response]) -> Response:
    cached = context.page_cache.get(path, context.catalogue.revision_if_known())
    return cached if cached is not None else await run_in_threadpool(_made, context, path, make)


def _made(context: WebContext, path: str, make: Callable[[], Response]) -> Response:
    revision = context.catalogue.revision()
    page = make()
    context.page_cache.put(path, revision, page)
    return page


def _days(context: WebContext) -> dict[date, int]:
    with context.container.database.read() as connection:
        return paper_store.announcement_days(connection, context.now().date(), DAYS_LISTED)


def _daily(context: WebContext, announced_on: date) -> Daily:
    """Return a day. Raises NotFound for a day without papers."""
    days = _days(context)
    with context.container.database.read() as connection:
        announced = paper_store.announced_between(connection, announced_on - date.resolution, announced_on)
        shown = [one for one in announced if not one.paper.withdrawn]
        if not shown or announced_on > context.now().date():
            raise NotFound(gettext("No paper was announced on that day; look at the list of all days."))
        latest = paper_store.latest_popularity(connection, [one.row_id for one in shown])
        order = sorted(
            shown, key=lambda one: (-points(latest[one.row_id]) if one.row_id in latest else 0.0, one.row_id)
        )
        cards = context.catalogue.cards(connection, order[:PAPERS_SHOWN])
    return Daily(
        announced_on,
        len(shown),
        cards,
        max((one for one in days if one < announced_on), default=None),
        min((one for one in days if one > announced_on), default=None),
    )


def _atom(context: WebContext) -> Response:
    days = [_daily(context, one) for one in list(_days(context))[:DAYS_IN_FEED]]
    root = ET.Element("feed", {"xmlns": ATOM, "xml:lang": current_language()})
    url = f"{context.base_url}/daily.xml"
    newest_on = days[0].announced_on if days else date(1970, 1, 1)
    add_text(root, "id", url)
    add_text(root, "title", gettext("What everyone reads, day by day"))
    add_text(root, "updated", _midnight(newest_on))
    ET.SubElement(root, "link", {"rel": "self", "href": url})
    ET.SubElement(root, "link", {"rel": "alternate", "href": f"{context.base_url}/daily"})
    add_text(ET.SubElement(root, "author"), "name", gettext("Trending papers"))
    for one in days:
        page = f"{context.base_url}/daily/{one.announced_on}"
        entry = ET.SubElement(root, "entry")
        add_text(entry, "id", page)
        add_text(entry, "title", full_day(one.announced_on))
        add_text(entry, "updated", _midnight(one.announced_on))
        ET.SubElement(entry, "link", {"rel": "alternate", "href": fixed_path(page)})
        add_text(entry, "summary", "; ".join(one_line(card.title) for card in one.cards))
    content = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    headers = {"Cache-Control": "public, max-age=3600", "Vary": "Accept-Language"}
    return Response(content, media_type="application/atom+xml", headers=headers)


def _midnight(announced_on: date) -> str:
    return datetime.combine(announced_on, time(), UTC).isoformat()
