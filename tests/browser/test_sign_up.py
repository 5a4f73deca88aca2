"""The web pages in a real browser: from sign-up to erasure, with and without JavaScript."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from digest.clock import utc_now
from tests.browser.conftest import Installation
from tests.browser.helpers import complaints, faults, tab
from tests.factories import add_subscriber, subscriber_now

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class SubscriberTab:
    """A tab of the browser, and the person who uses it."""

    page: Page
    installation: Installation
    address: str
    script: bool
    """Whether JavaScript is on."""

    def check_accessibility(self) -> None:
        # axe-core is a script itself.
        if self.script:
            assert faults(self.page) == []


def sign_up(subscriber: SubscriberTab) -> None:
    """Ask for the digest on the first page."""
    subscriber.page.goto(subscriber.installation.url)
    subscriber.installation.pause()
    subscriber.page.get_by_label("Your email address").fill(subscriber.address)
    subscriber.page.get_by_role("button", name="Get papers").click()
    expect(subscriber.page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    subscriber.check_accessibility()


def confirm_and_set_preferences(subscriber: SubscriberTab) -> None:
    """Confirm, and fill in the preferences that follow."""
    subscriber.page.goto(subscriber.installation.links("confirm", subscriber.address)[0])
    subscriber.page.get_by_role("button", name="Confirm subscription").click()
    expect(subscriber.page.get_by_role("heading", name="You are subscribed")).to_be_visible()
    subscriber.check_accessibility()
    expect(subscriber.page.get_by_label("Time zone")).to_have_value(
        "Europe/Berlin" if subscriber.script else "UTC"
    )
    subscriber.page.get_by_label("Topics, in your own words").fill("robot grasping\nprotein design")
    subscriber.page.get_by_role("checkbox").first.check()
    subscriber.page.get_by_label("How often").select_option("daily")
    subscriber.page.get_by_role("button", name="Save").click()
    expect(subscriber.page.get_by_role("status").first).to_contain_text("Saved")
    expect(subscriber.page.locator("#preview .why").first).to_be_visible()
    subscriber.check_accessibility()
    assert subscriber_now(
        subscriber.installation.container.database, subscriber.address
    ).interests.topics == (
        "robot grasping",
        "protein design",
    )


def give_feedback(subscriber: SubscriberTab) -> None:
    """Follow a link of the first digest, and take the feedback back."""
    subscriber.installation.deliver()
    assert subscriber.installation.links("digest", subscriber.address)
    subscriber.page.goto(subscriber.installation.links("f", subscriber.address)[0])
    subscriber.check_accessibility()
    subscriber.page.get_by_role("button", name="Less like this").click()
    expect(subscriber.page.get_by_role("status")).to_contain_text("Noted")
    subscriber.check_accessibility()
    subscriber.page.get_by_role("button", name="Undo").click()
    expect(subscriber.page.get_by_role("status")).to_contain_text("Undone")


def read_on_the_web(subscriber: SubscriberTab) -> None:
    """Open the web version of the digest."""
    subscriber.page.goto(subscriber.installation.links("digest", subscriber.address)[0])
    expect(subscriber.page.get_by_role("heading", name="For you")).to_be_visible()
    subscriber.page.locator("details.abstract summary").first.click()
    expect(subscriber.page.locator("details.abstract p").first).to_be_visible()


def pause_and_resume(subscriber: SubscriberTab) -> None:
    """Pause on the preferences page, and resume."""
    subscriber.page.goto(subscriber.installation.links("preferences", subscriber.address)[0])
    subscriber.page.get_by_role("button", name="Pause").click()
    expect(subscriber.page.get_by_role("status").first).to_contain_text("Paused")
    subscriber.check_accessibility()
    subscriber.page.get_by_role("button", name="Resume now").click()
    expect(subscriber.page.get_by_role("status").first).to_contain_text("Welcome back")


def unsubscribe_and_return(subscriber: SubscriberTab) -> None:
    """Follow the link to unsubscribe, and subscribe again."""
    subscriber.page.goto(subscriber.installation.links("unsubscribe", subscriber.address)[0])
    subscriber.page.get_by_role("button", name="Unsubscribe").click()
    expect(subscriber.page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert (
        subscriber_now(subscriber.installation.container.database, subscriber.address).status
        == "unsubscribed"
    )
    subscriber.check_accessibility()
    subscriber.page.get_by_role("button", name="subscribe me again").click()
    expect(subscriber.page.get_by_role("heading", name="Welcome back")).to_be_visible()
    subscriber.check_accessibility()
    assert subscriber_now(subscriber.installation.container.database, subscriber.address).status == "active"


def export_and_erase(subscriber: SubscriberTab) -> None:
    """Download all data, and erase it."""
    subscriber.page.goto(subscriber.installation.links("preferences", subscriber.address)[0])
    with subscriber.page.expect_download() as download:
        subscriber.page.get_by_role("link", name="Download everything we store about you").click()
    exported = json.loads(Path(download.value.path()).read_text())
    assert exported["reader"]["address"] == subscriber.address
    subscriber.page.get_by_text("Erase everything about me").click()
    subscriber.page.get_by_role("button", name="Erase now").click()
    expect(subscriber.page.get_by_role("heading", name="Everything is erased")).to_be_visible()
    subscriber.page.goto(subscriber.installation.links("preferences", subscriber.address)[0])
    expect(subscriber.page.get_by_role("alert")).to_contain_text("was erased")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_subscriber_signs_up_sets_preferences_and_erases(
    chromium: Browser, installation: Installation, script: bool
) -> None:
    context = tab(chromium, java_script_enabled=script, accept_downloads=True)
    page = context.new_page()
    troubles = complaints(page)
    address = f"new-{'with' if script else 'without'}@example.org"
    subscriber = SubscriberTab(page, installation, address, script)
    sign_up(subscriber)
    confirm_and_set_preferences(subscriber)
    give_feedback(subscriber)
    read_on_the_web(subscriber)
    pause_and_resume(subscriber)
    unsubscribe_and_return(subscriber)
    export_and_erase(subscriber)
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
