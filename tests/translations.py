"""Extracts the messages from code and templates, and updates the catalogues: `make translations`.

A new message stands in each catalogue with an empty translation; one that is no longer used is removed. The tests fail
until every message is translated.
"""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from digest.text.languages import DEFAULT, DOMAIN, FOLDER, LANGUAGES

ROOT = Path(__file__).parent.parent
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
}
METHODS = [
    ("digest/**.py", "python"),
    ("templates/web/**.html", "jinja2"),
    ("templates/email/**.html", "jinja2"),
    ("templates/email/**.txt", "jinja2"),
    ("templates/email/**.mjml", "jinja2"),
    ("templates/chat/**.md", "jinja2"),
]
WIDTH = 120
HEADER = "# Translations of the pages and mails. `make translations` adds what is missing."


def extracted() -> Catalog:
    """Return a catalogue of all messages of code and templates."""
    catalogue = Catalog(domain=DOMAIN)
    for folder in ("digest", "templates"):
        methods = [(pattern.removeprefix(f"{folder}/"), method) for pattern, method in METHODS
                   if pattern.startswith(folder)]  # fmt: skip
        options = {
            pattern: {"trimmed": "true", "silent": "false"}
            for pattern, method in methods
            if method == "jinja2"
        }
        found = extract_from_dir(ROOT / folder, methods, options, KEYWORDS, comment_tags=("Translators:",))
        for name, _, message, comments, context in found:
            catalogue.add(message, None, [(f"{folder}/{name}", 1)], auto_comments=comments, context=context)
    return catalogue


def path_of(tag: str) -> Path:
    """Return the path of a language's catalogue."""
    return FOLDER / tag.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(tag: str) -> Catalog:
    """Return the catalogue of a language as stored; empty if there is none yet."""
    locale = tag.replace("-", "_")
    if not path_of(tag).exists():
        return Catalog(locale, DOMAIN)
    with path_of(tag).open("rb") as file:
        return read_po(file, locale, DOMAIN)


def updated(tag: str) -> bytes:
    """Return the content of a language's catalogue after an update with all messages."""
    catalogue = read(tag)
    catalogue.update(extracted(), no_fuzzy_matching=True, update_header_comment=False)
    catalogue.header_comment = HEADER
    catalogue.fuzzy = False
    written = BytesIO()
    write_po(written, catalogue, width=WIDTH, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
    # The time of an update says nothing and would make every update a change.
    kept = [line for line in written.getvalue().splitlines(keepends=True)
            if not line.startswith((b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Generated-By', b'"Project-Id',
                                    b'"Report-Msgid', b'"Last-Translator', b'"Language-Team'))]  # fmt: skip
    return b"".join(kept)


if __name__ == "__main__":
    for language in LANGUAGES:
        if language != DEFAULT:
            path_of(language).parent.mkdir(parents=True, exist_ok=True)
            path_of(language).write_bytes(updated(language))
