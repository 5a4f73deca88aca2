"""CSL-JSON, and the JSON of Zotero and Semantic Scholar, which name the same fields a little differently."""

import json
from collections.abc import Iterator
from typing import Any

from digest.subscribers.library_files.entry import Entry, entry_of

_LISTS = ("items", "references", "data", "results", "papers")
_ABSTRACTS = ("abstract", "abstractNote")
_NAMING = (
    "DOI", "doi", "URL", "url", "archive", "archive_location", "archiveID", "number", "note", "extra", "externalIds",
    "id", "container-title", "publicationTitle", "arxivId",
)  # fmt: skip
_NOT_PAPERS = {"attachment", "note", "annotation"}


def read_csl_json(text: str) -> Iterator[Entry] | None:
    """Yield the entries of a JSON document; None if the text is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return entries_of(document) if isinstance(document, dict | list) else None


def entries_of(document: Any) -> Iterator[Entry]:
    """Yield the entries of a list or object that JSON described; notes and attachments are left out."""
    if isinstance(document, dict):
        lists = [document[name] for name in _LISTS if isinstance(document.get(name), list)]
        document = lists[0] if lists else [document]
    for number, item in enumerate(document, 1):
        if isinstance(item, str):
            yield entry_of(item, "", "", item)
            continue
        fields = item if isinstance(item, dict) else {}
        # Zotero's own JSON wraps the fields.
        fields = fields["data"] if isinstance(fields.get("data"), dict) else fields
        if _text(fields.get("itemType")) not in _NOT_PAPERS:
            label = f"{_text(fields.get('id')) or _text(fields.get('key')) or 'entry'} ({number})"
            abstract = next((_text(fields[name]) for name in _ABSTRACTS if fields.get(name)), "")
            naming = (_text(fields[name]) for name in _NAMING if name in fields)
            yield entry_of(label, _text(fields.get("title")), abstract, *naming)


def _text(value: Any) -> str:
    """Return a text, a number or the texts of a list or an object; "" for anything deeper."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return " ".join(one for one in value.values() if isinstance(one, str))
    return " ".join(one for one in value if isinstance(one, str)) if isinstance(value, list) else ""
