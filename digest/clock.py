"""The only place that reads the clock. Command line, web and workers call it and pass `now` on."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)
