"""Mails of every kind, byte for byte as in the files of `golden/`, so that a change of their look is seen in review.

DIGEST_TEST_RENEW=1 writes the files anew.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from digest.domain.delivery import Kind
from digest.domain.subscriber import Layout
from digest.mail.content import ConfirmationContent, DigestContent, GoodbyeContent, LinksContent
from digest.mail.rendering import RenderedMail, Renderer

GOLDEN = Path(__file__).parent / "golden"
KINDS = (
    "digest", "compact", "text", "quiet", "welcome", "welcome_without_papers", "weekly", "catch_up", "goodbye",
    "confirm", "links",
)  # fmt: skip


@pytest.fixture(scope="module")
def mails(
    renderer: Renderer,
    make_content: Callable[..., DigestContent],
    confirmation: ConfirmationContent,
    make_own_links: Callable[..., LinksContent],
    goodbye: GoodbyeContent,
) -> dict[str, RenderedMail]:
    content = make_content(1, 1)
    picks = (replace(content.picks[0], author="Dana Novák"), content.picks[1])
    content = replace(content, picks=picks)
    nothing = replace(content, picks=(), considered=0, note="arXiv announced nothing today.")
    marked = (("A paper with a title", "https://arxiv.org/abs/2511.00009"),)
    return {
        "digest": renderer.digest(content),
        "compact": renderer.digest(replace(content, layout=Layout.COMPACT)),
        "text": renderer.digest(replace(content, layout=Layout.TEXT)),
        "quiet": renderer.digest(nothing),
        "welcome": renderer.digest(replace(content, kind=Kind.WELCOME)),
        "welcome_without_papers": renderer.digest(replace(nothing, kind=Kind.WELCOME, about="", note="")),
        "weekly": renderer.digest(replace(content, kind=Kind.WEEKLY, marked=marked)),
        "catch_up": renderer.digest(replace(content, kind=Kind.CATCH_UP, away_since=date(2025, 11, 1))),
        "goodbye": renderer.goodbye(goodbye),
        "confirm": renderer.confirm(confirmation),
        "links": renderer.links(make_own_links()),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_is_as_its_golden_files(mails: dict[str, RenderedMail], kind: str) -> None:
    mail = mails[kind]
    written = {f"{kind}.txt": f"Subject: {mail.subject}\n\n{mail.text}", f"{kind}.html": mail.html}
    for name, content in written.items():
        file = GOLDEN / name
        if os.environ.get("DIGEST_TEST_RENEW") and content:
            GOLDEN.mkdir(exist_ok=True)
            file.write_text(content, encoding="utf-8")
        assert content == (file.read_text(encoding="utf-8") if file.exists() else ""), name


def test_every_golden_file_belongs_to_a_mail() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(KINDS)
