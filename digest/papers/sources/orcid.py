"""The works of a researcher, by ORCID iD, from ORCID's public API: titles and ids."""

import json
import re
from dataclasses import dataclass
from typing import Any

from digest.errors import BadInput, NotFound, TryLater
from digest.papers.sources.http import Fetcher
from digest.text.languages import gettext

_ORCID = re.compile(
    r"(?:https?://)?(?:www\.)?(?:orcid\.org/)?([0-9]{4}-?[0-9]{4}-?[0-9]{4}-?[0-9]{3}[0-9Xx])/?"
)
_NAMING = {"arxiv", "doi"}


@dataclass(frozen=True, slots=True)
class Work:
    """One work of a researcher."""

    title: str
    ids: tuple[str, ...]
    """Its arXiv ids and DOIs, as they are written."""


def parse_orcid(text: str) -> str:
    """Return an ORCID iD in its usual form. Raises BadInput for a text that is none, or has a wrong check digit."""
    match = _ORCID.fullmatch(text.strip()[:100])
    digits = match[1].replace("-", "").upper() if match else ""
    if not digits or _check_digit(digits[:15]) != digits[15]:
        raise BadInput(
            gettext(
                "%(text)s is not an ORCID iD; it looks like 0000-0002-1825-0097.",
                text=repr(text.strip()[:40]),
            )
        )
    return "-".join(digits[start : start + 4] for start in range(0, 16, 4))


def _check_digit(digits: str) -> str:
    """Return the check digit of ISO 7064 (MOD 11-2)."""
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2
    rest = (12 - total % 11) % 11
    return "X" if rest == 10 else str(rest)


def works_of(orcid: str, base_url: str, fetcher: Fetcher) -> list[Work]:
    """Return the public works of a researcher, one for each group of equal ones.

    Raises BadInput for an invalid ORCID iD, NotFound for an unknown one, and TryLater when ORCID does not answer.
    """
    orcid = parse_orcid(orcid)
    answer = fetcher.get(
        f"{base_url}/{orcid}/works",
        readable_errors=frozenset({404, 409, 410}),
        accept="application/json",
    )
    if answer.status != 200:
        raise NotFound(gettext("ORCID has no public record %(orcid)s; check the iD.", orcid=orcid))
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise TryLater("ORCID answered with what cannot be read; try again later.") from None
    return [work for group in _list(document, "group") if (work := _work(group)) is not None]


def _work(group: Any) -> Work | None:
    """Return the work that the records of a group describe."""
    records = _list(group, "work-summary")
    title = next((text for one in records if (text := _value(one, "title", "title", "value"))), "")
    ids = [
        _value(one, "external-id-value")
        for holder in (group, *records)
        for one in _list(_inner(holder, "external-ids"), "external-id")
        if _value(one, "external-id-type").lower() in _NAMING
    ]
    named = tuple(dict.fromkeys(filter(None, ids)))
    return Work(title, named) if title or named else None


def _inner(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, dict) else None


def _list(document: Any, name: str) -> list[Any]:
    found = _inner(document, name)
    return found if isinstance(found, list) else []


def _value(document: Any, *names: str) -> str:
    for name in names:
        document = _inner(document, name)
    return document if isinstance(document, str) else ""
