"""A language in which every message is marked, so that a text without a translation is seen at once.

Each message reads `⟦message⟧`, and a value in it `⟪value⟫`: the value has to be translated by itself, or to be data.
Dates, numbers and the direction of the script are those of a real locale, Esperanto or Hebrew.
"""

import re
from collections.abc import Collection, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from digest.text import languages
from tests import translations

PSEUDO = "eo"
"""The language of the fixture `pseudo_language`."""
RIGHT_TO_LEFT = "he"
"""The same, from right to left."""

_TAG = re.compile(r"(<[^>]*>)")
_VALUE = re.compile(r"%\(\w+\)[sd]")
_MARK = re.compile("([⟦⟧⟪⟫])")
_WORD = re.compile(r"[^\W\d_]{2,}")
_ADDRESS = re.compile(r"https?://\S+|mailto:\S+|[\w.+-]+@[\w.-]+")
_ATTRIBUTES = {"alt", "title", "placeholder", "aria-label"}
_DESCRIPTIONS = {"description", "og:title", "og:description", "twitter:title", "twitter:description"}
_NO_TEXT = {"script", "style", "template"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def marked(message: str) -> str:
    """Return the translation of a message: itself between brackets, its values between brackets of another kind."""
    parts = _TAG.split(message)
    # A value inside a tag, such as an address, is no text.
    parts[::2] = [_VALUE.sub(r"⟪\g<0>⟫", part) for part in parts[::2]]
    return f"⟦{''.join(parts)}⟧"


def write_catalogue(folder: Path, tag: str, messages: Catalog) -> None:
    """Write a complete catalogue of a pseudo-language."""
    catalogue = Catalog(tag, languages.DOMAIN)
    for one in messages:
        if not one.id:
            continue
        forms = (
            [str(one.id)]
            if isinstance(one.id, str)
            else [one.id[0], *one.id[1:] * (catalogue.num_plurals - 1)]
        )
        translated = tuple(map(marked, forms))
        catalogue.add(one.id, translated if one.pluralizable else translated[0], context=one.context)
    path = folder / tag / "LC_MESSAGES" / f"{languages.DOMAIN}.po"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_po(file, catalogue)


@pytest.fixture(scope="session")
def pseudo_catalogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the catalogues of both pseudo-languages."""
    folder = tmp_path_factory.mktemp("locale")
    messages = translations.extracted()
    for tag in (PSEUDO, RIGHT_TO_LEFT):
        write_catalogue(folder, tag, messages)
    return folder


@pytest.fixture
def pseudo_language(pseudo_catalogues: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let PSEUDO and RIGHT_TO_LEFT be the languages beside English; return PSEUDO."""
    monkeypatch.setattr(languages, "FOLDER", pseudo_catalogues)
    real = dict(languages.LANGUAGES)
    languages.LANGUAGES.clear()
    languages.LANGUAGES[languages.DEFAULT] = real[languages.DEFAULT]
    languages.LANGUAGES.update({tag: f"Pseudo {tag}" for tag in (PSEUDO, RIGHT_TO_LEFT)})
    languages._catalogue.cache_clear()
    yield PSEUDO
    languages._catalogue.cache_clear()
    languages.LANGUAGES.clear()
    languages.LANGUAGES.update(real)


def unmarked(text: str, data: Collection[str] = ()) -> list[str]:
    """Return the parts of a plain text that are outside of every message and are no data, address or number."""
    pieces: list[str] = []
    depth: list[str] = []
    for part in _MARK.split(text):
        if part in {"⟦", "⟪"}:
            depth.append(part)
        elif part in {"⟧", "⟫"}:
            # A text that was cut has lost its last bracket.
            while depth and depth.pop() != {"⟧": "⟦", "⟫": "⟪"}[part]:
                pass
        elif not depth or depth[-1] == "⟪":
            pieces.append(part)
    return [left for piece in pieces if _WORD.search(left := _without(piece, data))]


def _without(piece: str, data: Collection[str]) -> str:
    left = " ".join(_ADDRESS.sub(" ", piece).split())
    for known in sorted(data, key=len, reverse=True):
        left = left.replace(" ".join(known.split()), " ")
    return left.strip()


def unmarked_in_html(html: str, data: Collection[str] = ()) -> list[str]:
    """Do the same for the texts and the visible attributes of an HTML page. `translate="no"` marks an element of data."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return [
        left
        for text in ("".join(reader.texts), *reader.attributes)
        for left in unmarked(text, data)
    ]  # fmt: skip


class _Reader(HTMLParser):
    """Collects the text of a page, and its attributes with text."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: list[str] = []
        self._skipped: list[str] = []
        """The open elements from the first one without text on."""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        is_skipped = bool(self._skipped) or tag in _NO_TEXT or given.get("translate") == "no"
        if is_skipped:
            if tag not in _VOID:
                self._skipped.append(tag)
            return
        self.attributes += [value for name, value in given.items() if name in _ATTRIBUTES]
        if tag == "input" and given.get("type") in {"submit", "button", "reset"}:
            self.attributes.append(given.get("value", ""))
        if tag == "meta" and (given.get("name") or given.get("property")) in _DESCRIPTIONS:
            self.attributes.append(given.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            while self._skipped and self._skipped.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.texts.append(data)
