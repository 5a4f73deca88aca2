"""The name and the works of a researcher, by ORCID iD, from ORCID's public API; of works titles and ids."""

import json
from dataclasses import dataclass
from typing import Any

from digest.domain.orcid import parse_orcid
from digest.errors import NotFound, TryLater
from digest.papers.sources.http import Fetcher
from digest.text.formatting import one_line
from digest.text.languages import gettext

LONGEST_NAME = 100
_NAMING = {"arxiv", "doi"}


@dataclass(frozen=True, slots=True)
class Work:
    """One work of a researcher."""

    title: str
    ids: tuple[str, ...]
    """Its arXiv ids and DOIs, as they are written."""


def works_of(orcid: str, base_url: str, fetcher: Fetcher) -> list[Work]:
    """Return the public works of a researcher, one for each group of equal ones.

    Raises BadInput for an invalid ORCID iD, NotFound for an unknown one, and TryLater when ORCID does not answer.
    """
    document = _part_of(parse_orcid(orcid), "works", base_url, fetcher)
    return [work for group in _list(document, "group") if (work := _work(group)) is not None]


def name_of(orcid: str, base_url: str, fetcher: Fetcher) -> str:
    """Return the public name of a researcher as papers print it; "" if it is not public. Raises what `works_of` raises."""
    name = _inner(_part_of(parse_orcid(orcid), "person", base_url, fetcher), "name")
    given, family = _value(name, "given-names", "value"), _value(name, "family-name", "value")
    written = f"{given} {family}" if given and family else _value(name, "credit-name", "value")
    return one_line(written[:LONGEST_NAME].replace("|", " "))


def _part_of(orcid: str, part: str, base_url: str, fetcher: Fetcher) -> Any:
    answer = fetcher.get(
        f"{base_url}/{orcid}/{part}",
        readable_errors=frozenset({404, 409, 410}),
        accept="application/json",
    )
    if answer.status != 200:
        raise NotFound(gettext("ORCID has no public record %(orcid)s; check the iD.", orcid=orcid))
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise TryLater("ORCID answered with what cannot be read; try again later.") from None


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
