"""Tables: the CSV of Zotero, Scopus, IEEE Xplore and others, and tab-separated files."""

import csv
from collections.abc import Iterator
from itertools import islice

from digest.subscribers.library_files.entry import MOST_ENTRIES, Entry, entry_of

_TITLES = (
    "title", "document title", "article title", "paper title", "ti", "titel", "titre", "título", "titulo", "标题", "题名",
    "title-题名",
)  # fmt: skip
_ABSTRACTS = (
    "abstract", "abstract note", "ab", "zusammenfassung", "abstract (zusammenfassung)", "résumé", "resumen", "摘要",
    "summary-摘要",
)  # fmt: skip
_NAMING = (
    "doi", "di", "url", "link", "pdf link", "links", "extra", "arxiv id", "arxiv", "doi link", "weblink",
    "online-adresse", "doi-doi", "id", "eprint", "paper id", "arxiv_id", "paper_id",
)  # fmt: skip
_DELIMITERS = ",;\t|"
_LEAST_COLUMNS = 2


def table_delimiter(text: str) -> str:
    """Return what separates the cells of a table with a known header; "" if the text is no such table."""
    header = text.lstrip().partition("\n")[0]
    for delimiter in _DELIMITERS:
        names = _names(header, delimiter)
        known = [name for name in names if name in {*_TITLES, *_NAMING}]
        if known and len(names) >= _LEAST_COLUMNS:
            return delimiter
    return ""


def _names(header: str, delimiter: str) -> list[str]:
    try:
        return [name.strip().lower() for name in next(csv.reader([header[:10_000]], delimiter=delimiter), [])]
    except csv.Error:
        return []


def read_table(text: str, delimiter: str) -> Iterator[Entry]:
    """Yield an entry for each row, as far as the table can be read."""
    lines = text.lstrip().splitlines(keepends=True)
    names = _names(lines[0], delimiter)
    rows = csv.reader(lines[1:], delimiter=delimiter)
    number = 1
    try:
        for number, row in enumerate(islice(rows, 2 * MOST_ENTRIES), 2):
            cells = {name: cell for name, cell in zip(names, row, strict=False) if cell.strip()}
            if cells:
                yield entry_of(
                    f"line {number}: {delimiter.join(row)}",
                    _first(cells, _TITLES),
                    _first(cells, _ABSTRACTS),
                    *(cells[name] for name in _NAMING if name in cells),
                )
    except csv.Error:
        yield entry_of(f"line {number + 1} and those after it")


def _first(cells: dict[str, str], names: tuple[str, ...]) -> str:
    return next((cells[name] for name in names if name in cells), "")
