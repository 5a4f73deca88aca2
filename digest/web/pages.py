"""Renders the templates of the web side: compiled once, everything escaped, an undefined variable is an error."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from digest.domain.categories import NAMES
from digest.domain.pick import Card, Pick, is_web_address
from digest.mail import paper_facts
from digest.mail.content import HEADINGS, heading_of
from digest.text import formatting, languages
from digest.text.emphasis import emphasised
from digest.text.languages import gettext
from digest.web import page_language
from digest.web.page_language import page_variant

EXCERPT = 280
FIRST_PICKS = 4
"""Picks of a preview that are shown; the others unfold. On a phone they fill one screen."""
_CACHED_CARDS = 3000
"""About 10 MB."""


class Pages:
    """The templates of the web side, with the values that all of them share."""

    def __init__(self, templates: Path, static: Path, shared: Mapping[str, Any]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        languages.install(self._environment)
        self._environment.filters.update(
            day=formatting.day,
            full_day=formatting.full_day,
            listed_day=listed_day,
            short_day=formatting.short_day,
            weekday=formatting.weekday,
            month=formatting.month,
            line=formatting.one_line,
            emphasised=emphasised,
            authors=lambda names: formatting.author_line(names, 5),
            excerpt=lambda text: formatting.excerpt(text, EXCERPT),
            paragraphs=paragraphs,
            paper_path=paper_path,
            topic_path=topic_path,
            number=languages.decimal,
            mail_authors=lambda card: paper_facts.authors_in_text(paper_facts.authors(card)),
            mail_facts=lambda card: " · ".join(map(isolated, paper_facts.facts(card))),
            # The best sentence of an abstract takes a millisecond to find.
            sentence=lru_cache(_CACHED_CARDS)(paper_facts.sentence),
        )
        self._environment.tests["web_address"] = is_web_address
        self._environment.tests["category_name"] = NAMES.__contains__
        self._environment.globals.update(
            shared,
            version=_fingerprint(static),
            links_of=links_of,
            parts_of=parts_of,
            listed=self._listed,
            listed_briefly=self._listed_briefly,
            languages=languages.LANGUAGES,
            language=languages.current_language,
            direction=languages.text_direction,
            sentence_space=languages.sentence_space,
            carried_language=page_language.carried_language,
            fixed_path=page_language.fixed_path,
            alternates=page_language.alternates,
            language_field=language_field,
            with_language=page_language.with_language,
            page_url=lambda path: f"{shared['root']}{page_language.carried_path(path)}",
        )
        # Lists of papers are the largest part of most pages, and the same papers are on several pages.
        self._rendered = lru_cache(_CACHED_CARDS)(self._render_listed)
        self._macros = self._environment.get_template("_papers.html").make_module()

    def render(self, name: str, **values: Any) -> str:
        """Render a template with these values."""
        return self._environment.get_template(name).render(values)

    def _listed(self, card: Card, level: int = 3) -> Markup:
        """Render a paper as an item of a public list."""
        return self._rendered(page_variant(), "paper", card, level)

    def _listed_briefly(self, card: Card, curve: str = "", level: int = 3) -> Markup:
        """Render a paper with one sentence in place of its abstract; `curve` holds the points of its votes."""
        return self._rendered(page_variant(), "brief", card, level, curve)

    def _render_listed(
        self, _variant: tuple[str, str], macro: str, card: Card, level: int, curve: str = ""
    ) -> Markup:
        """Render a paper by a macro; its text depends on the variant of the page."""
        given = {"curve": curve} if curve else {}
        rendered: Markup = getattr(self._macros, macro)(card, level=level, **given)
        return rendered


Sections = list[tuple[str, list[tuple[int, Pick]]]]
"""Headings, each with its picks and their numbers."""


def parts_of(picks: Sequence[Pick]) -> tuple[Sections, Sections]:
    """Return the first picks of a preview, and those that unfold; each under the headings of a mail, numbered."""
    order = list(HEADINGS)
    numbered = list(
        enumerate(sorted(picks, key=lambda one: order.index(heading_of(one.section, one.card))), 1)
    )
    return _under_headings(numbered[:FIRST_PICKS]), _under_headings(numbered[FIRST_PICKS:])


def _under_headings(numbered: list[tuple[int, Pick]]) -> Sections:
    groups = groupby(numbered, lambda one: HEADINGS[heading_of(one[1].section, one[1].card)])
    return [(gettext(heading), list(group)) for heading, group in groups]


def paper_path(paper_id: str) -> str:
    """Return the path of a paper's page."""
    return f"/papers/{quote(paper_id, safe='/:')}"


def topic_path(words: str) -> str:
    """Return the path of a topic's page."""
    return f"/t/{quote('-'.join(words.lower().split()), safe='')}"


def isolated(text: str) -> str:
    """Return a part of a line so that its direction does not disorder the other parts of a line from right to left."""
    return f"\u2068{text}\u2069" if languages.text_direction() == "rtl" else text


def language_field() -> Markup:
    """Return the hidden field of a GET form that carries the language of the page; empty where none is carried."""
    tag = page_language.carried_language()
    field = Markup('<input type="hidden" name="{}" value="{}">')
    return field.format(page_language.PARAMETER, tag) if tag else Markup("")


def listed_day(on: date) -> str:
    """Return a day of a list whose year is known: "Saturday, 22 Nov"."""
    # Translators: such as "Saturday, 22 Nov".
    return gettext("%(weekday)s, %(day)s", weekday=formatting.weekday(on), day=formatting.short_day(on))


def links_of(card: Card) -> list[tuple[str, str]]:
    """Return a paper's external links as (label, URL)."""
    every = ((gettext("Abstract"), card.abstract_url), (gettext("PDF"), card.pdf_url), *card.links)
    return [(formatting.shorten(label, 30), url) for label, url in every if is_web_address(url)]


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of an abstract, each on one line."""
    return [clean for part in text.splitlines() if (clean := formatting.one_line(part))]


def _fingerprint(folder: Path) -> str:
    """Return a hash of all files of a folder; part of their URLs, so that browsers may cache them for ever."""
    content = b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    return sha256(content).hexdigest()[:12]
