"""Dates and instants as feeds write them."""

from datetime import date, datetime
from email.utils import parsedate_to_datetime

from digest.errors import BadInput

EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
_LONGEST_MOMENT = 100


def parse_moment(text: str) -> datetime | None:
    """Parse an instant in RFC 3339 or RFC 5322 form; None if it is neither or has no time zone.

    Raises BadInput for a year outside EARLIEST_YEAR to LATEST_YEAR.
    """
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text[:_LONGEST_MOMENT])
        except (ValueError, TypeError):
            continue
        except OverflowError:
            raise BadInput(f"the date {text[:40]!r} is out of range") from None
        if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
            raise BadInput(f"the date {text[:40]!r} is out of range")
        return moment if moment.tzinfo else None
    return None


def day_in(text: str) -> date | None:
    """Return the day at the start of a text, written YYYY-MM-DD; None if there is none.

    Raises BadInput for a year outside EARLIEST_YEAR to LATEST_YEAR.
    """
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise BadInput(f"the date {text[:40]!r} is out of range")
    return day
