"""Zotero's RDF and EndNote's XML, read by the parser of feeds: it bounds memory and refuses entities."""

from collections.abc import Iterator

from digest.papers.sources.xml import Element, parse
from digest.subscribers.library_files.entry import Entry, entry_of

_NOT_PAPERS = {"attachment", "note", "annotation"}
_DEEPEST = 6


def read_xml(text: str) -> Iterator[Entry]:
    """Yield the entries of a document, as far as it can be read."""
    root = parse(text, frozenset()).root
    if root.name == "RDF":
        yield from _zotero(root)
    else:
        for record in _records(root):
            yield _endnote(record)


def _zotero(root: Element) -> Iterator[Entry]:
    containers = {about: one for one in root.children if (about := one.attributes.get("about"))}
    for item in root.children:
        kind = item.words("itemType")
        if not kind or kind in _NOT_PAPERS or item.name == "Attachment":
            continue
        naming = [item.attributes.get("about", "")]
        naming += [_deep_text(one) for one in item.all("identifier") + item.all("description")]
        # The DOI of an article stands in the element of its journal; a journal that many articles share has none.
        if part_of := item.first("isPartOf"):
            held = [*part_of.children, containers.get(part_of.attributes.get("resource", ""), part_of)]
            naming += [_deep_text(one) for each in held for one in each.all("identifier")]
        yield entry_of(
            item.attributes.get("about", kind), item.words("title"), item.words("abstract"), *naming
        )


def _records(root: Element) -> list[Element]:
    records = root.first("records")
    return (records or root).all("record")


def _endnote(record: Element) -> Entry:
    titles = record.first("titles", "title") or Element("")
    abstract = record.first("abstract") or Element("")
    naming = [_deep_text(one) for one in record.all("electronic-resource-num") + record.all("urls")]
    label = record.words("rec-number") or "record"
    return entry_of(label, _deep_text(titles), _deep_text(abstract), *naming)


def _deep_text(element: Element, depth: int = 0) -> str:
    """Return the texts of an element and of those inside it."""
    inner = [_deep_text(child, depth + 1) for child in element.children] if depth < _DEEPEST else []
    return " ".join(text for text in (element.text.strip(), *inner) if text)
