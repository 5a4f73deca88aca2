"""How paper data is put into words for a mail: cleaned, shortened, counted. Pure functions on plain text.

Whatever a feed wrote can come in here. What goes out is one line without control characters, lone
surrogates or overrides of the writing direction, and not longer than it was asked to be.
"""

import re
from collections.abc import Sequence
from datetime import date

ELLIPSIS = "…"
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FREQUENCIES = {"daily": "every day", "weekdays": "on weekdays", "weekly": "once a week"}

# Direction overrides can make a title read as something else; zero-width spaces, tags and the byte order
# mark hide text. Joiners (U+200C, U+200D) and direction marks stay: Persian, Hebrew and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_SPACES = re.compile(r"\s+")
_SENTENCE_END = re.compile(r"[.!?][)\]\"'\u2019\u201d]*(?=\s+[^\sa-z])")
_NOT_AN_END = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|et al|vs|etc|resp|approx|w\.r\.t|a\.k\.a|Fig|Figs|Eq|Eqs|Sec|Tab|Alg|No|Dr|Prof|St)"
    r"|\b[A-Z])\.$"
)


def one_line(text: str) -> str:
    """Return `text` as one clean line: no control characters, every run of white space one space."""
    return _SPACES.sub(" ", _UNSEEN.sub("", text)).strip()


def shorten(text: str, limit: int) -> str:
    """Return `text` on one line, at most `limit` (>= 1) characters, cut between words, with an ellipsis."""
    line = one_line(text[: 8 * limit + 1000])
    if len(line) <= limit and len(text) <= 8 * limit + 1000:
        return line
    cut = line[: limit - 1]
    space = cut.rfind(" ", limit * 2 // 3)
    if line[limit - 1 : limit] != " " and space > 0:
        cut = cut[:space]
    # A joiner left at the end would bind the ellipsis to half an emoji.
    return cut.rstrip(" ,;:.-\u2013\u2014\u200c\u200d") + ELLIPSIS


def excerpt(abstract: str, limit: int) -> str:
    """Return the first sentences of `abstract` that fit in `limit` characters; the first one cut if need be."""
    line = one_line(abstract[: 8 * limit + 1000])
    if len(line) <= limit:
        return line
    end = 0
    for match in _SENTENCE_END.finditer(line, 0, limit + 2):
        if match.end() <= limit and not _NOT_AN_END.search(line[max(0, match.end() - 12) : match.end()]):
            end = match.end()
    return line[:end] if end > limit // 3 else shorten(line, limit)


def author_line(authors: Sequence[str], shown: int = 3) -> str:
    """Return "A, B, C and 9 more"; one left over is named instead of counted."""
    names = [shorten(name, 60) for name in authors[: shown + 1]]
    rest = len(authors) - shown
    if rest > 1:
        return f"{', '.join(names[:shown])} and {rest} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def day(on: date) -> str:
    """Return "22 November 2025"."""
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def short_day(on: date) -> str:
    """Return "22 Nov"."""
    return f"{on.day} {MONTHS[on.month - 1][:3]}"


def weekday(on: date) -> str:
    """Return "Saturday"."""
    return WEEKDAYS[on.weekday()]


def holdings(for_you: int, everyone: int, considered: int) -> str:
    """Return "7 for you · 3 everyone reads, out of 612 new papers"."""
    parts = [
        f"{count} {what}" for count, what in ((for_you, "for you"), (everyone, "everyone reads")) if count
    ]
    counted = f"{considered:,} new paper{'s' * (considered != 1)}"
    return f"{' · '.join(parts)}, out of {counted}" if parts else f"{counted} looked at"
