"""BibTeX and BibLaTeX, which nearly every program exports.

bibtexparser splits the text into blocks and resolves abbreviations. A block that it cannot read, as one with a brace
too many, still gives the ids it holds.
"""

import logging
import re
from collections.abc import Iterator

from bibtexparser.entrypoint import parse_string
from bibtexparser.library import Library
from bibtexparser.middlewares import RemoveEnclosingMiddleware, ResolveStringReferencesMiddleware
from bibtexparser.model import (
    Block,
    DuplicateBlockKeyBlock,
    DuplicateFieldKeyBlock,
    ImplicitComment,
    ParsingFailedBlock,
)
from bibtexparser.model import Entry as BibtexEntry

from digest.subscribers.library_files.entry import MOST_ENTRIES, Entry, entry_of
from digest.subscribers.library_files.lines import named_in

START = re.compile(r"^[ \t]{0,9}@[A-Za-z]{1,30}[ \t]{0,9}[{(]", re.MULTILINE)
_BLOCK = re.compile(r"@\w{0,30}[ \t]{0,9}[{(]")
_SIGNS = re.compile(r'[{}",=\n]')
_MOST_SIGNS = 300_000
"""The signs of a text that bibtexparser stops at; a library of two thousand papers has as many. More take a second."""
_NAMING = (
    "doi", "eprint", "arxivid", "arxiv", "url", "ee", "howpublished", "note", "journal", "volume", "biburl", "adsurl",
    "annote", "link",
)  # fmt: skip
_SPECIAL = re.compile(r"\\([&%#_])")
_JOINT = re.compile(r'["}]\s{0,99}#\s{0,99}["{]')
# Semantic Scholar writes a list of types where BibTeX has one.
_TYPES = re.compile(r"^@\[[^\]\n]{0,200}\](?=[ \t]{0,9}\{)", re.MULTILINE)

# It warns of every block that it cannot read; the report of an import says so.
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)


def read_bibtex(text: str) -> Iterator[Entry]:
    """Yield the entries of a BibTeX file, and what is named in the text between them."""
    text = _TYPES.sub("@misc", text)
    bounded = _bounded(text)
    library = parse_string(bounded, parse_stack=[])
    blocks = list(map(_entry_in, library.blocks))
    entries = [block for block in blocks if isinstance(block, BibtexEntry)]
    # Two entries of one key are two papers as often as one.
    keys = [entry.key for entry in entries]
    for number, entry in enumerate(entries):
        entry.key = str(number)
    resolved = Library([*library.strings, *entries])
    for middleware in (ResolveStringReferencesMiddleware(True), RemoveEnclosingMiddleware(True)):
        resolved = middleware.transform(resolved)
    named = iter(zip(keys, entries, strict=True))
    for block in blocks:
        if isinstance(block, BibtexEntry):
            yield _read_entry(*next(named))
        elif isinstance(block, ParsingFailedBlock):
            raw = block.raw or ""
            if START.match(raw):
                yield entry_of(raw, "", "", raw)
        elif isinstance(block, ImplicitComment):
            yield from named_in(block.comment)
    if len(bounded) < len(text):
        yield Entry("the rest of the file, which is too long")


def _bounded(text: str) -> str:
    """Return the part of a text that is read: at most MOST_ENTRIES blocks and _MOST_SIGNS signs."""
    for pattern, most in ((_SIGNS, _MOST_SIGNS), (_BLOCK, 2 * MOST_ENTRIES)):
        for number, match in enumerate(pattern.finditer(text)):
            if number == most:
                text = text[: match.start()]
                break
    return text


def _entry_in(block: Block) -> Block:
    """Return the entry of a block whose key or one of whose fields is there twice; other blocks unchanged."""
    while isinstance(block, DuplicateFieldKeyBlock | DuplicateBlockKeyBlock) and block.ignore_error_block:
        block = block.ignore_error_block
    return block


def _read_entry(key: str, entry: BibtexEntry) -> Entry:
    fields: dict[str, str] = {}
    for field in entry.fields:
        value = _JOINT.sub("", str(field.value)).strip('"')
        fields.setdefault(field.key.lower().strip(), _SPECIAL.sub(r"\1", value))
    return entry_of(
        key,
        _titled(fields),
        fields.get("abstract", ""),
        *(fields[name] for name in _NAMING if name in fields),
    )


def _titled(fields: dict[str, str]) -> str:
    title = fields.get("title") or fields.get("maintitle") or fields.get("booktitle", "")
    subtitle = fields.get("subtitle", "")
    return f"{title}: {subtitle}" if title and subtitle else title
