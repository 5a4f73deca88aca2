"""Templates to pages: compiled once, everything escaped, a variable nobody set is an error."""

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from digest.mail.content import Card
from digest.text import formatting
from digest.web.cache import LruCache

EXCERPT = 280
_CACHED_CARDS = 3000
"""Some ten megabytes."""
_WEB_ADDRESS = re.compile(r"https?://[^\s\x00-\x20\x7f<>\"]{1,2000}")


class Pages:
    """The templates of the web side."""

    def __init__(self, templates: Path, static: Path, shared: Mapping[str, Any]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            day=formatting.day,
            short_day=formatting.short_day,
            weekday=formatting.weekday,
            line=formatting.one_line,
            authors=lambda names: formatting.author_line(names, 5),
            excerpt=lambda text: formatting.excerpt(text, EXCERPT),
            paragraphs=paragraphs,
            paper_path=paper_path,
        )
        self._environment.tests["web_address"] = is_web_address
        self._environment.globals.update(
            shared, version=_fingerprint(static), links_of=links_of, listed=self.listed
        )
        self._macros = self._environment.get_template("_papers.html").make_module()
        self._cards: LruCache[Markup] = LruCache(_CACHED_CARDS)

    def render(self, name: str, **values: Any) -> str:
        """Return the page that a template makes of these values."""
        return self._environment.get_template(name).render(values)

    def listed(self, card: Card, level: int = 3) -> Markup:
        """Return a paper as a list for everybody shows it; made once, as most of a page is such papers."""
        cached = self._cards.get((card, level))
        if cached is None:
            cached = self._macros.paper(card, level=level)  # type: ignore[attr-defined]
            self._cards.put((card, level), cached)
        return cached


def paper_path(paper_id: str) -> str:
    """Return where a paper's page is."""
    return f"/papers/{quote(paper_id, safe='/:')}"


def is_web_address(url: str) -> bool:
    """Tell whether an address from a feed may stand on a page as a link."""
    return _WEB_ADDRESS.fullmatch(url) is not None


def links_of(card: Card) -> list[tuple[str, str]]:
    """Return a paper's outside links as (label, address)."""
    every = (("Abstract", card.abstract_url), ("PDF", card.pdf_url), *card.links)
    return [(formatting.shorten(label, 30), url) for label, url in every if is_web_address(url)]


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of an abstract, each on one line."""
    return [clean for part in text.splitlines() if (clean := formatting.one_line(part))]


def _fingerprint(folder: Path) -> str:
    """Return what changes when any file of a folder does, so that browsers may keep each for ever."""
    content = b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    return sha256(content).hexdigest()[:12]
