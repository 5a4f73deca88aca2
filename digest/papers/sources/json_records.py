"""The records of a JSON answer, one at a time, as far as the answer is complete."""

import json
from collections.abc import Generator, Iterator
from typing import Any

from digest.errors import TryLater
from digest.papers.sources.xml import decoded

_HTML_STARTS = ("<!doctype", "<html", "<head", "<body")
_SPACE = frozenset(" \t\r\n")


class JsonRecords:
    """An answer that is a list of records, or an object with a list of them."""

    def __init__(self, body: bytes, name: str, key: str = "", *, charset: str = "", cut: str = "") -> None:
        """`key` is the name of the list in an object; `cut` says why the answer is known to end early."""
        self._text = decoded(body, charset).lstrip("\ufeff \t\r\n")
        self._name, self._key, self._cut = name, key, cut
        self._decoder = json.JSONDecoder()
        self.head: dict[str, Any] = {}
        """The other values of the object, as far as they are read."""

    def __iter__(self) -> Iterator[Any]:
        """Yield each complete record, then raise TryLater if the answer breaks off or has no such list."""
        text = self._text
        if text[:20].lower().startswith(_HTML_STARTS):
            raise TryLater(f"{self._name}: the answer is a web page (HTML) where JSON was expected.")
        if not self._key:
            if not text.startswith("["):
                raise TryLater(f"{self._name}: the answer is not a JSON list{self._quoted_error()}.")
            yield from self._records(1)
            return
        if not text.startswith("{"):
            raise TryLater(f"{self._name}: the answer is not a JSON object.")
        yield from self._records_of_object()

    def _records_of_object(self) -> Iterator[Any]:
        position, has_list = self._skip(1), False
        while not self._text.startswith("}", position):
            name, position = self._value(position, 0)
            position = self._skip(position, ":")
            if name == self._key and self._text.startswith("[", position):
                has_list = True
                position = yield from self._records(position + 1)
            else:
                self.head[str(name)], position = self._value(position, 0)
            position = self._skip(position)
        if not has_list:
            raise TryLater(f"{self._name}: the answer has no {self._key!r}{self._quoted_error()}.")

    def _records(self, position: int) -> Generator[Any, None, int]:
        """Yield the values of a list from the position after its bracket; return the position after the list."""
        position, number = self._skip(position), 0
        while not self._text.startswith("]", position):
            value, position = self._value(position, number)
            number += 1
            yield value
            position = self._skip(position)
        return position + 1

    def _value(self, position: int, complete: int) -> tuple[Any, int]:
        try:
            return self._decoder.raw_decode(self._text, position)
        except (ValueError, RecursionError):
            what_is_stored = f"; {complete} complete items before it were kept" if complete else ""
            broken = self._cut or f"the answer breaks off in item {complete + 1}"
            raise TryLater(f"{self._name}: {broken}{what_is_stored}.") from None

    def _skip(self, position: int, sign: str = ",") -> int:
        """Return the position after white space and separators."""
        text = self._text
        while (character := text[position : position + 1]) == sign or character in _SPACE:
            position += 1
        return position

    def _quoted_error(self) -> str:
        """Return the message of an answer `{"error": ...}` in parentheses, or ""."""
        try:
            error = json.loads(self._text)["error"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return ""
        return f" (it says: {error[:200]})" if isinstance(error, str) else ""


def text_of(record: Any, *path: str) -> str:
    """Return the text found by going down `path` through objects, or ""; any part may be missing or null."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record if isinstance(record, str) else ""


def objects_of(record: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects in the list that a record calls `name`; empty if there is none."""
    values = record.get(name) if isinstance(record, dict) else None
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
