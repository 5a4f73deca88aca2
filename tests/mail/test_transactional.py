import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from digest.domain.pick import Card
from digest.mail.content import ConfirmationContent, LinksContent
from digest.mail.rendering import Renderer
from tests.mail.html_page import HOSTILE, Page


def test_a_confirmation_asks_and_explains(renderer: Renderer, confirmation: ConfirmationContent) -> None:
    words = renderer.confirm(confirmation)
    page = Page(words.html)
    assert words.subject == "Please confirm: Trending papers in your inbox"
    assert page.links.count(confirmation.confirm_url) == 2
    assert confirmation.confirm_url in words.text.split("\n")
    for text in (page.text, " ".join(words.text.split())):
        assert "The link works for 7 days." in text
        assert "If you did not ask for this, do nothing" in text
        assert "nsubscribe" not in text
    assert page.faults == []
    assert len(words.html) < 15_000


def test_a_subscribers_links_stand_in_both_parts(
    renderer: Renderer, make_own_links: Callable[..., LinksContent]
) -> None:
    own = make_own_links()
    words = renderer.links(own)
    page = Page(words.html)
    assert words.subject == "Your links: Trending papers in your inbox"
    every = [own.preferences_url, own.feed_url, own.unsubscribe_url, *(url for _, url in own.past)]
    assert page.links == [*every, own.web_url]
    assert [line for line in words.text.split("\n") if "://" in line] == [*every, own.web_url]
    for text in (page.text, " ".join(words.text.split())):
        assert "keep this mail to yourself" in text
        assert "If you did not ask for it, do nothing" in text
        assert text.index("22 November 2025") < text.index("21 November 2025")
    assert "YOUR LAST DIGESTS\n=================\n\n22 November 2025:\nhttps://" in words.text
    assert all(len(line) <= 72 for line in words.text.split("\n") if "://" not in line)
    assert "\n\n\n\n" not in words.text
    assert page.faults == []
    assert len(page.all("h1")) == 1
    assert len(words.html) < 15_000


def test_a_subscriber_without_digests_gets_the_other_links(
    renderer: Renderer, make_own_links: Callable[..., LinksContent]
) -> None:
    words = renderer.links(make_own_links(0))
    page = Page(words.html)
    assert page.faults == []
    assert len(page.links) == 4
    assert "last digests" not in (words.html + words.text).lower()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_operator_harms_no_mail_that_was_asked_for(
    renderer: Renderer,
    confirmation: ConfirmationContent,
    make_own_links: Callable[..., LinksContent],
    text: str,
) -> None:
    """The one part of these mails that is not written here is what the settings say."""
    for usual, words in (
        (
            renderer.confirm(confirmation),
            renderer.confirm(replace(confirmation, operator=text, postal_address=text)),
        ),
        (
            renderer.links(make_own_links()),
            renderer.links(make_own_links(operator=text, postal_address=text)),
        ),
    ):
        page = Page(words.html)
        assert page.faults == []
        assert page.links == Page(usual.html).links
        assert {tag for tag, _ in page.elements} == {tag for tag, _ in Page(usual.html).elements}
        assert words.subject == usual.subject
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ud800-\udfff]", words.html + words.text)
        assert "\nBcc:" not in words.text


def test_a_card_survives_json(make_card: Callable[..., Card]) -> None:
    import json

    card = make_card(title="Grüße \ud800", authors=("é",))
    assert Card.from_json(json.loads(json.dumps(card.to_json()))) == card
