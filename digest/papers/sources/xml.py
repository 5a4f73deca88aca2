"""Feeds in XML, read safely and as far as they go.

Expat parses; this module refuses what a feed never needs and an attacker does (document types, and
with them entities of any kind), and keeps each entry that is complete, so that half a document gives
its complete entries and says where it broke.
"""

import codecs
import html
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from xml.parsers import expat

from digest.errors import TryLater

_DEEPEST = 100
_DECLARED = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMED_ENTITY = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;)([A-Za-z][A-Za-z0-9]{1,30};)")
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(slots=True)
class Element:
    """One element by its local name; namespaces are left out, because feeds change theirs."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    """All text directly inside."""
    children: list["Element"] = field(default_factory=list)

    def all(self, name: str) -> list["Element"]:
        """Return the children called `name`."""
        return [child for child in self.children if child.name == name]

    def first(self, *names: str) -> "Element | None":
        """Return the first element found by going down `names`."""
        element: Element | None = self
        for name in names:
            if element is None:
                return None
            element = next((child for child in element.children if child.name == name), None)
        return element

    def words(self, *names: str) -> str:
        """Return the text of the first element found by going down `names`, or ""."""
        element = self.first(*names)
        return element.text.strip() if element else ""


def decoded(body: bytes, declared: str = "") -> str:
    """Decode a document whatever its charset is called; UTF-8 wins wherever the bytes allow it."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        if len(body) - error.start < 4:
            return body[: error.start].decode()
    lenient = body.decode(errors="replace")
    broken = lenient.count("\ufffd")
    if broken * 2 <= sum(character > "\x7f" for character in lenient):
        return lenient
    match = _DECLARED.match(body)
    for encoding in (match[1].decode() if match else "", declared, "cp1252"):
        # Single-byte charsets read anything; another wrong name would only give other nonsense.
        if encoding.lower() not in {"", "utf-8", "utf8", "us-ascii", "ascii"}:
            with suppress(LookupError):
                return body.decode(encoding, "replace")
    return lenient


@dataclass(slots=True)
class Document:
    """What could be read of a feed."""

    entries: list[Element]
    """The complete entries, in order."""
    root: Element
    """The document without its entries, as far as it came."""
    broken: str
    """Why the rest could not be read, in words that follow a colon; "" when all of it was."""


def parse(text: str, names: frozenset[str], *, cut: str = "") -> Document:
    """Read a document whose entries are elements called one of `names`. Never raises.

    `cut` says why the text is known to end early.
    """
    reader = _Reader(names)
    if _HTML.match(text[:2_000]):
        return reader.document("the answer is a web page (HTML) where a feed (XML) was expected")
    try:
        reader.parser.Parse(_NAMED_ENTITY.sub(_resolved, _ILLEGAL.sub("", text)).encode(), True)
    except _Refused as error:
        return reader.document(str(error))
    except expat.ExpatError as error:
        reason = f"the feed breaks off or is not XML at line {error.lineno} ({expat.ErrorString(error.code)})"
        return reader.document(cut or reason)
    return reader.document(cut)


def expect(document: Document, roots: Collection[str], name: str) -> None:
    """Raise TryLater if a document broke off, or begins with another element than a feed does."""
    broken = document.broken
    if not broken and document.root.name not in roots:
        broken = f"the answer is XML, but no feed (it begins with <{document.root.name}>)"
    if broken:
        kept = f"; {len(document.entries)} complete entries before it were kept" if document.entries else ""
        raise TryLater(f"{name}: {broken}{kept}.")


def _resolved(match: re.Match[str]) -> str:
    """Resolve a named character of HTML, which XML does not know."""
    character = html.unescape(match[0])
    return match[0] if character == match[0] else character


class _Refused(Exception):
    """The document holds what no feed needs."""


class _Reader:
    """Builds elements from expat's events, and lets the complete entries go."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.open: list[Element] = []
        self.texts: list[list[str]] = []
        self.entries: list[Element] = []
        self.root: Element | None = None
        # Expat gathers text in one piece, and knows names as namespace and local part.
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.character_data
        self.parser.StartDoctypeDeclHandler = self.refuse_doctype

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.open) >= _DEEPEST:
            raise _Refused("the feed is nested too deep to be one")
        local = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        element = Element(name.rpartition(" ")[2], local)
        self.root = self.root or element
        self.open.append(element)
        self.texts.append([])

    def character_data(self, data: str) -> None:
        self.texts[-1].append(data)

    def end(self, _name: str) -> None:
        element = self.open.pop()
        element.text = "".join(self.texts.pop())
        if element.name in self.names:
            self.entries.append(element)
        elif self.open:
            self.open[-1].children.append(element)

    def refuse_doctype(self, *_declaration: object) -> None:
        raise _Refused("the feed declares a document type or entities of its own, which is refused")

    def document(self, broken: str) -> Document:
        """Close what is still open, and hand over. An entry cut in two is left out."""
        while self.open and self.open[-1] is not self.root:
            element, _ = self.open.pop(), self.texts.pop()
            if element.name not in self.names:
                self.open[-1].children.append(element)
        return Document(self.entries, self.root or Element(""), broken)
