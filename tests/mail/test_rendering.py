"""Letters rendered: what a reader sees, and that no paper can spoil it."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.mail.letter import Card, Confirmation, Letter, OwnLinks, Pick, Words
from digest.mail.quoted import quoted_printable
from digest.mail.rendering import HTML_LIMIT, Renderer

HOSTILE = (
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    '"><a href="https://evil.example.org">click</a>',
    "{{ 7 * 7 }}{% raw %}[[ subject ]][% block x %]",
    "safe\u202egpj.exe \u200b\ufeff\x00\x07",
    "line one\r\nBcc: all@example.net\r\n\r\nline two",
    r"$\mathbb{R}^{n \times m}$ \textbf{and} \% \& {\"o}",
    "שלום עולם: רשתות נוירונים",
    "👩🏽\u200d🔬 emoji 🧪" * 20,
    "x" * 10_000,
    "word " * 2_000,
    "&lt;b&gt; &amp; Tom & Jerry's",
    "<!--[if mso]>",
    "\ud800 half a character",
)


class Page(HTMLParser):
    """What a mail program makes of the HTML: its elements, links and readable text."""

    VOID = frozenset({"meta", "br", "img", "hr", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "title"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def links(self) -> list[str]:
        return [attributes.get("href") or "" for tag, attributes in self.elements if tag == "a"]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def digest(renderer: Renderer, make_letter: Callable[..., Letter]) -> Words:
    return renderer.digest(make_letter())


def test_html_says_all_that_the_letter_holds(digest: Words, make_letter: Callable[..., Letter]) -> None:
    page = Page(digest.html)
    letter = make_letter()
    for words in (
        "Saturday, 22 November 2025",
        "7 for you · 3 everyone reads, out of 612 new papers",
        "You asked for: gaussian splatting, novel view synthesis",
        "For you",
        "What everyone reads",
        "Sparse splats: rendering rooms from 10 photographs",
        "Ada Grün, Bo Li, Chidi Okafor and 2 more",
        "cs.CV · 21 November 2025 · 38 upvotes, +21 today",
        "We render whole rooms from a handful of photographs. Our splats",
        "Because of: gaussian splatting, novel view synthesis",
        "You get this mail every day",
        "Ada Grün, Example University · Example University, 1 Science Road, 12345 Exampleton",
    ):
        assert words in page.text, words
    for pick in letter.picks:
        for url in (
            pick.card.abstract_url,
            pick.card.pdf_url,
            pick.card.links[0][1],
            pick.more_url,
            pick.less_url,
        ):
            assert url in page.links
    for url in (letter.preferences_url, letter.unsubscribe_url, letter.web_url):
        assert url in page.links
    assert page.faults == []


def test_text_is_a_digest_of_its_own(digest: Words, make_letter: Callable[..., Letter]) -> None:
    text = digest.text
    assert text.startswith("TRENDING PAPERS\nSaturday, 22 November 2025\n\n7 for you · 3 everyone reads")
    assert "\nFOR YOU\n=======\n" in text
    assert "\nWHAT EVERYONE READS\n" in text
    for number in range(1, 11):
        assert f"\n{number:>2}. Sparse splats: rendering rooms from {number} photographs\n" in text
    for pick in make_letter().picks:
        assert re.search(rf"^    Abstract: +{re.escape(pick.card.abstract_url)}$", text, re.MULTILINE)
        assert re.search(rf"^    Less like this: {re.escape(pick.less_url)}$", text, re.MULTILINE)
    assert "Unsubscribe:     https://papers.example.org/unsubscribe/" in text
    assert all(len(line) <= 72 for line in text.split("\n") if "://" not in line)
    assert "\n\n\n\n" not in text
    assert not re.search(r"[ \t]\n|<|&\w+;", text)


def test_the_subject_carries_the_date_and_the_best_title(
    renderer: Renderer, make_letter: Callable[..., Letter]
) -> None:
    assert renderer.digest(make_letter()).subject == (
        "Papers for 22 Nov: Sparse splats: rendering rooms from 1 photographs and 9 more"
    )
    assert renderer.digest(make_letter(0, 1)).subject == (
        "Papers for 22 Nov: Sparse splats: rendering rooms from 1 photographs"
    )
    assert renderer.digest(make_letter(1, 0, {"title": "Tom & Jerry's <b>"})).subject == (
        "Papers for 22 Nov: Tom & Jerry's <b>"
    )


def test_the_layout_is_open_to_screen_readers(digest: Words) -> None:
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


def test_nothing_is_loaded_and_nothing_tracks(digest: Words) -> None:
    page = Page(digest.html)
    assert not {"img", "script", "link", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not re.search(r"url\(|@import|@font-face", digest.html)
    assert all(re.match(r"https://[^/]+/", link) for link in page.links)
    assert {link.split("/")[2] for link in page.links} == {
        "papers.example.org",
        "arxiv.org",
        "code.example.org",
    }


def test_no_template_is_left_over_and_what_outlook_reads_is_kept(digest: Words) -> None:
    assert not re.search(r"\{\{|\{%|\[\[|\[%", digest.html + digest.text + digest.subject)
    assert digest.html.count("<!--[if") == digest.html.count("<![endif]")
    assert "<!--[if mso | IE]>" in digest.html
    assert digest.html.isascii()


def test_ten_papers_stay_small(digest: Words) -> None:
    assert len(digest.html) <= 35_000


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_paper_harms_nobody(
    renderer: Renderer, make_letter: Callable[..., Letter], text: str
) -> None:
    card: dict[str, object] = {
        "title": text,
        "authors": (text, text),
        "abstract": text,
        "categories": (text,),
        "popularity": text,
        "links": ((text, "https://code.example.org/splats"),),
    }
    usual = Page(renderer.digest(make_letter()).html)
    letter = make_letter(card=card, about=text, note=text, operator=text, postal_address=text)
    letter = replace(letter, picks=tuple(replace(pick, reason=text) for pick in letter.picks))
    words = renderer.digest(letter)
    page = Page(words.html)
    assert page.faults == []
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in usual.elements}
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
def test_an_address_that_is_none_is_shown_as_no_link(
    renderer: Renderer, make_letter: Callable[..., Letter], url: str
) -> None:
    card: dict[str, object] = {"abstract_url": url, "pdf_url": url, "links": (("Code", url),)}
    words = renderer.digest(make_letter(1, 0, card))
    page = Page(words.html)
    assert all(link.startswith("https://papers.example.org/") for link in page.links)
    assert "Sparse splats: rendering rooms from 1 photographs" in page.text
    assert "Abstract:" not in words.text


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(title=st.text(max_size=400), abstract=st.text(max_size=900), reason=st.text(max_size=300))
def test_any_text_makes_a_sound_mail(
    renderer: Renderer, make_letter: Callable[..., Letter], title: str, abstract: str, reason: str
) -> None:
    letter = make_letter(1, 1, {"title": title, "abstract": abstract})
    words = renderer.digest(
        replace(letter, picks=tuple(replace(pick, reason=reason) for pick in letter.picks))
    )
    assert Page(words.html).faults == []
    assert len(words.subject.splitlines()) == 1
    words.subject.encode()
    words.html.encode("ascii")


def test_thirty_papers_with_sixty_authors_fit(renderer: Renderer, make_letter: Callable[..., Letter]) -> None:
    card: dict[str, object] = {
        "title": "A title \u2014 with “quotes” of three hundred letters " * 10,
        "authors": tuple(f"Author Número {number}" for number in range(60)),
        "abstract": "A sentence \u2014 with “quotes” and ünusual letters. " * 40,
    }
    words = renderer.digest(make_letter(20, 10, card))
    assert len(quoted_printable(words.html)) <= HTML_LIMIT
    assert words.dropped == ()
    assert len(Page(words.html).all("h3")) == 30


def test_a_mail_too_long_loses_its_lowest_papers_and_says_so(
    renderer: Renderer, make_letter: Callable[..., Letter]
) -> None:
    card: dict[str, object] = {"title": "漢" * 300, "abstract": "é" * 900}
    letter = make_letter(40, 20, card)
    words = renderer.digest(letter)
    page = Page(words.html)
    assert len(quoted_printable(words.html)) <= HTML_LIMIT
    assert words.dropped
    everyone = [pick.card.paper_id for pick in letter.picks if pick.section == "everyone"]
    for_you = [pick.card.paper_id for pick in letter.picks if pick.section == "for_you"]
    order = [*reversed(everyone), *reversed(for_you)]
    assert set(words.dropped) == set(order[: len(words.dropped)])
    assert len(page.all("h3")) == 60 - len(words.dropped)
    assert f"{len(words.dropped)} more on the web page" in page.text
    assert f"{len(words.dropped)} more on the web page" in words.text
    assert letter.unsubscribe_url in page.links
    assert "1 Science Road" in page.text
    assert f"and {60 - len(words.dropped) - 1} more" in words.subject


def test_a_paper_in_both_texts_is_the_same_paper(
    renderer: Renderer, make_letter: Callable[..., Letter]
) -> None:
    card: dict[str, object] = {"title": "漢" * 300, "abstract": "é" * 900}
    words = renderer.digest(make_letter(40, 20, card))
    assert len(re.findall(r"^ ?\d+\. ", words.text, re.MULTILINE)) == len(Page(words.html).all("h3"))


def test_a_quiet_day_is_told(renderer: Renderer, make_letter: Callable[..., Letter]) -> None:
    note = "arXiv announced nothing today: it is a holiday there."
    words = renderer.digest(make_letter(0, 0, note=note, considered=0))
    assert words.subject == "Papers for 22 Nov: a quiet day"
    assert note in Page(words.html).text
    assert note in words.text
    assert "0 new papers looked at" in words.text
    assert "Unsubscribe" in words.text
    assert Page(words.html).all("h2") == []


def test_a_reader_without_feedback_links_or_reasons_gets_none(
    renderer: Renderer, make_letter: Callable[..., Letter]
) -> None:
    letter = make_letter(2, 0, about="")
    bare = replace(
        letter, picks=tuple(replace(pick, reason="", more_url="", less_url="") for pick in letter.picks)
    )
    words = renderer.digest(bare)
    for text in (words.html, words.text):
        assert "like this" not in text
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
def test_the_foot_says_how_often(
    renderer: Renderer, make_letter: Callable[..., Letter], frequency: str, shown: str
) -> None:
    assert f"You get this mail {shown} because" in renderer.digest(make_letter(frequency=frequency)).text


def test_the_same_letter_is_the_same_mail_from_any_renderer(
    make_letter: Callable[..., Letter], templates: Path
) -> None:
    first, second = Renderer(templates), Renderer(templates, kept_cards=1)
    second.digest(make_letter(30, 10))
    assert first.digest(make_letter()) == second.digest(make_letter())


def test_a_card_is_rendered_once_for_all_readers(
    make_letter: Callable[..., Letter], make_card: Callable[..., Card], templates: Path
) -> None:
    renderer = Renderer(templates, kept_cards=10)
    words = [renderer.digest(make_letter(about=f"topic {number}")) for number in range(5)]
    assert len({one.html for one in words}) == 5
    assert renderer.kept() == (10, 40)
    # Equal cards are one card, wherever they came from; and no more are kept than was asked.
    again = Card.from_json(make_card(1).to_json())
    pick = Pick(again, "for_you", "", "", "")
    renderer.digest(make_letter(picks=(pick,)))
    assert renderer.kept() == (10, 41)
    renderer.digest(make_letter(30, 0))
    assert renderer.kept()[0] == 10


def test_a_confirmation_asks_and_explains(renderer: Renderer, confirmation: Confirmation) -> None:
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


def test_a_readers_links_stand_in_both_parts(
    renderer: Renderer, make_own_links: Callable[..., OwnLinks]
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


def test_a_reader_without_digests_gets_the_other_links(
    renderer: Renderer, make_own_links: Callable[..., OwnLinks]
) -> None:
    words = renderer.links(make_own_links(0))
    page = Page(words.html)
    assert page.faults == []
    assert len(page.links) == 4
    assert "last digests" not in (words.html + words.text).lower()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_operator_harms_no_mail_that_was_asked_for(
    renderer: Renderer, confirmation: Confirmation, make_own_links: Callable[..., OwnLinks], text: str
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
