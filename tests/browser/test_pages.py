"""The web side in a real browser: the whole way of a reader, with and without script, by keyboard, for everyone."""

import email
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect
from pydantic import SecretStr

from digest.clock import utc_now
from digest.delivery.daily import Job, run
from digest.papers.ingest import take_in
from digest.readers.subscriber import Subscriber
from digest.sample import sample_sightings
from digest.settings import Settings
from digest.store.schema import upgrade
from digest.web.app import create_app
from digest.wiring import Parts
from tests.factories import add_reader, reader_now

pytestmark = pytest.mark.browser


@dataclass
class Place:
    """A running installation."""

    parts: Parts
    url: str
    outbox: Path

    def mails(self) -> list[email.message.EmailMessage]:
        """The mails so far, the newest last."""
        files = sorted((self.outbox / "new").glob("*"), key=lambda one: one.stat().st_mtime_ns)
        return [email.message_from_bytes(one.read_bytes(), policy=policy.default) for one in files]

    def links(self, purpose: str, to: str) -> list[str]:
        """The links of the newest mail to an address, as its text part has them."""
        for _ in range(100):
            sent = [one for one in self.mails() if one["To"] == to]
            if sent:
                break
            # The confirmation goes out behind the answer of the page.
            time.sleep(0.1)
        mail = sent[-1]
        part = mail.get_body(("plain",))
        assert part is not None
        return re.findall(rf"{re.escape(self.url)}/{purpose}/\S+", part.get_content())

    def link(self, purpose: str, reader: Subscriber) -> str:
        return self.parts.links.link(purpose, reader.key, utc_now().date())  # type: ignore[arg-type]

    def deliver(self) -> None:
        run(self.parts.post_office, self.parts.profiles, Job(), utc_now)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("web")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = Settings.model_construct(
        database_url=SecretStr(f"sqlite:///{folder}/digest.db"),
        mail_url=SecretStr(f"maildir:{folder}/outbox"),
        base_url=url,
        sender="Trending papers <digest@papers.example.org>",
        secret_key=SecretStr("a secret of the tests"),
    )
    parts = Parts(settings, utc_now)
    upgrade(parts.database)
    take_in(parts.database, sample_sightings(utc_now()), utc_now())
    server = uvicorn.Server(uvicorn.Config(create_app(parts), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield Place(parts, url, folder / "outbox")
    server.should_exit = True
    thread.join(timeout=20)
    listening.close()
    parts.close()


@pytest.fixture(scope="module")
def reader(place: Place) -> Subscriber:
    """Somebody who reads already, with a digest of today."""
    known = add_reader(
        place.parts.database,
        "ana@example.org",
        topics=["long-context language models", "robot grasping"],
        likes=["2611.90140", "2611.90189"],
        mute=["clinical"],
        now=utc_now(),
    )
    place.deliver()
    return known


def tab(chromium: Browser, **options: object) -> BrowserContext:
    return chromium.new_context(timezone_id="Europe/Berlin", locale="en-GB", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_whole_way_of_a_reader(chromium: Browser, place: Place, script: bool) -> None:
    address = f"new-{'with' if script else 'without'}@example.org"
    context = tab(chromium, java_script_enabled=script, accept_downloads=True)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))

    page.goto(place.url)
    page.get_by_label("Your email address").fill(address)
    page.get_by_role("button", name="Get papers").click()
    expect(page.get_by_role("heading", name="Look into your inbox")).to_be_visible()

    page.goto(place.links("confirm", address)[0])
    page.get_by_role("button", name="Confirm subscription").click()
    expect(page.get_by_role("heading", name="You are in")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin" if script else "UTC")
    page.get_by_label("Topics, in your own words").fill("robot grasping\nprotein design")
    page.get_by_role("checkbox").first.check()
    page.get_by_label("How often").select_option("daily")
    page.get_by_role("button", name="Save and show what I would get").click()
    expect(page.get_by_role("heading", name="What you would get now")).to_be_visible()
    expect(page.get_by_text("Because of:").first).to_be_visible()
    assert reader_now(place.parts.database, address).interests.topics == ("robot grasping", "protein design")

    place.deliver()
    mail = place.mails()[-1]
    assert mail["To"] == address
    page.goto(next(one for one in place.links("feedback", address) if "verdict=less" in one))
    page.get_by_role("button", name="Less like this").click()
    expect(page.get_by_role("status")).to_contain_text("Noted")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Taken back")

    page.goto(place.links("digest", address)[0])
    expect(page.get_by_role("heading", name="For you")).to_be_visible()
    page.locator("details.abstract summary").first.click()
    expect(page.locator("details.abstract p").first).to_be_visible()

    page.goto(place.links("preferences", address)[0])
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_contain_text("Paused")
    page.get_by_role("button", name="Start again now").click()
    expect(page.get_by_role("status")).to_contain_text("Welcome back")

    page.goto(place.links("unsubscribe", address)[0])
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert reader_now(place.parts.database, address).status == "unsubscribed"
    page.get_by_role("button", name="subscribe me again").click()
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    assert reader_now(place.parts.database, address).status == "active"

    page.goto(place.links("preferences", address)[0])
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all that is kept about you").click()
    taken = json.loads(Path(download.value.path()).read_text())
    assert taken["reader"]["address"] == address
    page.get_by_text("Erase everything about me").click()
    page.get_by_role("button", name="Erase now").click()
    expect(page.get_by_role("heading", name="Everything is erased")).to_be_visible()
    page.goto(place.links("preferences", address)[0])
    expect(page.get_by_role("alert")).to_contain_text("Nothing is kept")
    context.close()
    assert [one for one in troubles if "404" not in one] == []


PAGES = (
    "home", "search", "empty search", "paper", "about", "docs", "subscribe", "missing", "preferences",
    "preview", "unsubscribe", "feedback", "digest", "confirmed", "forged",
)  # fmt: skip


def address_of(name: str, place: Place, reader: Subscriber) -> str:
    public = {
        "home": "/",
        "search": "/search?q=robot+grasping",
        "empty search": "/search?q=zzzz",
        "paper": "/papers/2611.90140",
        "missing": "/papers/2611.99999",
        "forged": "/preferences/forged.20260101.link",
    }
    private = {
        "preferences": place.link("preferences", reader),
        "preview": f"{place.link('preferences', reader)}?done=saved",
        "unsubscribe": place.link("unsubscribe", reader),
        "feedback": f"{place.link('feedback', reader)}?paper=2611.90371&verdict=more",
        "digest": place.link("digest", reader),
        "confirmed": place.link("confirm", reader),
    }
    return private.get(name) or place.url + public.get(name, f"/{name}")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_for_everyone_at_every_width(
    chromium: Browser, place: Place, reader: Subscriber, name: str
) -> None:
    for width, scheme in ((375, "light"), (1280, "dark")):
        context = tab(chromium, viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        asked = watched(page)
        page.goto(address_of(name, place, reader))
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found] == []
        assert all(one.url.startswith(place.url) for one in asked)
        context.close()


def watched(page: Page) -> list[Request]:
    """Return a list that fills with what a page asks for."""
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    return asked


def test_the_keyboard_is_enough(chromium: Browser, place: Place) -> None:
    context = tab(chromium)
    page = context.new_page()
    page.goto(place.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your email address")).to_be_focused()
    page.keyboard.type("keys@example.org")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Look into your inbox")).to_be_visible()
    context.close()


def test_buttons_and_fields_are_large_enough_for_a_thumb(
    chromium: Browser, place: Place, reader: Subscriber
) -> None:
    context = tab(chromium, viewport={"width": 375, "height": 800}, has_touch=True)
    page: Page = context.new_page()
    for name in ("home", "preferences", "unsubscribe", "feedback"):
        page.goto(address_of(name, place, reader))
        small = page.evaluate(
            "[...document.querySelectorAll('button:not(.small), input:not([type=checkbox]):not([type=hidden]), select')]"
            ".filter(one => !one.closest('.trap') && one.checkVisibility())"
            ".map(one => one.getBoundingClientRect().height).filter(height => height < 40)"
        )
        assert small == [], name
    context.close()
