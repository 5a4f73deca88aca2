"""Makes the pictures of the pages from a real mail: `make pictures`. They are stored with the templates.

The first page shows the start of a mail (light and dark), and other sites show `share.png` beside a link to it.
"""

import base64
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from digest.demo import write_demo
from digest.wiring import templates_folder
from tests.browser.conftest import CHROMIUM

WIDTH, HEIGHT = 420, 500
SHARE_WIDTH, SHARE_HEIGHT = 1200, 630
_DAY = datetime(2026, 11, 27, 6, tzinfo=UTC)


def sample_mail(folder: Path) -> str:
    """Return the HTML of the first mail of `digest demo`."""
    return write_demo(folder, _DAY)[0].html.read_text(encoding="utf-8")


def picture(browser: Browser, mail: str, scheme: str) -> bytes:
    """Return the start of a mail as a WebP picture, for a screen with two pixels for each of CSS."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=2,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.set_content(mail)
    return _webp(page)


def _webp(page: Page) -> bytes:
    options = {"format": "webp", "quality": 60}
    taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", options)
    return base64.b64decode(taken["data"])


def share_picture(browser: Browser, mail: str) -> bytes:
    """Return the picture that other sites show: the start of a mail, beside its name."""
    page = browser.new_page(viewport={"width": SHARE_WIDTH, "height": SHARE_HEIGHT})
    page.set_content(mail)
    page.evaluate(
        f"document.body.style.zoom = {SHARE_HEIGHT / 520}; document.documentElement.style.overflow = 'hidden'"
    )
    return page.screenshot()


def main() -> int:
    static = templates_folder() / "static"
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        mail = sample_mail(Path(name))
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        (static / "mail.webp").write_bytes(picture(browser, mail, "light"))
        (static / "mail-dark.webp").write_bytes(picture(browser, mail, "dark"))
        (static / "share.png").write_bytes(share_picture(browser, mail))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
