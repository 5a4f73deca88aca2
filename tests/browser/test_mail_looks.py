"""Mails in a real browser: at the width of a phone and of a desktop, in light and in dark."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from digest.domain.delivery import Kind, Section
from digest.domain.pick import Card
from digest.domain.subscriber import Layout
from digest.mail.content import (
    ConfirmationContent,
    DigestContent,
    GoodbyeContent,
    LinksContent,
    PickContent,
)
from digest.mail.rendering import Renderer
from tests.mail.html_page import HOSTILE

pytestmark = pytest.mark.browser

TEMPLATES = Path(__file__).parents[2] / "templates" / "email"
BASE = "https://papers.example.org"
TITLES = (
    "Sparse splats: rendering whole rooms from nine photographs",
    "Listening before answering: turn taking in spoken assistants without a fixed pause",
    "שלום עולם: רשתות נוירונים לעברית",
    "Supercalifragilisticexpialidocious" * 8,
    "Ω",
)
ABSTRACT = (
    "We render whole rooms from a handful of photographs. Our splats are placed where the light changes, e.g. "
    "along edges, and nowhere else. On three public sets this halves the memory and keeps every detail that "
    "subscribers could tell apart in a blind test. Code and models are public."
)

MARKED = (("A paper with a title", "https://arxiv.org/abs/2511.00001"), (TITLES[3], ""))

# For each text on the page: its words, and the contrast of its colour with its background (WCAG 2.2).
CONTRASTS = """() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(
    c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  ).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility() || element.closest("style")) continue;
    const [a, b] = [light(channels(getComputedStyle(element).color)), light(ground(element))];
    found.push([text.data.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}"""


def content() -> DigestContent:
    picks = tuple(
        PickContent(
            card=Card(
                paper_id=f"2511.{number:05}",
                title=title,
                authors=tuple(f"Author Number {one}" for one in range(number * 3 + 1)),
                abstract=ABSTRACT,
                categories=("cs.CV",),
                announced_on=date(2025, 11, 21),
                abstract_url=f"https://arxiv.org/abs/2511.{number:05}",
                pdf_url=f"https://arxiv.org/pdf/2511.{number:05}",
                links=(("Code", "https://code.example.org/a"), ("Project", "https://project.example.org/a")),
                popularity="38 upvotes, +21 today",
            ),
            section=Section.FOR_YOU if number < 3 else Section.EVERYONE,
            reason="Matches *gaussian splatting* — novel view synthesis.",
            feedback_url=f"{BASE}/f/{'t' * 31}{number}",
            score=1 - number / 10,
        )
        for number, title in enumerate(TITLES)
    )
    return DigestContent(
        edition_on=date(2025, 11, 26),
        picks=picks,
        considered=1612,
        about="gaussian splatting, novel view synthesis, neural rendering",
        note="",
        frequency="weekdays",
        preferences_url=f"{BASE}/preferences/{'t' * 80}",
        unsubscribe_url=f"{BASE}/unsubscribe/{'t' * 80}",
        web_url=f"{BASE}/digest/{'t' * 80}",
        operator="Ada Grün, Example University",
        postal_address="Example University\n1 Science Road\n12345 Exampleton",
        opinion_url=f"{BASE}/opinion/{'t' * 80}",
    )


def hostile() -> DigestContent:
    """Return a digest in which every text is hostile, and the longest that is accepted."""
    base = content()
    picks = tuple(
        replace(
            base.picks[0],
            card=replace(
                base.picks[0].card,
                paper_id=f"2511.{number:05}",
                title=text,
                authors=(text,) * 5,
                abstract=text,
                categories=(text,),
                links=((text, "https://code.example.org/a"),) * 4,
                popularity=text,
                summary=text,
            ),
            reason=text,
        )
        for number, text in enumerate(HOSTILE)
    )
    return replace(base, picks=picks, about="x" * 500, operator="x" * 500, note="x" * 700)


def own_links() -> LinksContent:
    token = "t" * 80
    return LinksContent(
        preferences_url=f"{BASE}/preferences/{token}",
        feed_url=f"{BASE}/feed/{token}.xml",
        unsubscribe_url=f"{BASE}/unsubscribe/{token}",
        past=tuple((date(2025, 11, 26) - timedelta(days), f"{BASE}/digest/{token}") for days in range(10)),
        web_url=f"{BASE}/",
        operator="Ada Grün",
        postal_address="1 Science Road",
    )


@pytest.fixture(scope="module")
def mails() -> dict[str, str]:
    renderer = Renderer(TEMPLATES)
    confirmation = ConfirmationContent(f"{BASE}/confirm/{'t' * 80}", 7, BASE, "Ada Grün", "1 Science Road")
    quiet = replace(content(), picks=(), note="arXiv announced nothing today: it is a holiday there.")
    return {
        "digest": renderer.digest(content()).html,
        "quiet": renderer.digest(quiet).html,
        "confirm": renderer.confirm(confirmation).html,
        "links": renderer.links(own_links()).html,
        "goodbye": renderer.goodbye(
            GoodbyeContent(f"{BASE}/undo/{'t' * 80}", f"{BASE}/preferences/{'t' * 80}", BASE, "Ada", "1 Road")
        ).html,
        **{
            kind.value: renderer.digest(
                replace(content(), kind=kind, marked=MARKED, away_since=date(2025, 11, 1))
            ).html
            for kind in (Kind.WELCOME, Kind.WEEKLY, Kind.CATCH_UP)
        },
        "compact": renderer.digest(replace(content(), layout=Layout.COMPACT)).html,
        "ten": renderer.digest(
            replace(content(), picks=(*content().picks[:3], content().picks[4]) * 2 + content().picks[:2])
        ).html,
        "thirty": renderer.digest(replace(content(), picks=content().picks * 6)).html,
        "hostile": renderer.digest(hostile()).html,
    }


@pytest.fixture
def show(chromium: Browser, mails: dict[str, str]) -> Iterator[Callable[[str, int, str], Page]]:
    """Open a mail; a request to the network fails the test."""
    pages: list[Page] = []
    asked: list[str] = []

    def open_mail(name: str, width: int, scheme: str) -> Page:
        page = chromium.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
        )
        page.on("request", lambda request: asked.append(request.url))
        page.set_content(mails[name])
        pages.append(page)
        return page

    yield open_mail
    for page in pages:
        page.close()
    assert asked == []


each_way = pytest.mark.parametrize(
    ("width", "scheme"), [(320, "light"), (375, "dark"), (600, "light"), (800, "dark")]
)
each_mail = pytest.mark.parametrize(
    "name",
    [
        "digest", "quiet", "confirm", "links", "goodbye", "welcome", "weekly", "catch_up", "compact", "thirty",
        "hostile",
    ],
)  # fmt: skip


@each_mail
@each_way
def test_nothing_overflows_horizontally(
    show: Callable[[str, int, str], Page], name: str, width: int, scheme: str
) -> None:
    page = show(name, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, p, a')]"
        f".every(one => one.getBoundingClientRect().right <= {width} && one.getBoundingClientRect().left >= 0)"
    )


@each_mail
@each_way
def test_every_text_has_enough_contrast(
    show: Callable[[str, int, str], Page], name: str, width: int, scheme: str
) -> None:
    contrasts = show(name, width, scheme).evaluate(CONTRASTS)
    assert len(contrasts) > 5
    assert [(text, round(ratio, 2)) for text, ratio in contrasts if ratio < 4.5] == []


@each_way
def test_headings_and_links_are_visible(
    show: Callable[[str, int, str], Page], width: int, scheme: str
) -> None:
    page = show("digest", width, scheme)
    assert page.locator("h1").inner_text() == f"{len(TITLES)} papers, 2 minutes"
    assert page.locator("h2").all_inner_texts() == ["For you", "What everyone reads"]
    assert page.locator("h3").count() == len(TITLES)
    for one in [*page.locator("h1, h2, h3").all(), *page.locator("a").all()]:
        box = one.bounding_box()
        assert one.is_visible()
        assert box is not None
        assert box["width"] > 5
    assert page.get_by_text("Unsubscribe").is_visible()


@pytest.mark.parametrize("name", ["confirm", "links", "goodbye"])
def test_links_on_a_phone_are_large_enough(show: Callable[[str, int, str], Page], name: str) -> None:
    page = show(name, 375, "light")
    taps = page.locator("a.tap")
    assert taps.count() > 0
    for one in taps.all():
        box = one.bounding_box()
        assert box is not None
        assert box["height"] >= 44, one.inner_text()


def test_the_buttons_of_a_paper_are_visible_and_large_enough(
    show: Callable[[str, int, str], Page],
) -> None:
    """WCAG 2.2 asks for targets of 24 px; a card has two, and many cards are on a page."""
    buttons = show("digest", 320, "light").locator("a.btn")
    assert buttons.count() == 2 * len(TITLES)
    for one in buttons.all():
        box = one.bounding_box()
        assert box is not None
        assert box["height"] >= 34
        assert box["width"] >= 48
        border = one.evaluate("one => getComputedStyle(one.parentElement).borderTopStyle")
        assert border == "solid"


@pytest.mark.parametrize("name", ["digest", "links"])
def test_links_on_a_phone_do_not_overlap(show: Callable[[str, int, str], Page], name: str) -> None:
    boxes = [one.bounding_box() for one in show(name, 375, "light").locator("a").all()]
    for index, first in enumerate(boxes):
        for second in boxes[index + 1 :]:
            assert first is not None
            assert second is not None
            without_shared_words = (
                first["x"] + first["width"] <= second["x"] + 0.5
                or second["x"] + second["width"] <= first["x"] + 0.5
                or first["y"] + first["height"] <= second["y"] + 0.5
                or second["y"] + second["height"] <= first["y"] + 0.5
            )
            assert without_shared_words


def test_the_background_follows_the_colour_scheme(show: Callable[[str, int, str], Page]) -> None:
    ground = "getComputedStyle(document.querySelector('.sheet')).backgroundColor"
    assert show("digest", 375, "light").evaluate(ground) == "rgb(255, 255, 255)"
    assert show("digest", 375, "dark").evaluate(ground) == "rgb(27, 28, 32)"


def test_outlook_in_dark_mode_is_readable(show: Callable[[str, int, str], Page]) -> None:
    page = show("digest", 800, "light")
    page.evaluate(
        "for (const name of ['data-ogsc', 'data-ogsb']) document.body.parentElement.setAttribute(name, '')"
    )
    assert [(text, ratio) for text, ratio in page.evaluate(CONTRASTS) if ratio < 4.5] == []


def test_a_right_to_left_title_has_its_direction(show: Callable[[str, int, str], Page]) -> None:
    title = show("digest", 375, "light").locator("h3").nth(2)
    assert title.evaluate("one => getComputedStyle(one).direction") == "rtl"


def test_without_styles_the_mail_is_in_reading_order(
    show: Callable[[str, int, str], Page],
) -> None:
    page = show("digest", 375, "light")
    page.evaluate(
        "for (const one of document.querySelectorAll('style')) one.remove();"
        "for (const one of document.querySelectorAll('[style]')) one.removeAttribute('style')"
    )
    words = page.locator("body").inner_text().partition("Trending papers")[2]
    places = [
        words.index(text)
        for text in ("26 Nov", "For you", TITLES[0], "Matches", "PDF", TITLES[1], "Unsubscribe")
    ]
    assert places == sorted(places)


@each_mail
def test_without_the_style_block_nothing_overflows_and_every_text_is_readable(
    show: Callable[[str, int, str], Page], name: str
) -> None:
    page = show(name, 375, "dark")
    page.evaluate("for (const one of document.querySelectorAll('style')) one.remove()")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    contrasts = page.evaluate(CONTRASTS)
    assert [(text, round(ratio, 2)) for text, ratio in contrasts if ratio < 4.5] == []


def test_ten_papers_take_at_most_3300_px_on_a_phone(show: Callable[[str, int, str], Page]) -> None:
    page = show("ten", 390, "light")
    assert page.locator("h3").count() == 10
    assert page.evaluate("document.documentElement.scrollHeight") <= 3300
