"""Parses dates and instants of the command line."""

import re
from datetime import UTC, date, datetime, time, timedelta

from digest.errors import BadInput

_SHORT_TIME = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,3})?)(ms|s)")
# Dates outside are rejected, so that adding or subtracting days cannot overflow.
_YEARS = range(1900, 3000)


def parse_date(text: str | None) -> date | None:
    """Parse YYYY-MM-DD. Raises BadInput."""
    if text is None:
        return None
    try:
        return _in_reach(date.fromisoformat(text))
    except ValueError:
        raise BadInput(f"{text!r} is not a date; write it like 2026-11-22.") from None


def parse_instant(text: str | None) -> datetime | None:
    """Parse an ISO 8601 instant, UTC if it has no offset; a date means the end of that day. Raises BadInput."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-22"):
            return end_of(_in_reach(date.fromisoformat(text)))
        instant = datetime.fromisoformat(text)
        _in_reach(instant.date())
    except ValueError:
        raise BadInput(
            f"{text!r} is not a time; write it like 2026-11-22T07:00 or 2026-11-22T07:00+01:00."
        ) from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _in_reach(day: date) -> date:
    if day.year not in _YEARS:
        raise ValueError("out of reach")
    return day


def end_of(day: date) -> datetime:
    """Return the last second of a day in UTC."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1, seconds=-1)


def parse_milliseconds(text: str | None) -> timedelta | None:
    """Read a short time like `25ms` or `0.1s`. Raises BadInput."""
    if text is None:
        return None
    match = _SHORT_TIME.fullmatch(text.strip())
    if match is None:
        raise BadInput(f"{text!r} is not a short time; write it like 25ms or 0.1s.")
    return timedelta(**{"milliseconds" if match[2] == "ms" else "seconds": float(match[1])})
