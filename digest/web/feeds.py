"""The trending papers, and each subscriber's own digests, as Atom (RFC 4287) and JSON Feed 1.1."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal
from xml.etree import ElementTree as ET

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from digest.delivery.preview import read_mail
from digest.domain.delivery import PAPER_KINDS, DeliveryStatus
from digest.domain.pick import Card, Pick
from digest.mail.content import HEADINGS, heading_of
from digest.store import delivery_reports
from digest.text.formatting import one_line
from digest.text.languages import current_language, gettext, use_language
from digest.web.context import Context, WebContext
from digest.web.pages import paper_path

router = APIRouter(include_in_schema=False)
TRENDING_SHOWN = 50
DIGESTS_SHOWN = 10
ATOM = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True, slots=True)
class Item:
    """One paper in a feed."""

    card: Card
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """The content of a feed, for both formats."""

    title: str
    url: str
    home: str
    at: datetime
    items: tuple[Item, ...]
    base_url: str

    def address_of(self, card: Card) -> str:
        """Return the URL of a paper's page here, which is also its id in the feed."""
        return f"{self.base_url}{paper_path(card.paper_id)}"


@router.get("/feed.xml")
def trending_atom(context: Context) -> Response:
    """Return the trending papers as Atom."""
    return _public(_atom(_trending(context, "feed.xml")))


@router.get("/feed.json")
def trending_json(context: Context) -> Response:
    """Return the trending papers as JSON Feed."""
    return _public(_json(_trending(context, "feed.json")))


@router.get("/feed/{token}.xml")
def own_atom(context: Context, token: str) -> Response:
    """Return a subscriber's last digests as Atom."""
    return _own(context, token, "xml")


@router.get("/feed/{token}.json")
def own_json(context: Context, token: str) -> Response:
    """Return a subscriber's last digests as JSON Feed."""
    return _own(context, token, "json")


def _public(response: Response) -> Response:
    response.headers["Cache-Control"] = "public, max-age=300"
    response.headers["Vary"] = "Accept-Language"
    return response


def _trending(context: WebContext, name: str) -> Feed:
    cards = context.catalogue.trending("week").everything[:TRENDING_SHOWN]
    items = tuple(
        Item(card, _midnight(card.announced_on), "" if card.popularity else gettext(HEADINGS["new"]))
        for card in cards
        if card.announced_on
    )
    is_voted = any(card.popularity for card in cards)
    title = gettext("Trending papers") if is_voted else gettext(HEADINGS["new"])
    return _feed(context, title, f"/{name}", items)


def _own(context: WebContext, token: str, ending: Literal["xml", "json"]) -> Response:
    """Return a subscriber's last digests, in the language that they have now."""
    with context.container.database.read() as connection:
        subscriber = context.subscriber(connection, "feed", token)
        rows = delivery_reports.find(
            connection,
            subscriber_id=subscriber.id,
            kinds=PAPER_KINDS,
            status=DeliveryStatus.SENT,
            limit=DIGESTS_SHOWN,
        )
        mails = [read_mail(connection, row.id) for row in rows]
    with use_language(subscriber.language):
        items = tuple(Item(pick.card, mail.composed_at, _why(pick)) for mail in mails for pick in mail.picks)
        feed = _feed(context, gettext("Your trending papers"), f"/feed/{token}.{ending}", items)
        return _atom(feed) if ending == "xml" else _json(feed)


def _why(pick: Pick) -> str:
    if pick.reason.line:
        return pick.reason.line
    heading = heading_of(pick.section, pick.card)
    if heading == "everyone":
        return gettext("Everyone reads it")
    return gettext(HEADINGS["new"]) if heading == "new" else ""


def _feed(context: WebContext, title: str, path: str, items: Sequence[Item]) -> Feed:
    newest = max((item.at for item in items), default=datetime(1970, 1, 1, tzinfo=UTC))
    home = f"{context.base_url}/"
    return Feed(title, f"{context.base_url}{path}", home, newest, tuple(items), context.base_url)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _atom(feed: Feed) -> Response:
    root = ET.Element("feed", {"xmlns": ATOM, "xml:lang": current_language()})
    add_text(root, "id", feed.url)
    add_text(root, "title", feed.title)
    add_text(root, "updated", feed.at.isoformat())
    ET.SubElement(root, "link", {"rel": "self", "href": feed.url})
    ET.SubElement(root, "link", {"rel": "alternate", "href": feed.home})
    add_text(ET.SubElement(root, "author"), "name", gettext("Trending papers"))
    for item in feed.items:
        entry = ET.SubElement(root, "entry")
        add_text(entry, "id", feed.address_of(item.card))
        add_text(entry, "title", item.card.title)
        add_text(entry, "updated", item.at.isoformat())
        add_text(entry, "published", _midnight(item.card.announced_on or item.at.date()).isoformat())
        ET.SubElement(entry, "link", {"rel": "alternate", "href": feed.address_of(item.card)})
        for name in item.card.authors:
            add_text(ET.SubElement(entry, "author"), "name", name)
        for category in item.card.categories:
            ET.SubElement(entry, "category", {"term": one_line(category)})
        add_text(entry, "summary", _summary(item))
    content = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(content, media_type="application/atom+xml")


def add_text(parent: ET.Element, name: str, text: str) -> None:
    """Add an element with a text on one line."""
    ET.SubElement(parent, name).text = one_line(text)


def _summary(item: Item) -> str:
    parts = (item.reason, item.card.popularity_in_words, item.card.abstract)
    return " — ".join(one_line(part) for part in parts if part)


def _json(feed: Feed) -> Response:
    document: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "language": current_language(),
        "home_page_url": feed.home,
        "feed_url": feed.url,
        "items": [
            {
                "id": feed.address_of(item.card),
                "url": feed.address_of(item.card),
                "external_url": item.card.abstract_url or feed.address_of(item.card),
                "title": one_line(item.card.title),
                "content_text": _summary(item),
                "date_published": item.at.isoformat(),
                "authors": [{"name": one_line(name)} for name in item.card.authors],
                "tags": [one_line(category) for category in item.card.categories],
            }
            for item in feed.items
        ],
    }
    return JSONResponse(document, media_type="application/feed+json")
