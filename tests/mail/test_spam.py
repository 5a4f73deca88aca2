"""The score of our mails in a spam filter."""

import re
import shutil
import subprocess
from collections.abc import Callable

import pytest

from digest.mail.content import ConfirmationContent, DigestContent, LinksContent
from digest.mail.message import Message, transactional_headers
from digest.mail.rendering import RenderedMail, Renderer
from tests.conftest import missing


def points(content: bytes) -> tuple[float, str]:
    """Return SpamAssassin's positive points (network tests off), and its report."""
    if shutil.which("spamassassin") is None:
        missing("spamassassin")
    run = subprocess.run(["spamassassin", "-L", "-t"], input=content, capture_output=True, check=False)
    report = run.stdout.decode("utf-8", "replace").rpartition("Content analysis details:")[2]
    scores = [
        float(score) for score in re.findall(r"^\s*(-?\d+\.\d+) [A-Z][A-Z0-9_]+ ", report, re.MULTILINE)
    ]
    assert scores, report
    return sum(score for score in scores if score > 0), report


@pytest.mark.services
@pytest.mark.parametrize("kind", ["digest", "long", "quiet", "confirm", "links"])
def test_a_spam_filter_accepts_the_mails(
    renderer: Renderer,
    make_content: Callable[..., DigestContent],
    make_message: Callable[..., Message],
    confirmation: ConfirmationContent,
    make_own_links: Callable[..., LinksContent],
    kind: str,
) -> None:
    made: dict[str, Callable[[], RenderedMail]] = {
        "digest": lambda: renderer.digest(make_content()),
        "long": lambda: renderer.digest(make_content(20, 10)),
        "quiet": lambda: renderer.digest(make_content(0, 0, note="arXiv announced nothing today.")),
        "confirm": lambda: renderer.confirm(confirmation),
        "links": lambda: renderer.links(make_own_links()),
    }
    words = made[kind]()
    changes = {"headers": transactional_headers()} if kind in {"confirm", "links"} else {}
    message = make_message(subject=words.subject, text=words.text, html=words.html, **changes)
    added, report = points(message.to_bytes())
    assert added < 1.0, report
