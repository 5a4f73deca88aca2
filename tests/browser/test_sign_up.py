"""The web pages in a real browser: from sign-up to erasure, with and without JavaScript."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from digest.clock import utc_now
from tests.browser.conftest import Installation
from tests.browser.helpers import complaints, faults, tab
from tests.factories import add_subscriber, subscriber_now

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_subscriber_signs_up_sets_preferences_and_erases(
    chromium: Browser, installation: Installation, script: bool
) -> None:
    address = f"new-{'with' if script else 'without'}@example.org"
    context = tab(chromium, java_script_enabled=script, accept_downloads=True)
    page = context.new_page()
    troubles = complaints(page)

    def is_for_everyone() -> None:
        # axe-core is a script itself.
        if script:
            assert faults(page) == []

    page.goto(installation.url)
    installation.pause()
    page.get_by_label("Your email address").fill(address)
    page.get_by_role("button", name="Get papers").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    is_for_everyone()

    page.goto(installation.links("confirm", address)[0])
    page.get_by_role("button", name="Confirm subscription").click()
    expect(page.get_by_role("heading", name="You are subscribed")).to_be_visible()
    is_for_everyone()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin" if script else "UTC")
    page.get_by_label("Topics, in your own words").fill("robot grasping\nprotein design")
    page.get_by_role("checkbox").first.check()
    page.get_by_label("How often").select_option("daily")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    expect(page.locator("#preview").get_by_text("Matches").first).to_be_visible()
    is_for_everyone()
    assert subscriber_now(installation.container.database, address).interests.topics == (
        "robot grasping",
        "protein design",
    )

    installation.deliver()
    assert installation.links("digest", address)
    page.goto(next(one for one in installation.links("feedback", address) if "verdict=less" in one))
    page.get_by_role("button", name="Less like this").click()
    expect(page.get_by_role("status")).to_contain_text("Noted")
    is_for_everyone()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Undone")

    page.goto(installation.links("digest", address)[0])
    expect(page.get_by_role("heading", name="For you")).to_be_visible()
    page.locator("details.abstract summary").first.click()
    expect(page.locator("details.abstract p").first).to_be_visible()

    page.goto(installation.links("preferences", address)[0])
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").first).to_contain_text("Paused")
    is_for_everyone()
    page.get_by_role("button", name="Resume now").click()
    expect(page.get_by_role("status").first).to_contain_text("Welcome back")

    page.goto(installation.links("unsubscribe", address)[0])
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert subscriber_now(installation.container.database, address).status == "unsubscribed"
    is_for_everyone()
    page.get_by_role("button", name="subscribe me again").click()
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    is_for_everyone()
    assert subscriber_now(installation.container.database, address).status == "active"

    page.goto(installation.links("preferences", address)[0])
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything we store about you").click()
    taken = json.loads(Path(download.value.path()).read_text())
    assert taken["reader"]["address"] == address
    page.get_by_text("Erase everything about me").click()
    page.get_by_role("button", name="Erase now").click()
    expect(page.get_by_role("heading", name="Everything is erased")).to_be_visible()
    page.goto(installation.links("preferences", address)[0])
    expect(page.get_by_role("alert")).to_contain_text("was erased")
    context.close()
    assert [one for one in troubles if "404" not in one] == []


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_form_sent_too_soon_is_shown_again(
    chromium: Browser, installation: Installation, script: bool
) -> None:
    address = f"quick-{'with' if script else 'without'}@example.org"
    known = add_subscriber(installation.container.database, address, now=utc_now())
    context = tab(chromium, java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{installation.url}/preferences/forged.20260101.link")
    page.get_by_role("main").get_by_role("link", name="Get your links by mail").click()
    page.get_by_label("Your email address").fill(address)
    # Independent of the speed of this machine.
    installation.clock.ahead -= timedelta(minutes=5)
    page.get_by_role("button", name="Send my links").click()
    expect(page.get_by_role("heading", name="Once more, please")).to_be_visible()
    expect(page.get_by_label("Your email address")).to_have_value(address)
    if script:
        assert faults(page) == []
    installation.clock.ahead += timedelta(minutes=5)
    page.get_by_role("button", name="Send my links").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    if script:
        assert faults(page) == []
    page.goto(installation.links("preferences", address)[0])
    expect(page.get_by_role("heading", name="Your preferences")).to_be_visible()
    assert subscriber_now(installation.container.database, address) == known
    context.close()
