"""Which elements of an RSS or Atom feed hold the fields of a paper, where they are not the usual ones.

It is written `gulls.authors=dc:creator/name|author`: the feed, the field, and the places of its value, of which the first
that has one counts. A place is an element, one inside another (`a/b`), or an attribute (`category@term`); a prefix such
as `dc:` is left out, because feeds change theirs.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from digest.errors import BadInput

PLACES = ("title", "authors", "abstract", "date", "doi", "category")
_NAME = r"(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*"
_PLACE = re.compile(rf"{_NAME}(?:/{_NAME})*(?:@{_NAME})?|@{_NAME}")
_WRITTEN = re.compile(r"(?P<feed>[a-z0-9-]+)\.(?P<field>[a-z]+)=(?P<value>\S+)")
_EXAMPLE = "nature.authors=dc:creator"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is, from the entry of the feed on."""

    elements: tuple[str, ...]
    """Local names, each element inside the one before."""
    attribute: str = ""
    """An attribute of the last element, or of the entry; empty: the element's text."""
    written: str = ""
    """The place as it is written in the settings."""


@dataclass(frozen=True, slots=True)
class FeedFields:
    """The places of one feed; a field without any is read from the usual elements."""

    title: tuple[Place, ...] = ()
    authors: tuple[Place, ...] = ()
    abstract: tuple[Place, ...] = ()
    date: tuple[Place, ...] = ()
    doi: tuple[Place, ...] = ()
    category: tuple[Place, ...] = ()
    separator: str = ""
    """What stands between the authors of one element; empty: a semicolon or comma."""

    @property
    def named(self) -> dict[str, tuple[Place, ...]]:
        """The fields that have places of their own."""
        return {name: places for name in PLACES if (places := getattr(self, name))}


USUAL_FIELDS = FeedFields()


def parse_fields(texts: Iterable[str], feeds: Iterable[str]) -> dict[str, FeedFields]:
    """Return the fields by the name of the feed. Raises BadInput for the first text that cannot be used."""
    known = set(feeds)
    values: dict[str, dict[str, tuple[Place, ...] | str]] = {}
    for text in texts:
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise BadInput(f"{text!r} names no field of a feed; write it like {_EXAMPLE}.")
        feed, field = match["feed"], match["field"]
        if feed not in known:
            raise BadInput(f"{text!r} is for the feed {feed!r}, which is not in DIGEST_RSS_FEEDS.")
        if field not in (*PLACES, "separator"):
            raise BadInput(f"{text!r} names no field; choose from {', '.join(PLACES)}, separator.")
        if field in values.setdefault(feed, {}):
            raise BadInput(f"{feed}.{field} is given twice; write the places as a|b.")
        values[feed][field] = (
            unquote(match["value"]) if field == "separator" else _places(text, match["value"])
        )
    for feed, fields in values.items():
        if "separator" in fields and "authors" not in fields:
            raise BadInput(f"{feed}.separator needs {feed}.authors, which it separates.")
    return {feed: FeedFields(**fields) for feed, fields in values.items()}  # type: ignore[arg-type]


def _places(text: str, value: str) -> tuple[Place, ...]:
    places = value.split("|")
    if not all(map(_PLACE.fullmatch, places)):
        raise BadInput(f"{text!r} names no element; write it like {_EXAMPLE}, a/b or category@term.")
    return tuple(map(_place, places))


def _place(written: str) -> Place:
    path, _, attribute = written.partition("@")
    elements = tuple(name.rpartition(":")[2] for name in path.split("/")) if path else ()
    return Place(elements, attribute.rpartition(":")[2], written)
