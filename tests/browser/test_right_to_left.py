"""Pages in a language from right to left: mirrored, without a faulty or cut-off element."""

import pytest
from playwright.sync_api import Browser

from digest.clock import utc_now
from tests.browser.conftest import Installation
from tests.browser.helpers import complaints, faults
from tests.factories import add_subscriber
from tests.pseudo_language import RIGHT_TO_LEFT

pytestmark = pytest.mark.browser
PATHS = ("/", "/trending", "/docs", "/subscribe", "/papers/2611.90140", "/daily")


def test_pages_are_mirrored_and_nothing_is_cut_off(
    chromium: Browser, installation: Installation, pseudo_language: str
) -> None:
    assert pseudo_language
    subscriber = add_subscriber(
        installation.container.database,
        "mirrored@example.org",
        topics=["robot grasping"],
        language=RIGHT_TO_LEFT,
        now=utc_now(),
    )
    context = chromium.new_context(locale=RIGHT_TO_LEFT)
    page = context.new_page()
    troubles = complaints(page)
    for address in (
        *(f"{installation.url}{path}" for path in PATHS),
        installation.link("preferences", subscriber),
    ):
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(address)
            assert page.evaluate("getComputedStyle(document.body).direction") == "rtl"
            box = page.locator(".brand").bounding_box()
            # The name of the site is at the start of the line, which is on the right.
            assert box is not None
            assert box["x"] + box["width"] > width / 2
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert faults(page) == []
    context.close()
    assert troubles == []
