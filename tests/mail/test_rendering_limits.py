import re
from collections.abc import Callable

from digest.mail.content import DigestContent
from digest.mail.quoted_printable import quoted_printable
from digest.mail.rendering import HTML_LIMIT, Renderer
from tests.mail.html_page import Page


def test_thirty_papers_with_sixty_authors_fit(
    renderer: Renderer, make_content: Callable[..., DigestContent]
) -> None:
    card: dict[str, object] = {
        "title": "A title \u2014 with “quotes” of three hundred letters " * 10,
        "authors": tuple(f"Author Número {number}" for number in range(60)),
        "abstract": "A sentence \u2014 with “quotes” and ünusual letters. " * 40,
    }
    words = renderer.digest(make_content(20, 10, card))
    assert len(quoted_printable(words.html)) <= HTML_LIMIT
    assert words.dropped == ()
    assert len(Page(words.html).all("h3")) == 30


def test_a_mail_that_is_too_long_drops_its_lowest_papers_and_says_so(
    renderer: Renderer, make_content: Callable[..., DigestContent]
) -> None:
    card: dict[str, object] = {"title": "漢" * 300, "abstract": "é" * 900}
    content = make_content(40, 20, card)
    words = renderer.digest(content)
    page = Page(words.html)
    assert len(quoted_printable(words.html)) <= HTML_LIMIT
    assert words.dropped
    everyone = [pick.card.paper_id for pick in content.picks if pick.section == "everyone"]
    for_you = [pick.card.paper_id for pick in content.picks if pick.section == "for_you"]
    order = [*reversed(everyone), *reversed(for_you)]
    assert set(words.dropped) == set(order[: len(words.dropped)])
    assert len(page.all("h3")) == 60 - len(words.dropped)
    assert f"{len(words.dropped)} more on the web page" in page.text
    assert f"{len(words.dropped)} more on the web page" in words.text
    assert content.unsubscribe_url in page.links
    assert "1 Science Road" in page.text
    assert f"and {60 - len(words.dropped) - 1} more" in words.subject


def test_text_and_html_have_the_same_number_of_papers(
    renderer: Renderer, make_content: Callable[..., DigestContent]
) -> None:
    card: dict[str, object] = {"title": "漢" * 300, "abstract": "é" * 900}
    words = renderer.digest(make_content(40, 20, card))
    assert len(re.findall(r"^ ?\d+\. ", words.text, re.MULTILINE)) == len(Page(words.html).all("h3"))
