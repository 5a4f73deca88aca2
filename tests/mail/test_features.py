"""What mails use of HTML and CSS: what is listed in docs/mails.md, and nothing more.

The list was checked with caniemail: at most twelve of the features are missing in one of the large mail programs.
"""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from digest.domain.delivery import Kind
from digest.domain.subscriber import Layout
from digest.mail.content import ConfirmationContent, DigestContent, GoodbyeContent, LinksContent
from digest.mail.quoted_printable import quoted_printable
from digest.mail.rendering import Renderer

PROPERTIES = frozenset(
    [
        "-webkit-text-size-adjust",
        "background",
        "background-color",
        "border",
        "border-collapse",
        "border-color",
        "border-radius",
        "border-top",
        "color",
        "direction",
        "display",
        "font",
        "font-family",
        "font-size",
        "font-weight",
        "line-height",
        "margin",
        "max-width",
        "mso-hide",
        "mso-padding-alt",
        "padding",
        "padding-bottom",
        "padding-left",
        "padding-right",
        "padding-top",
        "text-align",
        "text-decoration",
        "vertical-align",
        "width",
        "word-break",
    ]
)
ELEMENTS = frozenset(
    [
        "a",
        "b",
        "body",
        "br",
        "div",
        "em",
        "h1",
        "h2",
        "h3",
        "head",
        "html",
        "i",
        "meta",
        "p",
        "span",
        "style",
        "table",
        "tbody",
        "td",
        "title",
        "tr",
    ]
)
SELECTOR = re.compile(r"\.[a-z]+|\[data-ogs[bc]\] \.[a-z]+")
CONDITIONS = {"(max-width:480px)", "(prefers-color-scheme:dark)"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "mails.md"


class Used(HTMLParser):
    """Collects the elements and the properties of inline styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.properties: set[str] = set()
        self.feed(re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.properties |= properties(dict(attrs).get("style") or "")

    handle_startendtag = handle_starttag


def properties(declarations: str) -> set[str]:
    return {part.partition(":")[0].strip() for part in declarations.split(";") if ":" in part}


@pytest.fixture(scope="module")
def mails(
    renderer: Renderer,
    make_content: Callable[..., DigestContent],
    confirmation: ConfirmationContent,
    make_own_links: Callable[..., LinksContent],
    goodbye: GoodbyeContent,
) -> list[str]:
    return [
        renderer.digest(make_content()).html,
        renderer.digest(make_content(layout=Layout.COMPACT)).html,
        renderer.digest(make_content(0, 0)).html,
        *(
            renderer.digest(make_content(kind=kind)).html
            for kind in (Kind.WELCOME, Kind.WEEKLY, Kind.CATCH_UP)
        ),
        renderer.confirm(confirmation).html,
        renderer.links(make_own_links()).html,
        renderer.goodbye(goodbye).html,
    ]


def test_mails_use_only_elements_and_properties_of_the_list(mails: list[str]) -> None:
    for html in mails:
        used = Used(html)
        assert used.elements <= ELEMENTS
        assert used.properties <= PROPERTIES


def test_style_sheets_use_only_classes_and_two_conditions(mails: list[str]) -> None:
    for html in mails:
        shown = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
        (sheet,) = re.findall(r"<style[^>]*>(.*?)</style>", shown, re.DOTALL)
        assert set(re.findall(r"@media\s*([^{]+)\{", sheet)) == CONDITIONS
        plain = re.sub(r"@media[^{]+\{", "", sheet)
        rules = re.findall(r"([^{}]+)\{([^{}]*)\}", plain)
        assert len(rules) > 15
        for selectors, declarations in rules:
            assert properties(declarations) <= PROPERTIES
            for selector in selectors.split(","):
                assert SELECTOR.fullmatch(selector.strip()), selector


def test_outlook_gets_widths_and_line_heights(mails: list[str]) -> None:
    for html in mails:
        assert 'width="600"' in html
        assert "mso-line-height-rule:exactly" in html
        assert "mso-table-lspace:0pt" in html
    assert "mso-padding-alt" in mails[0]


def test_ten_papers_have_at_most_40_kb(mails: list[str]) -> None:
    assert len(quoted_printable(mails[0])) <= 40_000


def test_every_feature_that_a_client_lacks_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text.partition("| Feature |")[2].partition("\n\n")[0]
    rows = [line for line in table.splitlines()[2:] if line.startswith("|")]
    assert 0 < len(rows) <= 12
    assert all(len([cell for cell in row.split("|") if cell.strip()]) == 3 for row in rows)
