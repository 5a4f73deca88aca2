"""Rendered mails: their contents, and hostile papers."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.domain.delivery import Section
from digest.domain.pick import Card
from digest.mail.content import DigestContent, PickContent
from digest.mail.quoted_printable import quoted_printable
from digest.mail.rendering import HTML_LIMIT, RenderedMail, Renderer
from tests.mail.html_page import HOSTILE, Page


@pytest.fixture(scope="module")
def digest(renderer: Renderer, make_content: Callable[..., DigestContent]) -> RenderedMail:
    return renderer.digest(make_content())


def test_the_html_has_all_of_the_content(
    digest: RenderedMail, make_content: Callable[..., DigestContent]
) -> None:
    page = Page(digest.html)
    content = make_content()
    for words in (
        "Saturday 22 Nov",
        "10 papers, 4 minutes",
        "7 for you · 3 everyone reads, out of 612 new papers",
        "You asked for: gaussian splatting, novel view synthesis",
        "For you",
        "What everyone reads",
        "Sparse splats: rendering rooms from 10 photographs",
        "1. Sparse splats: rendering rooms from 1 photographs",
        "Ada Grün, Bo Li … Eve Tanaka",
        "Computer Vision · 21 Nov · 38 upvotes, +21",
        "We render whole rooms from a handful of photographs.",
        "More like this",
        "Was this a good digest? Yes / No",
        "Matches gaussian splatting — novel view synthesis.",
        "You get this mail every day",
        "Ada Grün, Example University · Example University, 1 Science Road, 12345 Exampleton",
    ):
        assert words in page.text, words
    for pick in content.picks:
        for url in (
            pick.card.abstract_url,
            pick.card.pdf_url,
            pick.card.links[0][1],
            f"{pick.feedback_url}/more",
            f"{pick.feedback_url}/less",
        ):
            assert url in page.links
    for url in (
        content.preferences_url,
        content.unsubscribe_url,
        content.web_url,
        f"{content.opinion_url}/yes",
        f"{content.opinion_url}/no",
    ):
        assert url in page.links
    # The title is the link to the abstract.
    assert "Abstract" not in page.text
    assert page.faults == []


def test_the_text_part_is_a_complete_digest(
    digest: RenderedMail, make_content: Callable[..., DigestContent]
) -> None:
    text = digest.text
    assert text.startswith(
        "TRENDING PAPERS\nSaturday, 22 November 2025\n\n10 papers, 4 minutes\n7 for you · 3 everyone reads"
    )
    assert "\nFOR YOU\n=======\n" in text
    assert "\nWHAT EVERYONE READS\n" in text
    for number in range(1, 11):
        assert f"\n{number:>2}. Sparse splats: rendering rooms from {number} photographs [{number}]\n" in text
    papers, _, addresses = text.partition("\nADDRESSES\n=========\n")
    for number, pick in enumerate(make_content().picks, 1):
        assert f"\n    More or less like this: {pick.feedback_url}\n" in papers
        assert re.search(rf"^\[{number}\] +{re.escape(pick.card.abstract_url)}$", addresses, re.MULTILINE)
        assert re.search(rf"^     PDF:     {re.escape(pick.card.pdf_url)}$", addresses, re.MULTILINE)
    # The only address in the list of papers is the short one for feedback.
    assert len(re.findall("https?://", papers)) == 10
    assert "Unsubscribe:     https://papers.example.org/unsubscribe/" in text
    assert all(len(line) <= 72 for line in text.split("\n") if "://" not in line)
    assert "\n\n\n\n" not in text
    assert f"\nYes: {make_content().opinion_url}/yes\n" in text
    assert not re.search(r"[ \t]\n|<|&\w+;", text)


def test_the_subject_has_the_best_title_and_the_count(
    renderer: Renderer, make_content: Callable[..., DigestContent]
) -> None:
    assert renderer.digest(make_content()).subject == (
        "Sparse splats: rendering rooms from 1 photographs, and 9 more"
    )
    assert renderer.digest(make_content(0, 1)).subject == (
        "Sparse splats: rendering rooms from 1 photographs"
    )
    assert renderer.digest(make_content(1, 0, {"title": "Tom & Jerry's <b>"})).subject == (
        "Tom & Jerry's <b>"
    )


def test_the_layout_is_accessible_to_screen_readers(digest: RenderedMail) -> None:
    page = Page(digest.html)
    assert page.elements[0][0] == "html"
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert len(page.all("h2")) == 2
    assert len(page.all("h3")) == 10
    assert re.findall(r"<table(?![^>]*role=\"presentation\")", digest.html) == []
    assert all(heading["dir"] == "auto" for heading in page.all("h3"))
    assert all(image.get("alt") is not None for image in page.all("img"))
    assert {"color-scheme", "supported-color-schemes"} <= {meta.get("name") for meta in page.all("meta")}


def test_nothing_is_loaded_and_nothing_tracks(digest: RenderedMail) -> None:
    page = Page(digest.html)
    assert not {"img", "script", "link", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not re.search(r"url\(|@import|@font-face", digest.html)
    assert all(re.match(r"https://[^/]+/", link) for link in page.links)
    assert {link.split("/")[2] for link in page.links} == {
        "papers.example.org",
        "arxiv.org",
        "code.example.org",
    }


def test_no_template_code_remains_and_outlook_comments_are_kept(digest: RenderedMail) -> None:
    assert not re.search(r"\{\{|\{%|\[\[|\[%", digest.html + digest.text + digest.subject)
    assert digest.html.count("<!--[if") == digest.html.count("<![endif]")
    assert "<!--[if mso | IE]>" in digest.html
    assert digest.html.isascii()


def test_ten_papers_stay_small(digest: RenderedMail) -> None:
    assert len(digest.html) <= 35_000


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_paper_is_escaped(
    renderer: Renderer, make_content: Callable[..., DigestContent], text: str
) -> None:
    card: dict[str, object] = {
        "title": text,
        "authors": (text, text),
        "abstract": text,
        "categories": (text,),
        "popularity": text,
        "links": ((text, "https://code.example.org/splats"),),
    }
    usual = Page(renderer.digest(make_content()).html)
    content = make_content(card=card, about=text, note=text, operator=text, postal_address=text)
    content = replace(content, picks=tuple(replace(pick, reason=text) for pick in content.picks))
    words = renderer.digest(content)
    page = Page(words.html)
    assert page.faults == []
    # The usual reason has an emphasis, this one has none.
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in usual.elements} - {"em"}
    assert set(page.links) == set(usual.links)
    assert len(words.subject.splitlines()) == 1
    assert len(words.subject) <= 120
    assert len(quoted_printable(words.html)) <= HTML_LIMIT
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f\u202e\ud800-\udfff]", words.html + words.text + words.subject
    )
    assert "\nBcc:" not in words.text
    quoted_printable(words.text)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "/abs/1",
        "//evil.example.org",
        "data:text/html,x",
        "",
        'https://a"b',
        "https://a b",
    ],
)
def test_an_invalid_url_is_not_a_link(
    renderer: Renderer, make_content: Callable[..., DigestContent], url: str
) -> None:
    card: dict[str, object] = {"abstract_url": url, "pdf_url": url, "links": (("Code", url),)}
    words = renderer.digest(make_content(1, 0, card))
    page = Page(words.html)
    assert all(link.startswith("https://papers.example.org/") for link in page.links)
    assert "Sparse splats: rendering rooms from 1 photographs" in page.text
    assert "[1]" not in words.text


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(title=st.text(max_size=400), abstract=st.text(max_size=900), reason=st.text(max_size=300))
def test_any_text_gives_a_valid_mail(
    renderer: Renderer, make_content: Callable[..., DigestContent], title: str, abstract: str, reason: str
) -> None:
    content = make_content(1, 1, {"title": title, "abstract": abstract})
    words = renderer.digest(
        replace(content, picks=tuple(replace(pick, reason=reason) for pick in content.picks))
    )
    assert Page(words.html).faults == []
    assert len(words.subject.splitlines()) == 1
    words.subject.encode()
    words.html.encode("ascii")


def test_the_note_of_a_quiet_day_is_shown(
    renderer: Renderer, make_content: Callable[..., DigestContent]
) -> None:
    note = "arXiv announced nothing today: it is a holiday there."
    words = renderer.digest(make_content(0, 0, note=note, considered=0))
    assert words.subject == "Saturday: a quiet day, no papers for you"
    assert note in Page(words.html).text
    assert note in words.text
    assert "0 new papers looked at" in words.text
    assert "Unsubscribe" in words.text
    assert Page(words.html).all("h2") == []


def test_missing_feedback_links_and_reasons_are_left_out(
    renderer: Renderer, make_content: Callable[..., DigestContent]
) -> None:
    content = make_content(2, 0, about="")
    bare = replace(content, picks=tuple(replace(pick, reason="", feedback_url="") for pick in content.picks))
    words = renderer.digest(bare)
    for text in (words.html, words.text):
        assert "like this" not in text.partition("------")[0]
        assert "Because" not in text
        assert "You asked for" not in text


@pytest.mark.parametrize(
    ("frequency", "shown"),
    [
        ("daily", "every day"),
        ("weekdays", "on weekdays"),
        ("weekly", "once a week"),
        ("every Monday", "every Monday"),
    ],
)
def test_the_footer_says_how_often(
    renderer: Renderer, make_content: Callable[..., DigestContent], frequency: str, shown: str
) -> None:
    assert f"You get this mail {shown} because" in renderer.digest(make_content(frequency=frequency)).text


def test_equal_content_gives_an_equal_mail_from_any_renderer(
    make_content: Callable[..., DigestContent], templates: Path
) -> None:
    first, second = Renderer(templates), Renderer(templates, cached_cards=1)
    second.digest(make_content(30, 10))
    assert first.digest(make_content()) == second.digest(make_content())


def test_a_card_is_rendered_once_for_all_subscribers(
    make_content: Callable[..., DigestContent], make_card: Callable[..., Card], templates: Path
) -> None:
    renderer = Renderer(templates, cached_cards=10)
    words = [renderer.digest(make_content(about=f"topic {number}")) for number in range(5)]
    assert len({one.html for one in words}) == 5
    assert renderer.cache_counts() == (10, 40)
    # Equal cards share one cache entry, and the cache is limited.
    again = Card.from_json(make_card(1).to_json())
    pick = PickContent(again, Section.FOR_YOU, "", "")
    renderer.digest(make_content(picks=(pick,)))
    assert renderer.cache_counts() == (10, 41)
    renderer.digest(make_content(30, 0))
    assert renderer.cache_counts()[0] == 10
