"""Reads posted forms: invisible characters are removed, nothing else is validated here."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Depends, Request

from digest.domain.subscriber import clean_words
from digest.errors import BadInput
from digest.text.formatting import one_line
from digest.text.languages import gettext

MOST_FIELDS = 500
LARGEST_FILE = 8_000_000
"""Bytes of an uploaded file: a library of two thousand papers with abstracts fits."""
_SEPARATORS = re.compile(r"[\s,;]+")


class Form:
    """The fields of a posted form. A missing field is empty."""

    def __init__(self, fields: Mapping[str, Sequence[str]], files: Mapping[str, bytes] | None = None) -> None:
        self._fields = fields
        self._files = files or {}

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def raw(self, name: str) -> str:
        """Return the first value of a field, unchanged."""
        return next(iter(self._fields.get(name, ())), "")

    def file(self, name: str) -> bytes:
        """Return the content of an uploaded file; empty without one."""
        return self._files.get(name, b"")

    def text(self, name: str) -> str:
        """Return a field on one line, without invisible characters."""
        return one_line(self.raw(name))

    def lines(self, name: str) -> tuple[str, ...]:
        """Return the cleaned lines of a field, without empty and repeated ones."""
        return clean_words([one_line(line) for line in self.raw(name).splitlines()])

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words of a field, separated by spaces, commas or semicolons."""
        return clean_words(_SEPARATORS.split(self.text(name)))

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a field, such as the ticked boxes of one name."""
        return clean_words([one_line(value) for value in self._fields.get(name, ())])

    def number(self, name: str) -> int:
        """Return a field as a whole number. Raises BadInput."""
        text = self.text(name)
        try:
            return int(text[:9])
        except ValueError:
            raise BadInput(
                gettext("%(text)s is not a number; please go back and choose one.", text=repr(text[:40]))
            ) from None


async def read_form(request: Request) -> Form:
    """Read a form in either form encoding; any other body has no fields."""
    fields: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    async with request.form(max_files=10, max_fields=MOST_FIELDS) as sent:
        for name, value in sent.multi_items():
            if isinstance(value, str):
                fields.setdefault(name, []).append(value)
            else:
                files[name] = await value.read(LARGEST_FILE)
    return Form(fields, files)


Posted = Annotated[Form, Depends(read_form)]
