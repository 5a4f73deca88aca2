import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request

pytestmark = pytest.mark.browser


def tab(chromium: Browser, **options: object) -> BrowserContext:
    return chromium.new_context(timezone_id="Europe/Berlin", locale="en-GB", **options)  # type: ignore[arg-type]


def complaints(page: Page) -> list[str]:
    """Return a list to which the browser's errors about a page are added."""
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    return troubles


def faults(page: Page, *rules: str) -> list[tuple[str, list[str]]]:
    """Return what axe-core finds wrong, by the given rules or by all."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = Axe().run(page, options=options).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]


def reason(preview: Locator, words: str) -> Locator:
    """Return the first reason of a preview that names some words."""
    return preview.locator(".why", has_text=words).first


def watched(page: Page) -> list[Request]:
    """Return a list to which the requests of a page are added."""
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    return asked
