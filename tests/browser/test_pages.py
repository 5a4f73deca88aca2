"""The web side in a real browser: the whole way of a reader, with and without script, by keyboard, for everyone."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, Request, Route, expect

from digest.clock import utc_now
from digest.readers.subscriber import Subscriber
from digest.store import readers as reader_store
from tests.browser.conftest import Place
from tests.factories import add_reader, reader_now
from tests.web.conftest import dump

pytestmark = pytest.mark.browser


def tab(chromium: Browser, **options: object) -> BrowserContext:
    return chromium.new_context(timezone_id="Europe/Berlin", locale="en-GB", **options)  # type: ignore[arg-type]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A tab whose page must not complain about anything."""
    context = tab(chromium)
    opened = context.new_page()
    troubles = complaints(opened)
    yield opened
    context.close()
    assert troubles == []


def complaints(page: Page) -> list[str]:
    """Return a list that fills with what the browser has against a page."""
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    return troubles


def faults(page: Page, *rules: str) -> list[tuple[str, list[str]]]:
    """What axe-core finds wrong: by these rules, or by all of them."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = Axe().run(page, options=options).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_whole_way_of_a_reader(chromium: Browser, place: Place, script: bool) -> None:
    address = f"new-{'with' if script else 'without'}@example.org"
    context = tab(chromium, java_script_enabled=script, accept_downloads=True)
    page = context.new_page()
    troubles = complaints(page)

    def is_for_everyone() -> None:
        # axe-core is a script itself.
        if script:
            assert faults(page) == []

    page.goto(place.url)
    place.pause()
    page.get_by_label("Your email address").fill(address)
    page.get_by_role("button", name="Get papers").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    is_for_everyone()

    page.goto(place.links("confirm", address)[0])
    page.get_by_role("button", name="Confirm subscription").click()
    expect(page.get_by_role("heading", name="You are subscribed")).to_be_visible()
    is_for_everyone()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin" if script else "UTC")
    page.get_by_label("Topics, in your own words").fill("robot grasping\nprotein design")
    page.get_by_role("checkbox").first.check()
    page.get_by_label("How often").select_option("daily")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    expect(page.locator("#preview").get_by_text("Because of:").first).to_be_visible()
    is_for_everyone()
    assert reader_now(place.parts.database, address).interests.topics == ("robot grasping", "protein design")

    place.deliver()
    assert place.links("digest", address)
    page.goto(next(one for one in place.links("feedback", address) if "verdict=less" in one))
    page.get_by_role("button", name="Less like this").click()
    expect(page.get_by_role("status")).to_contain_text("Noted")
    is_for_everyone()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Taken back")

    page.goto(place.links("digest", address)[0])
    expect(page.get_by_role("heading", name="For you")).to_be_visible()
    page.locator("details.abstract summary").first.click()
    expect(page.locator("details.abstract p").first).to_be_visible()

    page.goto(place.links("preferences", address)[0])
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").first).to_contain_text("Paused")
    is_for_everyone()
    page.get_by_role("button", name="Resume now").click()
    expect(page.get_by_role("status").first).to_contain_text("Welcome back")

    page.goto(place.links("unsubscribe", address)[0])
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert reader_now(place.parts.database, address).status == "unsubscribed"
    is_for_everyone()
    page.get_by_role("button", name="subscribe me again").click()
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    is_for_everyone()
    assert reader_now(place.parts.database, address).status == "active"

    page.goto(place.links("preferences", address)[0])
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything we store about you").click()
    taken = json.loads(Path(download.value.path()).read_text())
    assert taken["reader"]["address"] == address
    page.get_by_text("Erase everything about me").click()
    page.get_by_role("button", name="Erase now").click()
    expect(page.get_by_role("heading", name="Everything is erased")).to_be_visible()
    page.goto(place.links("preferences", address)[0])
    expect(page.get_by_role("alert")).to_contain_text("Nothing is kept")
    context.close()
    assert [one for one in troubles if "404" not in one] == []


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_who_is_too_quick_presses_once_more(chromium: Browser, place: Place, script: bool) -> None:
    address = f"quick-{'with' if script else 'without'}@example.org"
    known = add_reader(place.parts.database, address, now=utc_now())
    context = tab(chromium, java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{place.url}/preferences/forged.20260101.link")
    page.get_by_role("main").get_by_role("link", name="Get your links by mail").click()
    page.get_by_label("Your email address").fill(address)
    # However long this machine took for it.
    place.clock.ahead -= timedelta(minutes=5)
    page.get_by_role("button", name="Send my links").click()
    expect(page.get_by_role("heading", name="Once more, please")).to_be_visible()
    expect(page.get_by_label("Your email address")).to_have_value(address)
    if script:
        assert faults(page) == []
    place.clock.ahead += timedelta(minutes=5)
    page.get_by_role("button", name="Send my links").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    if script:
        assert faults(page) == []
    page.goto(place.links("preferences", address)[0])
    expect(page.get_by_role("heading", name="Your preferences")).to_be_visible()
    assert reader_now(place.parts.database, address) == known
    context.close()


PAGES: dict[str, Callable[[Place, Subscriber], str]] = {
    "home": lambda place, _: place.url,
    "search": lambda place, _: f"{place.url}/search?q=robot+grasping",
    "empty search": lambda place, _: f"{place.url}/search?q=zzzz",
    "paper": lambda place, _: f"{place.url}/papers/2611.90140",
    "about": lambda place, _: f"{place.url}/about",
    "docs": lambda place, _: f"{place.url}/docs",
    "subscribe": lambda place, _: f"{place.url}/subscribe",
    "links": lambda place, _: f"{place.url}/links",
    "missing": lambda place, _: f"{place.url}/papers/2611.99999",
    "forged": lambda place, _: f"{place.url}/preferences/forged.20260101.link",
    "preferences": lambda place, reader: f"{place.link('preferences', reader)}?done=saved",
    "unsubscribe": lambda place, reader: place.link("unsubscribe", reader),
    "feedback": lambda place, reader: f"{place.link('feedback', reader)}?paper=2611.90371&verdict=more",
    "digest": lambda place, reader: place.link("digest", reader),
    "confirm": lambda place, _: place.link("confirm", somebody_new(place)),
    "confirmed": lambda place, reader: place.link("confirm", reader),
}


def somebody_new(place: Place) -> Subscriber:
    with place.parts.database.read() as connection:
        known = reader_store.find_by_address_key(connection, "pending@example.org")
    return known or add_reader(
        place.parts.database, "pending@example.org", status="pending", now=place.clock()
    )


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_for_everyone_at_every_width_by_day_and_by_night(
    chromium: Browser, place: Place, reader: Subscriber, name: str
) -> None:
    context = tab(chromium)
    page = context.new_page()
    asked = watched(page)
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(PAGES[name](place, reader))
        # A few: the papers of a list are all alike.
        page.evaluate(
            "[...document.querySelectorAll('details')].slice(0, 6).forEach(one => { one.open = true })"
        )
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert faults(page) == []
        # The colours are all that the night changes.
        page.emulate_media(color_scheme="dark")
        assert faults(page, "color-contrast") == []
    assert all(one.url.startswith(place.url) for one in asked)
    context.close()


def watched(page: Page) -> list[Request]:
    """Return a list that fills with what a page asks for."""
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    return asked


def reach(page: Page, wanted: Locator) -> None:
    """Go to an element by the Tab key, as somebody without a mouse does."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    pytest.fail(f"the Tab key does not lead to {wanted}")


def press(page: Page, name: str) -> None:
    """Go to a button and press it."""
    reach(page, page.get_by_role("button", name=name))
    page.keyboard.press("Enter")


def test_the_keyboard_is_enough(page: Page, place: Place) -> None:
    address = "keys@example.org"
    page.goto(place.url)
    place.pause()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your email address")).to_be_focused()
    page.keyboard.type(address)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()

    page.goto(place.links("confirm", address)[0])
    press(page, "Confirm subscription")
    expect(page.get_by_role("heading", name="You are subscribed")).to_be_visible()
    reach(page, page.get_by_label("Topics, in your own words"))
    page.keyboard.type("robot grasping")
    expect(page.locator("#preview").get_by_text("Because of:").first).to_be_visible()
    reach(page, page.get_by_role("checkbox").first)
    page.keyboard.press("Space")
    reach(page, page.get_by_text("Filters"))
    page.keyboard.press("Enter")
    reach(page, page.get_by_label("Never show papers with"))
    page.keyboard.type("clinical")
    reach(page, page.get_by_label("How often"))
    page.keyboard.type("Once")
    press(page, "Save")
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    stored = reader_now(place.parts.database, address)
    assert (stored.interests.topics, stored.interests.mute) == (("robot grasping",), ("clinical",))
    assert stored.rhythm.frequency == "weekly"
    assert page.get_by_role("button", name=re.compile("Remove")).count() == 1

    reach(page, page.get_by_label("No mail until"))
    press(page, "Pause")
    expect(page.get_by_text("You get no mail until you resume")).to_be_visible()
    press(page, "Resume now")
    expect(page.get_by_role("status").first).to_contain_text("Welcome back")

    page.goto(f"{place.link('feedback', stored)}?paper=2611.90371&verdict=less")
    # The browser moves there a moment after the page is loaded.
    expect(page.locator("button[autofocus]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Noted")
    press(page, "Undo")
    expect(page.get_by_role("status")).to_contain_text("Taken back")

    page.goto(place.link("unsubscribe", stored))
    press(page, "Unsubscribe")
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    press(page, "That was a mistake")
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    assert reader_now(place.parts.database, address).status == "active"

    page.goto(place.url)
    reach(page, page.get_by_label("Search papers"))
    page.keyboard.type("robot grasping")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Papers about")).to_be_visible()
    reach(page, page.locator("details.abstract summary").first)
    page.keyboard.press("Enter")
    expect(page.locator("details.abstract p").first).to_be_visible()


TYPE_QUICKLY = """(field, words) => {
  field.value = "";
  for (const letter of words) {
    field.value += letter;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}"""


def test_the_preview_follows_what_is_typed_and_saves_nothing(page: Page, place: Place) -> None:
    someone = add_reader(
        place.parts.database, "look@example.org", topics=["protein design"], now=place.clock()
    )
    preview, topics = page.locator("#preview"), page.get_by_label("Topics, in your own words")
    page.goto(place.link("preferences", someone))
    expect(preview.get_by_text("Because of: protein").first).to_be_visible()
    expect(page.get_by_role("button", name="Show what I would get")).to_be_hidden()
    before, asked = dump(place.parts), watched(page)

    topics.evaluate(TYPE_QUICKLY, "robot grasping")
    expect(preview.get_by_text("Because of: robot").first).to_be_visible()
    expect(preview.get_by_text("Because of: protein")).to_have_count(0)
    assert len(asked) == 1

    page.get_by_text("Filters").click()
    shown = preview.get_by_role("listitem").all_inner_texts()
    page.get_by_label("Only these arXiv categories").fill("cs.")
    expect(preview.get_by_role("status")).to_contain_text("There is no arXiv category")
    assert preview.get_by_role("listitem").all_inner_texts() == shown
    page.get_by_label("Only these arXiv categories").fill("")
    page.get_by_label("Never show papers with").fill("robot")
    expect(preview.get_by_text("Because of: robot")).to_have_count(0)

    page.get_by_label("Never show papers with").fill("")
    page.get_by_text("Tick recent papers").click()
    ticked = page.get_by_role("checkbox").first
    title = ticked.locator("xpath=..").inner_text().strip()
    ticked.check()
    expect(preview.get_by_role("status")).to_contain_text("papers out of")
    # A paper somebody marks is known to them.
    expect(preview.get_by_role("link", name=title)).to_have_count(0)
    page.set_viewport_size({"width": 375, "height": 700})
    page.get_by_role("button", name="Show what I would get").click()
    expect(preview.get_by_role("heading")).to_be_in_viewport()
    expect(preview).to_be_focused()
    assert page.url == place.link("preferences", someone)
    assert dump(place.parts) == before

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    assert reader_now(place.parts.database, someone.address).interests.topics == ("robot grasping",)


def test_a_preview_that_comes_late_is_not_shown(page: Page, place: Place) -> None:
    someone = add_reader(place.parts.database, "late@example.org", now=place.clock())
    preview, topics = page.locator("#preview"), page.get_by_label("Topics, in your own words")
    page.goto(place.link("preferences", someone))
    expect(preview).to_have_attribute("aria-busy", "false")
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/preview", hold_the_first)
    with page.expect_request("**/preview"):
        topics.fill("protein design")
    topics.fill("robot grasping")
    expect(preview.get_by_text("Because of: robot").first).to_be_visible()
    with suppress(Error):
        # The page has given it up, so there may be nobody left to answer.
        held[0].continue_()
    page.wait_for_timeout(500)
    assert preview.get_by_text("Because of: robot").count() > 0
    assert preview.get_by_text("Because of: protein").count() == 0


def test_without_script_a_button_shows_the_preview_and_saves_nothing(chromium: Browser, place: Place) -> None:
    someone = add_reader(place.parts.database, "button@example.org", now=place.clock())
    context = tab(chromium, java_script_enabled=False)
    page = context.new_page()
    page.goto(place.link("preferences", someone))
    before = dump(place.parts)
    page.get_by_label("Topics, in your own words").fill("robot grasping")
    page.get_by_role("checkbox").first.check()
    page.get_by_label("How often").select_option("weekly")
    page.get_by_role("button", name="Show what I would get").click()
    expect(page.locator("#preview").get_by_text("Because of: robot").first).to_be_visible()
    expect(page.get_by_label("Topics, in your own words")).to_have_value("robot grasping")
    expect(page.get_by_role("checkbox").first).to_be_checked()
    expect(page.get_by_label("How often")).to_have_value("weekly")
    assert dump(place.parts) == before
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    assert reader_now(place.parts.database, someone.address).rhythm.frequency == "weekly"
    context.close()


def test_a_scanner_with_a_browser_and_a_mouse_gives_no_feedback(
    page: Page, place: Place, reader: Subscriber
) -> None:
    page.goto(f"{place.link('feedback', reader)}?paper=2611.90371&verdict=less")
    before, asked = dump(place.parts), watched(page)
    for step in range(12):
        page.mouse.move(40 + 60 * step, 500 - 30 * step)
        page.mouse.wheel(0, 40)
    page.keyboard.press("Escape")
    page.wait_for_timeout(1000)
    page.reload()
    assert [one.method for one in asked if one.method != "GET"] == []
    assert dump(place.parts) == before


def test_buttons_and_fields_are_large_enough_for_a_thumb(
    chromium: Browser, place: Place, reader: Subscriber
) -> None:
    context = tab(chromium, viewport={"width": 375, "height": 800}, has_touch=True)
    page: Page = context.new_page()
    for name in ("home", "preferences", "unsubscribe", "feedback"):
        page.goto(PAGES[name](place, reader))
        small = page.evaluate(
            "[...document.querySelectorAll('button:not(.small), input:not([type=checkbox]):not([type=hidden]), select')]"
            ".filter(one => !one.closest('.trap') && one.checkVisibility())"
            ".map(one => one.getBoundingClientRect().height).filter(height => height < 40)"
        )
        assert small == [], name
    context.close()
