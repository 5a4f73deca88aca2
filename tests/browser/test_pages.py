import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from digest.clock import utc_now
from digest.domain.subscriber import Status, Subscriber
from digest.store import subscribers as subscriber_store
from tests.browser.conftest import Installation
from tests.browser.helpers import faults, tab, watched
from tests.factories import add_subscriber, subscriber_now
from tests.web.conftest import dump

pytestmark = pytest.mark.browser

PAGES: dict[str, Callable[[Installation, Subscriber], str]] = {
    "home": lambda installation, _: installation.url,
    "home with words": lambda installation, _: f"{installation.url}/?topics=robot+grasping",
    "trending": lambda installation, _: f"{installation.url}/trending",
    "days": lambda installation, _: f"{installation.url}/daily",
    "day": lambda installation, _: f"{installation.url}/daily/{utc_now().date() - timedelta(days=1)}",
    "category": lambda installation, _: f"{installation.url}/c/cs.CL",
    "topic": lambda installation, _: f"{installation.url}/t/robot-grasping",
    "search": lambda installation, _: f"{installation.url}/search?q=robot+grasping",
    "empty search": lambda installation, _: f"{installation.url}/search?q=zzzz",
    "paper": lambda installation, _: f"{installation.url}/papers/2611.90140",
    "about": lambda installation, _: f"{installation.url}/about",
    "docs": lambda installation, _: f"{installation.url}/docs",
    "subscribe": lambda installation, _: f"{installation.url}/subscribe",
    "links": lambda installation, _: f"{installation.url}/links",
    "missing": lambda installation, _: f"{installation.url}/papers/2611.99999",
    "forged": lambda installation, _: f"{installation.url}/preferences/forged.20260101.link",
    "preferences": lambda installation, subscriber: (
        f"{installation.link('preferences', subscriber)}?done=saved"
    ),
    "unsubscribe": lambda installation, subscriber: installation.link("unsubscribe", subscriber),
    "feedback": lambda installation, subscriber: (
        f"{installation.link('feedback', subscriber)}?paper=2611.90371&verdict=more"
    ),
    "digest": lambda installation, subscriber: installation.link("digest", subscriber),
    "confirm": lambda installation, _: installation.link("confirm", new_subscriber(installation)),
    "confirmed": lambda installation, subscriber: installation.link("confirm", subscriber),
}


def new_subscriber(installation: Installation) -> Subscriber:
    with installation.container.database.read() as connection:
        known = subscriber_store.find_by_address_key(connection, "pending@example.org")
    return known or add_subscriber(
        installation.container.database,
        "pending@example.org",
        status=Status.PENDING,
        now=installation.clock(),
    )


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_at_every_width_in_light_and_dark(
    chromium: Browser, installation: Installation, subscriber: Subscriber, name: str
) -> None:
    context = tab(chromium)
    page = context.new_page()
    asked = watched(page)
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(PAGES[name](installation, subscriber))
        # Only a few, because the papers of a list have the same markup.
        page.evaluate(
            "[...document.querySelectorAll('details')].slice(0, 6).forEach(one => { one.open = true })"
        )
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert faults(page) == []
        # Only the colours differ in dark mode.
        page.emulate_media(color_scheme="dark")
        assert faults(page, "color-contrast") == []
    assert all(one.url.startswith(installation.url) for one in asked)
    context.close()


def reach(page: Page, wanted: Locator) -> None:
    """Move the focus to an element with the Tab key."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    pytest.fail(f"the Tab key does not lead to {wanted}")


def press(page: Page, name: str) -> None:
    """Move the focus to a button and press it."""
    reach(page, page.get_by_role("button", name=name))
    page.keyboard.press("Enter")


def sign_up_by_keyboard(page: Page, installation: Installation, address: str) -> None:
    page.goto(installation.url)
    installation.pause()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("What do you work on?")).to_be_focused()
    reach(page, page.get_by_label("Your email address"))
    page.keyboard.type(address)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()


def set_preferences_by_keyboard(page: Page, installation: Installation, address: str) -> Subscriber:
    """Confirm, set preferences, and return the subscriber as stored."""
    page.goto(installation.links("confirm", address)[0])
    press(page, "Confirm subscription")
    expect(page.get_by_role("heading", name="You are subscribed")).to_be_visible()
    reach(page, page.get_by_label("Topics, in your own words"))
    page.keyboard.type("robot grasping")
    expect(page.locator("#preview .why").first).to_be_visible()
    reach(page, page.get_by_label("How often"))
    page.keyboard.type("Once")
    reach(page, page.get_by_role("checkbox").first)
    page.keyboard.press("Space")
    reach(page, page.get_by_text("Filters"))
    page.keyboard.press("Enter")
    reach(page, page.get_by_label("Never show papers with"))
    page.keyboard.type("clinical")
    press(page, "Save")
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    stored = subscriber_now(installation.container.database, address)
    assert (stored.interests.topics, stored.interests.mute) == (("robot grasping",), ("clinical",))
    assert stored.schedule.frequency == "weekly"
    assert page.get_by_role("button", name=re.compile("Remove")).count() == 1
    return stored


def test_subscribing_and_preferences_work_by_keyboard(page: Page, installation: Installation) -> None:
    address = "keys@example.org"
    sign_up_by_keyboard(page, installation, address)
    stored = set_preferences_by_keyboard(page, installation, address)

    reach(page, page.get_by_label("No mail until"))
    press(page, "Pause")
    expect(page.get_by_text("You get no mail until you resume")).to_be_visible()
    press(page, "Resume now")
    expect(page.get_by_role("status").first).to_contain_text("Welcome back")

    page.goto(f"{installation.link('feedback', stored)}?paper=2611.90371&verdict=less")
    # The browser moves the focus a moment after the page is loaded.
    expect(page.locator("button[autofocus]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Noted")
    press(page, "Undo")
    expect(page.get_by_role("status")).to_contain_text("Undone")

    page.goto(installation.link("unsubscribe", stored))
    press(page, "Unsubscribe")
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    press(page, "That was a mistake")
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    assert subscriber_now(installation.container.database, address).status == "active"


def test_searching_and_reading_work_by_keyboard(page: Page, installation: Installation) -> None:
    page.goto(installation.url)
    reach(page, page.get_by_label("Search papers"))
    page.keyboard.type("robot grasping")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Papers about")).to_be_visible()
    reach(page, page.locator("details.abstract summary").first)
    page.keyboard.press("Enter")
    expect(page.locator("details.abstract p").first).to_be_visible()


def test_a_mail_scanner_with_a_browser_gives_no_feedback(
    page: Page, installation: Installation, subscriber: Subscriber
) -> None:
    # Mails of other tests are sent before.
    installation.deliver()
    page.goto(f"{installation.link('feedback', subscriber)}?paper=2611.90371&verdict=less")
    before, asked = dump(installation.container), watched(page)
    for step in range(12):
        page.mouse.move(40 + 60 * step, 500 - 30 * step)
        page.mouse.wheel(0, 40)
    page.keyboard.press("Escape")
    page.wait_for_timeout(1000)
    page.reload()
    assert [one.method for one in asked if one.method != "GET"] == []
    assert dump(installation.container) == before


def test_buttons_and_fields_are_large_enough_for_touch(
    chromium: Browser, installation: Installation, subscriber: Subscriber
) -> None:
    context = tab(chromium, viewport={"width": 375, "height": 800}, has_touch=True)
    page: Page = context.new_page()
    for name in ("home with words", "preferences", "unsubscribe", "feedback"):
        page.goto(PAGES[name](installation, subscriber))
        small = page.evaluate(
            "[...document.querySelectorAll('button:not(.small), input:not([type=checkbox]):not([type=hidden]), select')]"
            ".filter(one => !one.closest('.trap') && one.checkVisibility())"
            ".map(one => one.getBoundingClientRect().height).filter(height => height < 40)"
        )
        assert small == [], name
    context.close()
