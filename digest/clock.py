"""The one place that reads the clock; only the doors call it, everything below is handed `now`."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)
