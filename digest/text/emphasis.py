"""Emphasis in a line of plain text: words between two asterisks."""

import re
from functools import lru_cache

from markupsafe import Markup

EMPHASIS = re.compile(r"([^*]*)\*([^*]+)\*([^*]*)")
"""A line with emphasis: what is before it, its words, and what is after it."""


@lru_cache(10_000)
def emphasised(line: str) -> Markup:
    """Return the line as HTML, escaped, its emphasis as an element; for templates that escape."""
    found = EMPHASIS.fullmatch(line)
    return Markup("{}<em>{}</em>{}").format(*found.groups()) if found else Markup.escape(line)
