from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect

from tests.browser.conftest import Installation
from tests.browser.helpers import reason, tab, watched
from tests.factories import add_subscriber, subscriber_now
from tests.web.conftest import dump

pytestmark = pytest.mark.browser

TYPE_QUICKLY = """(field, words) => {
  field.value = "";
  for (const letter of words) {
    field.value += letter;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}"""


def test_the_preview_shows_what_is_typed_and_saves_nothing(page: Page, installation: Installation) -> None:
    someone = add_subscriber(
        installation.container.database,
        "look@example.org",
        topics=["protein design"],
        now=installation.clock(),
    )
    preview, topics = page.locator("#preview"), page.get_by_label("Topics, in your own words")
    page.goto(installation.link("preferences", someone))
    expect(reason(preview, "protein")).to_be_visible()
    expect(page.get_by_role("button", name="Show what I would get")).to_be_hidden()
    before, asked = dump(installation.container), watched(page)

    topics.evaluate(TYPE_QUICKLY, "robot grasping")
    expect(reason(preview, "robot")).to_be_visible()
    expect(reason(preview, "protein")).to_have_count(0)
    assert len(asked) == 1

    page.get_by_text("Filters").click()
    shown = preview.get_by_role("listitem").all_inner_texts()
    page.get_by_label("Only these categories").fill("cs.")
    expect(preview.get_by_role("status")).to_contain_text("There is no category")
    assert preview.get_by_role("listitem").all_inner_texts() == shown
    page.get_by_label("Only these categories").fill("")
    page.get_by_label("Never show papers with").fill("robot")
    expect(reason(preview, "robot")).to_have_count(0)

    page.get_by_label("Never show papers with").fill("")
    page.get_by_text("Tick recent papers").click()
    ticked = page.get_by_role("checkbox").first
    title = ticked.locator("xpath=..").inner_text().strip()
    ticked.check()
    expect(preview.get_by_role("status")).to_contain_text("papers out of")
    # A rated paper is never picked.
    expect(preview.get_by_role("link", name=title)).to_have_count(0)
    page.set_viewport_size({"width": 375, "height": 700})
    page.get_by_role("button", name="Show what I would get").click()
    expect(preview.get_by_role("heading").first).to_be_in_viewport()
    expect(preview).to_be_focused()
    assert page.url == installation.link("preferences", someone)
    assert dump(installation.container) == before

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    assert subscriber_now(installation.container.database, someone.address).interests.topics == (
        "robot grasping",
    )


def test_an_outdated_preview_is_not_shown(page: Page, installation: Installation) -> None:
    someone = add_subscriber(installation.container.database, "late@example.org", now=installation.clock())
    preview, topics = page.locator("#preview"), page.get_by_label("Topics, in your own words")
    page.goto(installation.link("preferences", someone))
    expect(preview).to_have_attribute("aria-busy", "false")
    held: list[Route] = []

    def hold_first_request(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/preview", hold_first_request)
    with page.expect_request("**/preview"):
        topics.fill("protein design")
    topics.fill("robot grasping")
    expect(reason(preview, "robot")).to_be_visible()
    with suppress(Error):
        # The page has aborted the request, so it may be closed already.
        held[0].continue_()
    page.wait_for_timeout(500)
    assert reason(preview, "robot").count() > 0
    assert reason(preview, "protein").count() == 0


def test_without_script_a_button_shows_the_preview_and_saves_nothing(
    chromium: Browser, installation: Installation
) -> None:
    someone = add_subscriber(installation.container.database, "button@example.org", now=installation.clock())
    context = tab(chromium, java_script_enabled=False)
    page = context.new_page()
    page.goto(installation.link("preferences", someone))
    before = dump(installation.container)
    page.get_by_label("Topics, in your own words").fill("robot grasping")
    ticked = page.locator(f'input[value="{page.get_by_role("checkbox").first.get_attribute("value")}"]')
    ticked.check()
    page.get_by_label("How often").select_option("weekly")
    page.get_by_role("button", name="Show what I would get").click()
    expect(reason(page.locator("#preview"), "robot")).to_be_visible()
    expect(page.get_by_label("Topics, in your own words")).to_have_value("robot grasping")
    expect(ticked).to_be_checked()
    expect(page.get_by_label("How often")).to_have_value("weekly")
    assert dump(installation.container) == before
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    assert subscriber_now(installation.container.database, someone.address).schedule.frequency == "weekly"
    context.close()
