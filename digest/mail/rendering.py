"""Mail templates filled for one reader: Letter or Confirmation in, Words out.

Each mail is a folder of three files, `subject.txt`, `body.txt` and `body.mjml`, over the same three in
`_base/`. HTML is escaped, text and subject are not, and a variable nobody set is an error in all three.
What a mail shows of a paper is equal for all its readers: `card.html` and `card.txt` are filled once per
paper and kept; per reader there is only the reason and the links. The same letter gives the same words,
byte for byte.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import fill
from typing import Any

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from digest.mail import wording
from digest.mail.compiling import compile_mjml
from digest.mail.letter import Card, Confirmation, Letter, Pick, Section, Words
from digest.mail.quoted import transferred_size

__all__ = ["HTML_LIMIT", "Card", "Confirmation", "Letter", "Pick", "Renderer", "Section", "Words"]

HTML_LIMIT = 85_000
"""Bytes of HTML as transferred. Gmail cuts a mail near 102 kB and hides the unsubscribe link with it."""
TEXT_WIDTH = 72
_WEB_ADDRESS = re.compile(r"https?://[^\s\x00-\x20\x7f<>\"]{1,2000}")
TITLE_LIMIT = 300
ABOUT_LIMIT = 300
REASON_LIMIT = 200
NOTE_LIMIT = 600
OPERATOR_LIMIT = 300
LINKS_SHOWN = 4
CARD_FRAME = 500
"""The least that a card weighs beside what it says: its table row, the two feedback links."""
EXCERPT_LIMITS = (360, 180, 0)
"""Characters of an abstract, from what we like to show down to what fits in a very long mail."""
KEPT_CARDS = 4096
"""Papers kept rendered: a few editions' worth, some 5 kB each."""
SECTIONS: dict[Section, str] = {"for_you": "For you", "everyone": "What everyone reads"}


@dataclass(frozen=True, slots=True)
class _Fragments:
    """One paper rendered: what stands above the reason, and the links below it."""

    title: str
    paper_html: Markup
    links_html: Markup
    paper_text: str
    links_text: str


class Renderer:
    """Compiles every mail template below `templates` (the folder `templates/email`) once, at the start.

    One renderer may be used by several threads.
    """

    def __init__(self, templates: Path, kept_cards: int = KEPT_CARDS) -> None:
        self._html = _environment(_Compiled(templates), autoescape=True)
        self._text = _environment(FileSystemLoader(templates), autoescape=False)
        self._fragments = lru_cache(kept_cards)(self._render_card)

    def digest(self, letter: Letter) -> Words:
        """Return the words of a digest, its HTML at most HTML_LIMIT bytes when transferred.

        A long mail first has its abstracts shortened; then papers are left out, the lowest of what
        everyone reads first, then the reader's own. The mail says how many, `Words.dropped` says which.
        """
        picks = letter.picks
        for limit in EXCERPT_LIMITS:
            variables = self._digest_variables(letter, picks, limit)
            html = self._fill_html("digest", variables)
            excess = transferred_size(html, HTML_LIMIT) - HTML_LIMIT
            if excess <= 0:
                break
        while excess > 0 and picks:
            picks = self._without_lowest(picks, excess)
            variables = self._digest_variables(letter, picks, EXCERPT_LIMITS[-1])
            html = self._fill_html("digest", variables)
            excess = transferred_size(html, HTML_LIMIT) - HTML_LIMIT
        kept = {id(pick) for pick in picks}
        return Words(
            subject=variables["subject"],
            text=self._fill_text("digest", variables),
            html=html,
            dropped=tuple(pick.card.paper_id for pick in letter.picks if id(pick) not in kept),
        )

    def confirm(self, confirmation: Confirmation) -> Words:
        """Return the words of the mail that asks to confirm a subscription."""
        days = confirmation.expires_in_days
        variables: dict[str, Any] = {
            "confirm_url": confirmation.confirm_url,
            "days": f"{days} day{'s' * (days != 1)}",
            "web_url": confirmation.web_url,
            "preheader": "One tap, and the papers come to you.",
            "operator": wording.shorten(confirmation.operator, OPERATOR_LIMIT),
            "postal_address": _address_line(confirmation.postal_address),
        }
        variables["subject"] = self._subject("confirm", variables)
        return Words(
            subject=variables["subject"],
            text=self._fill_text("confirm", variables),
            html=self._fill_html("confirm", variables),
        )

    def kept(self) -> tuple[int, int]:
        """Return how many papers are kept rendered, and how often one was used again."""
        info = self._fragments.cache_info()
        return info.currsize, info.hits

    def _digest_variables(self, letter: Letter, picks: tuple[Pick, ...], limit: int) -> dict[str, Any]:
        """Return what the templates may name; picks become (heading, [(pick, fragments, reason)])."""
        shown = {
            key: [
                (pick, self._fragments(pick.card, limit), wording.shorten(pick.reason, REASON_LIMIT))
                for pick in picks
                if pick.section == key
            ]
            for key in SECTIONS
        }
        titles = [card.title for of_section in shown.values() for _, card, _ in of_section]
        variables: dict[str, Any] = {
            "letter": letter,
            "sections": [(SECTIONS[key], of_section) for key, of_section in shown.items() if of_section],
            "titles": titles,
            "dropped": len(letter.picks) - len(picks),
            "holdings": wording.holdings(len(shown["for_you"]), len(shown["everyone"]), letter.considered),
            "about": wording.shorten(letter.about, ABOUT_LIMIT),
            "note": wording.shorten(letter.note, NOTE_LIMIT),
            "frequency": wording.FREQUENCIES.get(letter.frequency) or wording.shorten(letter.frequency, 60),
            "preheader": wording.shorten("; ".join(titles[1:4]) or letter.note or letter.about, 150),
            "operator": wording.shorten(letter.operator, OPERATOR_LIMIT),
            "postal_address": _address_line(letter.postal_address),
        }
        variables["subject"] = self._subject("digest", variables)
        return variables

    def _subject(self, name: str, variables: dict[str, Any]) -> str:
        return wording.one_line(self._text.get_template(f"{name}/subject.txt").render(variables))

    def _fill_text(self, name: str, variables: dict[str, Any]) -> str:
        return self._text.get_template(f"{name}/body.txt").render(variables).strip("\n") + "\n"

    def _fill_html(self, name: str, variables: dict[str, Any]) -> str:
        """Return pure ASCII: character references are smaller and quicker on the way than encoded UTF-8."""
        html = self._html.get_template(f"{name}/body.html").render(variables)
        return html if html.isascii() else html.encode("ascii", "xmlcharrefreplace").decode("ascii")

    def _render_card(self, card: Card, limit: int) -> _Fragments:
        title = wording.shorten(card.title, TITLE_LIMIT) or card.paper_id
        paper = {
            "title": title,
            "url": card.abstract_url if _is_web_address(card.abstract_url) else "",
            "authors": wording.author_line(card.authors),
            "facts": " · ".join(
                filter(
                    None,
                    (
                        *(wording.shorten(category, 40) for category in card.categories[:1]),
                        wording.day(card.announced_on),
                        wording.shorten(card.popularity, 80),
                    ),
                )
            ),
            "excerpt": wording.excerpt(card.abstract, limit) if limit else "",
        }
        addresses = (("Abstract", card.abstract_url), ("PDF", card.pdf_url), *card.links[:LINKS_SHOWN])
        links = {
            "links": [(wording.shorten(label, 30), url) for label, url in addresses if _is_web_address(url)]
        }
        return _Fragments(
            title=title,
            paper_html=Markup(self._html.get_template("digest/paper.html").render(paper)),  # noqa: S704
            links_html=Markup(self._html.get_template("digest/links.html").render(links)),  # noqa: S704
            paper_text=self._text.get_template("digest/paper.txt").render(paper),
            links_text=self._text.get_template("digest/links.txt").render(links).rstrip("\n"),
        )

    def _without_lowest(self, picks: tuple[Pick, ...], excess: int) -> tuple[Pick, ...]:
        """Return the picks without as many of the lowest as free `excess` bytes, one at the least."""
        everyone = [pick for pick in picks if pick.section == "everyone"]
        for_you = [pick for pick in picks if pick.section == "for_you"]
        left_out = set[int]()
        for pick in (*reversed(everyone), *reversed(for_you)):
            if excess <= 0:
                break
            fragments = self._fragments(pick.card, EXCERPT_LIMITS[-1])
            excess -= len(fragments.paper_html) + len(fragments.links_html) + CARD_FRAME
            left_out.add(id(pick))
        return tuple(pick for pick in picks if id(pick) not in left_out)


class _Compiled(FileSystemLoader):
    """Loads `<name>/body.html` by compiling `<name>/body.mjml`; every other file as it stands."""

    def __init__(self, templates: Path) -> None:
        super().__init__(templates)
        self._bodies = {
            f"{path.parent.name}/body.html": compile_mjml(templates, path.parent.name)
            for path in sorted(templates.glob("[!_]*/body.mjml"))
        }

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if template in self._bodies:
            return self._bodies[template], template, lambda: True
        return super().get_source(environment, template)


def _environment(loader: BaseLoader, *, autoescape: bool) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=autoescape,  # noqa: S701 - off for plain text, where escaping would show
        undefined=StrictUndefined,
        auto_reload=False,
        keep_trailing_newline=False,
        extensions=[],
    )
    environment.filters.update(
        day=wording.day,
        short_day=wording.short_day,
        weekday=wording.weekday,
        shorten=wording.shorten,
        wrapped=_wrapped,
        ljust=str.ljust,
    )
    return environment


def _wrapped(text: str, indent: int = 0) -> str:
    """Return `text` in lines of TEXT_WIDTH columns, each indented; addresses are never broken."""
    margin = " " * indent
    if len(text) + indent <= TEXT_WIDTH:
        return margin + text
    return fill(
        text,
        TEXT_WIDTH,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


@lru_cache(64)
def _address_line(address: str) -> str:
    lines = (wording.one_line(line).rstrip(",") for line in address.splitlines())
    return wording.shorten(", ".join(filter(None, lines)), OPERATOR_LIMIT)


def _is_web_address(url: str) -> bool:
    """Tell whether `url` may stand in a mail as a link: absolute, of the web, and one word."""
    return _WEB_ADDRESS.fullmatch(url) is not None
