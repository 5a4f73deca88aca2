"""Papers as JSON records, one per line: `id, doi, title, abstract, authors, categories, date, upvotes`.

Only the title and the abstract are required. Without an id, the id is derived from the title; without a date, the
announcement date is unknown.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from digest.domain.paper import FeedItem, Popularity
from digest.errors import BadInput
from digest.papers.identifiers import known_ids
from digest.papers.sources.common import Found, Rejected, make_paper

LONGEST_LINE = 1_000_000
"""Bytes; a longer line is refused."""


def read_lines(lines: Iterable[tuple[int, bytes]], name: str, now: datetime) -> Found:
    """Yield the paper on each numbered line, or a Rejected. Empty lines are skipped."""
    for number, line in lines:
        if line.isspace():
            continue
        try:
            yield item_from(_record(line), now)
        except BadInput as error:
            yield Rejected(f"{name}:{number}", str(error))


def _record(line: bytes) -> Any:
    if len(line) > LONGEST_LINE:
        raise BadInput(f"the line is longer than {LONGEST_LINE:,} bytes")
    try:
        return json.loads(line.strip())
    except UnicodeDecodeError:
        raise BadInput("the line is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the line is not JSON ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:]} at character {error.pos + 1}"
    return "nested too deep" if isinstance(error, RecursionError) else "a number is too long"


def item_from(record: Any, now: datetime) -> FeedItem:
    """Build a feed item from one record. Raises BadInput naming the field that is wrong."""
    if not isinstance(record, dict):
        raise BadInput("the line is not a JSON object")
    dois = known_ids([_text(record, "doi", required=False)])
    paper = make_paper(
        paper_id=_text(record, "id", required=False) or next(iter(dois), ""),
        title=_text(record, "title"),
        abstract=_text(record, "abstract"),
        authors=_texts(record, "authors"),
        categories=_texts(record, "categories"),
        announced_on=_date(record),
    )
    upvotes = record.get("upvotes")
    popularity = None if upvotes is None else Popularity(now, _count(upvotes))
    return FeedItem(paper, popularity, dois)


def _text(record: Mapping[str, Any], field: str, *, required: bool = True) -> str:
    value = record.get(field)
    if value is None and not required:
        return ""
    if value is None:
        raise BadInput(f"the {field} is missing")
    if not isinstance(value, str):
        raise BadInput(f"the {field} must be text")
    return value


def _texts(record: Mapping[str, Any], field: str) -> list[str]:
    value = record.get(field)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise BadInput(f"the {field} must be a list of texts")
    return value


def _date(record: Mapping[str, Any]) -> date | None:
    value = record.get("date")
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadInput("the date must be written YYYY-MM-DD") from None


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise BadInput("the upvotes must be a whole number, 0 or more")
    return value
