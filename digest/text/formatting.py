"""Formatting of paper data for mails and pages: cleaning, shortening, counting. Pure functions on plain text.

The input may be any text of a feed. The output is one line of limited length without control characters, lone
surrogates and overrides of the writing direction.
"""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from textwrap import fill

from digest.text.sentences import sentence_ends

ELLIPSIS = "…"
TEXT_WIDTH = 72
EXCERPT_READ = 4000
"""Characters of an abstract that are read; arXiv accepts up to 1920."""
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
_ODD_BUT_PRINTABLE = "  ", "\ufffc", "\ufffd"
_SPACES = re.compile(r"\s+")
_CONTRIBUTION = re.compile(
    r"\b(?:we|this (?:paper|work|article|study|thesis|survey|report))\b(?: \w+){0,3}? "
    r"(?:propose|present|introduce|develop|describe|show|study|investigate|explore|design|build|release|address"
    r"|demonstrate|prove|analy[sz]e|examine|review|survey|evaluate|formulate|find)",
    re.IGNORECASE,
)


def one_line(text: str) -> str:
    """Return `text` as one clean line: no control characters, every run of white space one space."""
    if text.isprintable() and not any(odd in text for odd in _ODD_BUT_PRINTABLE):
        # True for most text, and ten times as fast.
        return text.strip()
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
    # A joiner at the end would combine the ellipsis with half an emoji.
    return cut.rstrip(" ,;:.-\u2013\u2014\u200c\u200d") + ELLIPSIS


def excerpt(abstract: str, limit: int) -> str:
    """Return whole sentences of `abstract`, at most `limit` characters.

    The excerpt starts at the beginning, or, after an ellipsis, at the first sentence with "we propose" or the like
    when that would not fit otherwise. A first sentence that is too long is cut.
    """
    line = one_line(abstract[:EXCERPT_READ])
    if len(line) <= limit:
        return line
    ends = sentence_ends(line)
    starts = [0, *(end + 1 for end in ends)]
    contribution = _CONTRIBUTION.search(line)
    start = max(start for start in starts if start <= (contribution.start() if contribution else 0))
    if start and contribution and contribution.end() > max((end for end in ends if end <= limit), default=0):
        return f"{ELLIPSIS} {_whole_sentences(line, start, ends, limit - 2)}"
    return _whole_sentences(line, 0, ends, limit)


def _whole_sentences(line: str, start: int, ends: Sequence[int], limit: int) -> str:
    end = max((end for end in ends if start < end <= start + limit), default=start)
    if len(line) - start <= limit:
        end = len(line)
    return line[start:end] if end > start + limit // 4 else shorten(line[start:], limit)


def author_line(authors: Sequence[str], shown: int = 3) -> str:
    """Return "A, B, C and 9 more"; a single remaining author is named."""
    names = [shorten(name, 60) for name in authors[: shown + 1]]
    rest = len(authors) - shown
    if rest > 1:
        return f"{', '.join(names[:shown])} and {rest} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def counted(number: int, thing: str) -> str:
    """Return "1 paper", "1,204 papers", "2 deliveries", "2 processes"."""
    if number == 1:
        return f"1 {thing}"
    if thing.endswith("ry"):
        return f"{number:,} {thing[:-1]}ies"
    return f"{number:,} {thing}{'es' if thing.endswith('s') else 's'}"


def day(on: date) -> str:
    """Return "22 November 2025"."""
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def short_day(on: date) -> str:
    """Return "22 Nov"."""
    return f"{on.day} {MONTHS[on.month - 1][:3]}"


def month(on: date) -> str:
    """Return "November 2025"."""
    return f"{MONTHS[on.month - 1]} {on.year}"


def weekday(on: date) -> str:
    """Return "Saturday"."""
    return WEEKDAYS[on.weekday()]


def holdings(for_you: int, everyone: int, considered: int, new: int = 0) -> str:
    """Return "7 for you · 3 everyone reads, out of 612 new papers"."""
    sections = ((for_you, "for you"), (everyone, "everyone reads"), (new, "new this week"))
    parts = [f"{count} {what}" for count, what in sections if count]
    looked_at = counted(considered, "new paper")
    return f"{' · '.join(parts)}, out of {looked_at}" if parts else f"{looked_at} looked at"


@lru_cache(10_000)
def wrapped(text: str, indent: int = 0) -> str:
    """Return `text` in indented lines of TEXT_WIDTH columns; long words and addresses are not broken."""
    margin = " " * indent
    if len(text) + indent <= TEXT_WIDTH:
        return margin + text
    return fill(
        text,
        TEXT_WIDTH,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
