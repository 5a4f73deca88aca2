"""The score of our mails in a spam filter."""

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from functools import partial

import pytest

from digest.domain.delivery import Kind
from digest.domain.subscriber import Layout
from digest.mail.content import ConfirmationContent, DigestContent, GoodbyeContent, LinksContent
from digest.mail.message import Message, transactional_headers
from digest.mail.rendering import RenderedMail, Renderer
from tests.conftest import missing


def points(content: bytes) -> tuple[float, str]:
    """Return SpamAssassin's points (network tests off), and its report."""
    if shutil.which("spamassassin") is None:
        missing("spamassassin")
    run = subprocess.run(["spamassassin", "-L", "-t"], input=content, capture_output=True, check=False)
    report = run.stdout.decode("utf-8", "replace").rpartition("Content analysis details:")[2]
    scores = [
        float(score) for score in re.findall(r"^\s*(-?\d+\.\d+) [A-Z][A-Z0-9_]+ ", report, re.MULTILINE)
    ]
    assert scores, report
    return sum(scores), report


@pytest.mark.services
@pytest.mark.parametrize(
    "kind",
    [
        "digest", "long", "quiet", "confirm", "links", "goodbye", "welcome", "weekly", "catch_up", "compact",
        "text",
    ],
)  # fmt: skip
def test_a_spam_filter_accepts_the_mails(
    renderer: Renderer,
    make_content: Callable[..., DigestContent],
    make_message: Callable[..., Message],
    confirmation: ConfirmationContent,
    make_own_links: Callable[..., LinksContent],
    goodbye: GoodbyeContent,
    kind: str,
) -> None:
    made: dict[str, Callable[[], RenderedMail]] = {
        "digest": lambda: renderer.digest(make_content()),
        "long": lambda: renderer.digest(make_content(20, 10)),
        "quiet": lambda: renderer.digest(make_content(0, 0, note="arXiv announced nothing today.")),
        "confirm": lambda: renderer.confirm(confirmation),
        "links": lambda: renderer.links(make_own_links()),
        "goodbye": lambda: renderer.goodbye(goodbye),
        "compact": lambda: renderer.digest(make_content(layout=Layout.COMPACT)),
        "text": lambda: renderer.digest(make_content(layout=Layout.TEXT)),
        **{
            one.value: partial(renderer.digest, make_content(kind=one, away_since=date(2025, 11, 1)))
            for one in (Kind.WELCOME, Kind.WEEKLY, Kind.CATCH_UP)
        },
    }
    words = made[kind]()
    changes = {"headers": transactional_headers()} if kind in {"confirm", "links", "goodbye"} else {}
    message = make_message(subject=words.subject, text=words.text, html=words.html, **changes)
    added, report = points(message.to_bytes())
    assert added <= 0.0, report
