"""Safe, incremental parsing of feeds in XML.

Expat parses. This module refuses document types, and with them entities of any kind: no feed needs them. An
incomplete document gives its complete entries and the place where it breaks off. The time is linear in the length
of the document, which is decoded and parsed in pieces; the elements take at most MOST_HELD bytes.

Measured on 25 MB of empty elements: defusedxml and lxml take 940 and 1,000 MB of memory, this module 10 MB.
defusedxml gives no entries of a document that breaks off.
"""

import codecs
import html
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from digest.errors import TryLater

MOST_HELD = 44 * 2**20
"""Bytes of memory that the elements of one document may take; arXiv's fullest feed takes a tenth of it."""
LONGEST_TEXT = 2_000_000
"""Characters of one element's text; the rest is dropped. The fields of a paper are shorter."""
_DEEPEST = 100
_PIECE = 2**20
"""Bytes or characters worked on at once: no single step holds up other threads for long."""
_ELEMENT_SIZE = 250
_LONGEST_NAME = 100
_MOST_NAMES = 1_000
_LONGEST_ENTITY = 33
_DECLARED = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_CHARSET = re.compile(
    r"(?:iso[-_]?8859|iso-2022-(?:jp|kr)|windows|cp|latin|koi8|gb|hz|big5|euc|shift|tis|mac|utf-?(?:16|32))[\w-]*"
)
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
_NAMED_ENTITY = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;)([A-Za-z][A-Za-z0-9]{1,30};)")
_HTML_OPENING = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"<\?xml[^>]*>", re.IGNORECASE)


@dataclass(slots=True)
class Element:
    """One element by its local name; namespaces are left out, because feeds change theirs."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    """The text directly inside the element."""
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
    """Decode a document; UTF-8 takes precedence over a declared charset wherever the bytes allow it."""
    return "".join(decoded_pieces(body, declared))


def decoded_pieces(body: bytes, declared: str = "") -> Iterator[str]:
    """Decode a document as `decoded` does, in pieces."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if body.startswith(mark):
            return _pieces(body, encoding, len(mark))
    return _pieces(body, _charset(body, declared))


def _pieces(body: bytes, encoding: str, start: int = 0) -> Iterator[str]:
    # An incomplete character at the end is left out, because the decoder is not finalised.
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for begin in range(start, len(body), _PIECE):
        yield decoder.decode(body[begin : begin + _PIECE])


def _charset(body: bytes, declared: str) -> str:
    """Return the charset of a document without a byte order mark."""
    broken = foreign = 0
    for piece in _pieces(body, "utf-8"):
        if not piece.isascii():
            broken += piece.count("\ufffd")
            foreign += len(piece) - len(piece.encode("ascii", "ignore"))
    if broken * 2 <= foreign:
        return "utf-8"
    match = _DECLARED.match(body)
    for encoding in (match[1].decode() if match else "", declared, "cp1252"):
        # A single-byte charset decodes any bytes; with another wrong one the text would be no better.
        if _is_charset(encoding):
            return encoding
    return "utf-8"


def _is_charset(name: str) -> bool:
    """Whether a name stands for a charset of documents; Python's other codecs are slow, or decode no text."""
    try:
        return bool(_CHARSET.fullmatch(name.lower()) and codecs.lookup(name))
    except LookupError:
        return False


@dataclass(slots=True)
class Document:
    """The part of a feed that could be read."""

    entries: list[Element]
    """The complete entries, in order."""
    root: Element
    """The document without its entries, as far as it could be read."""
    broken: str
    """Why the rest could not be read, worded to follow a colon; "" when all was read."""


def parse(document: str | bytes, names: frozenset[str], *, charset: str = "", cut: str = "") -> Document:
    """Read a document whose entries are elements called one of `names`. Never raises.

    `charset` is the charset that the sender declares; `cut` says why the document is known to end early.
    """
    reader = _Reader(names)
    try:
        for piece in _clean_pieces(document, charset):
            if reader.root is None and _is_web_page(piece[:2_000]):
                return reader.document("the answer is a web page (HTML) where a feed (XML) was expected")
            reader.parser.Parse(piece.encode(), False)
        reader.parser.Parse(b"", True)
    except _Refused as error:
        return reader.document(str(error))
    except expat.ExpatError as error:
        reason = f"the feed breaks off or is not XML at line {error.lineno} ({expat.ErrorString(error.code)})"
        return reader.document(cut or reason)
    return reader.document(cut)


def _clean_pieces(document: str | bytes, charset: str) -> Iterator[str]:
    """Yield a document for the parser: without illegal characters, HTML's named characters resolved."""
    if isinstance(document, bytes):
        texts = decoded_pieces(document, charset)
    else:
        texts = (document[begin : begin + _PIECE] for begin in range(0, len(document), _PIECE))
    rest = ""
    for text in texts:
        legal = rest + _ILLEGAL.sub("", text)
        # A name may go on in the next piece.
        start = legal.rfind("&", max(0, len(legal) - _LONGEST_ENTITY))
        end = start if start >= 0 else len(legal)
        rest = legal[end:]
        yield _NAMED_ENTITY.sub(_resolved, legal[:end])
    yield _NAMED_ENTITY.sub(_resolved, rest)


def _is_web_page(opening: str) -> bool:
    """Whether a document is HTML by what follows its declaration and comments."""
    text = opening.lstrip()
    declaration = _XML_DECLARATION.match(text)
    text = text[declaration.end() :].lstrip() if declaration else text
    while text.startswith("<!--"):
        text = text[4:].partition("-->")[2].lstrip()
    return bool(_HTML_OPENING.match(text))


def expect(document: Document, roots: Collection[str], name: str) -> None:
    """Raise TryLater if a document breaks off, or does not begin with an element of `roots`."""
    broken = document.broken
    if not broken and document.root.name not in roots:
        broken = f"the answer is XML, but no feed (it begins with <{document.root.name}>)"
    if broken:
        what_is_stored = (
            f"; {len(document.entries)} complete entries before it were kept" if document.entries else ""
        )
        raise TryLater(f"{name}: {broken}{what_is_stored}.")


def _resolved(match: re.Match[str]) -> str:
    """Resolve a named character of HTML, which XML does not know."""
    character = html.unescape(match[0])
    return match[0] if character == match[0] else character


class _Refused(Exception):
    """The document holds what no feed needs, or too much."""


class _Reader:
    """Builds elements from expat's events and collects the complete entries."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.open: list[Element] = []
        self.texts: list[list[str]] = []
        self.entries: list[Element] = []
        self.root: Element | None = None
        self.held = 0
        self.lengths: list[int] = []
        self.known_names: dict[str, str] = {}
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
        local = {self.local_name(key): value for key, value in attributes.items()}
        self.count_memory(
            _ELEMENT_SIZE + (sys.getsizeof(local) + sum(map(sys.getsizeof, local.values())) if local else 0)
        )
        element = Element(self.local_name(name), local)
        self.root = self.root or element
        self.open.append(element)
        self.texts.append([])
        self.lengths.append(0)

    def local_name(self, name: str) -> str:
        """Return a name without its namespace; equal names share one string."""
        local = name.rpartition(" ")[2][:_LONGEST_NAME]
        if len(self.known_names) < _MOST_NAMES:
            return self.known_names.setdefault(local, local)
        return self.known_names.get(local, local)

    def count_memory(self, size: int) -> None:
        """Count memory that the elements take. Raises _Refused above MOST_HELD."""
        self.held += size
        if self.held > MOST_HELD:
            raise _Refused("the feed is larger than the memory limit allows")

    def character_data(self, data: str) -> None:
        if self.lengths[-1] < LONGEST_TEXT:
            self.texts[-1].append(data)
            self.lengths[-1] += len(data)
            self.count_memory(sys.getsizeof(data))

    def end(self, _name: str) -> None:
        element = self.open.pop()
        self.lengths.pop()
        element.text = "".join(self.texts.pop())
        if not element.text.isascii():
            # One wide character widens all characters of the same string.
            self.count_memory(sys.getsizeof(element.text))
        if element.name in self.names:
            self.entries.append(element)
        elif self.open:
            self.open[-1].children.append(element)

    def refuse_doctype(self, *_declaration: object) -> None:
        raise _Refused("the feed declares a document type or entities of its own, which is refused")

    def document(self, broken: str) -> Document:
        """Close the open elements and return the document. An incomplete entry is left out."""
        while self.open and self.open[-1] is not self.root:
            element, _ = self.open.pop(), self.texts.pop()
            if element.name not in self.names:
                self.open[-1].children.append(element)
        return Document(self.entries, self.root or Element(""), broken)
