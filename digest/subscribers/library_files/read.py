"""Reads a library in any of the known formats, which is told from the content alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from digest.papers.identifiers import title_id
from digest.papers.sources.xml import decoded
from digest.subscribers.library_files.bibtex import START as BIBTEX_START
from digest.subscribers.library_files.bibtex import read_bibtex
from digest.subscribers.library_files.csl_json import read_csl_json
from digest.subscribers.library_files.entry import MOST_ENTRIES, Entry
from digest.subscribers.library_files.lines import read_lines
from digest.subscribers.library_files.tables import read_table, table_delimiter
from digest.subscribers.library_files.tagged import read_tagged, tagged_format
from digest.subscribers.library_files.xml_files import read_xml

LARGEST = 8_000_000
"""Bytes or characters of a library that are read."""
_HIGH = re.compile(rb"[\x80-\xff]+")
_LEAST_SHARE_OF_PAIRS = 0.9
_XML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,500}?-->\s*)?<(?:\w+:)?(?:RDF|xml|records)\b", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Library:
    """What a file or a text holds, each paper once, in its order."""

    format: str
    understood: tuple[Entry, ...]
    not_understood: tuple[str, ...]
    """What the file calls them."""
    is_cut: bool = False
    """Whether there were more than MOST_ENTRIES entries."""

    @property
    def size(self) -> int:
        """Return how many entries there are."""
        return len(self.understood) + len(self.not_understood)


def read_library(content: bytes | str) -> Library:
    """Return the papers of a library. Never raises: what cannot be read has no entries."""
    text = _decoded_text(content[:LARGEST]) if isinstance(content, bytes) else content[:LARGEST]
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    name, entries = _read(text)
    return library_of(name, entries)


def library_of(name: str, entries: Iterable[Entry]) -> Library:
    """Return a library of entries, each paper once, at most MOST_ENTRIES of them."""
    found = list(islice(entries, MOST_ENTRIES + 1))
    understood: dict[str, Entry] = {}
    lost = []
    for entry in found[:MOST_ENTRIES]:
        if entry.is_understood:
            understood.setdefault(_key(entry), entry)
        else:
            lost.append(entry.label)
    return Library(name, tuple(understood.values()), tuple(lost), len(found) > MOST_ENTRIES)


def _read(text: str) -> tuple[str, Iterable[Entry]]:
    if text.lstrip()[:1] in {"{", "["} and (entries := read_csl_json(text)) is not None:
        return "CSL-JSON", entries
    if _XML.match(text):
        return "XML", read_xml(text)
    tagged = tagged_format(text)
    bibtex = BIBTEX_START.search(text)
    if tagged is not None and not bibtex:
        return tagged.name, read_tagged(text, tagged)
    if bibtex:
        return "BibTeX", read_bibtex(text)
    if delimiter := table_delimiter(text):
        return "table", read_table(text, delimiter)
    return "list", read_lines(text)


def _key(entry: Entry) -> str:
    """Return what two entries of one paper have in common."""
    return entry.paper_id or (title_id(entry.title) if entry.title else entry.doi)


def _decoded_text(content: bytes) -> str:
    """Decode a file: UTF-8 and UTF-16 with and without a byte order mark, GB 18030 (CNKI), or Windows-1252."""
    start = content[:400]
    if start.count(0) > len(start) // 4 and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16-be" if start[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030", "replace") if _is_chinese(content) else decoded(content)


def _is_chinese(content: bytes) -> bool:
    """Whether the bytes outside of ASCII stand in pairs, as in GB 18030; those of Windows-1252 mostly stand alone."""
    runs = [len(match[0]) for match in islice(_HIGH.finditer(content), 5_000)]
    return sum(run for run in runs if run % 2 == 0) > _LEAST_SHARE_OF_PAIRS * sum(runs)
