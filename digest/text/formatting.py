"""Formatting of paper data for mails and pages: cleaning, shortening, counting. Pure functions on plain text.

Dates, times and words are those of the current language (`digest.text.languages`). The input may be any text of a feed. The output is one line of limited length without control characters, lone
surrogates and overrides of the writing direction.
"""

import re
from collections.abc import Sequence
from datetime import date, time
from functools import lru_cache
from textwrap import fill

from digest.text.languages import (
    DEFAULT,
    current_language,
    current_locale,
    gettext,
    gettext_noop,
    ngettext,
    use_language,
)
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
FREQUENCIES = {
    # Translators: completes "You get this mail ..." and "From now on you get a digest ...".
    "daily": gettext_noop("every day"),
    # Translators: completes "You get this mail ..." and "From now on you get a digest ...".
    "weekdays": gettext_noop("on weekdays"),
    # Translators: completes "You get this mail ..." and "From now on you get a digest ...".
    "weekly": gettext_noop("once a week"),
}

# Direction overrides can make a title read as something else; zero-width spaces, tags and the byte order
# mark hide text. Joiners (U+200C, U+200D) and direction marks stay: Persian, Hebrew and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_ODD_BUT_PRINTABLE = "  ", "\ufffc", "\ufffd"
_SPACES = re.compile(r"\s+")
_WIDE_RANGES = "\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003fffd"
_WIDE = re.compile(f"[{_WIDE_RANGES}]")
_PIECES = re.compile(
    rf"[（「『【《“‘]*(?:[^\s{_WIDE_RANGES}]+|[{_WIDE_RANGES}])[，。、；：！？）」』】》”’]*\s*"  # noqa: RUF001 - Chinese marks
)
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
        # Translators: the names of some authors of a paper, and how many others there are.
        return ngettext("%(names)s and %(num)s more", "%(names)s and %(num)s more", rest,
                        names=", ".join(names[:shown]))  # fmt: skip
    if len(names) < 2:
        return "".join(names)
    # Translators: the names of all authors of a paper.
    return gettext("%(names)s and %(last)s", names=", ".join(names[:-1]), last=names[-1])


def counted(number: int, thing: str) -> str:
    """Return "1 paper", "1,204 papers", "2 deliveries", "2 processes": always in English, for operators."""
    if number == 1:
        return f"1 {thing}"
    if thing.endswith("ry"):
        return f"{number:,} {thing[:-1]}ies"
    return f"{number:,} {thing}{'es' if thing.endswith('s') else 's'}"


def day(on: date) -> str:
    """Return "22 November 2025"."""
    if current_language() == DEFAULT:
        return f"{on.day} {MONTHS[on.month - 1]} {on.year}"
    return _date(on, "long", current_language())


def short_day(on: date) -> str:
    """Return "22 Nov"."""
    if current_language() == DEFAULT:
        return f"{on.day} {MONTHS[on.month - 1][:3]}"
    return _skeleton(on, "MMMd", current_language())


def month(on: date) -> str:
    """Return "November 2025"."""
    if current_language() == DEFAULT:
        return f"{MONTHS[on.month - 1]} {on.year}"
    return _skeleton(on, "yMMMM", current_language())


def weekday(on: date) -> str:
    """Return "Saturday"."""
    return WEEKDAYS[on.weekday()] if current_language() == DEFAULT else _date(on, "cccc", current_language())


def full_day(on: date) -> str:
    """Return "Saturday, 22 November 2025"."""
    if current_language() == DEFAULT:
        return f"{weekday(on)}, {day(on)}"
    return _date(on, "full", current_language())


def short_full_day(on: date) -> str:
    """Return "Saturday 22 Nov"."""
    if current_language() == DEFAULT:
        return f"{weekday(on)} {short_day(on)}"
    return _skeleton(on, "MMMEd", current_language())


def clock(hour: int) -> str:
    """Return "7:00", "19:00"."""
    return f"{hour}:00" if current_language() == DEFAULT else _time(hour, current_language())


@lru_cache(1000)
def _date(on: date, form: str, tag: str) -> str:
    from babel.dates import format_date  # noqa: PLC0415

    with use_language(tag):
        return format_date(on, form, current_locale())


@lru_cache(1000)
def _skeleton(on: date, form: str, tag: str) -> str:
    from babel.dates import format_skeleton  # noqa: PLC0415

    with use_language(tag):
        return format_skeleton(form, on, locale=current_locale())


@lru_cache(1000)
def _time(hour: int, tag: str) -> str:
    from babel.dates import format_time  # noqa: PLC0415

    with use_language(tag):
        return format_time(time(hour), "short", locale=current_locale())


def labelled(label: str) -> str:
    """Return the label of a value that follows: "PDF:"."""
    # Translators: the mark between a label and an address that follows.
    return gettext("%(label)s:", label=label)


def holdings(for_you: int, everyone: int, considered: int, new: int = 0) -> str:
    """Return "7 for you · 3 everyone reads, out of 612 new papers"."""
    parts = []
    if for_you:
        # Translators: this many papers are for you.
        parts.append(ngettext("%(num)s for you", "%(num)s for you", for_you))
    if everyone:
        # Translators: this many papers are those that everyone reads.
        parts.append(ngettext("%(num)s everyone reads", "%(num)s everyone reads", everyone))
    if new:
        # Translators: this many papers are new this week.
        parts.append(ngettext("%(num)s new this week", "%(num)s new this week", new))
    if not parts:
        return ngettext("%(num)s new paper looked at", "%(num)s new papers looked at", considered)
    # Translators: %(papers)s is such as "7 for you · 3 everyone reads".
    return ngettext("%(papers)s, out of %(num)s new paper", "%(papers)s, out of %(num)s new papers", considered,
                    papers=" · ".join(parts))  # fmt: skip


def columns(text: str) -> int:
    """Return the width of a text in a fixed-width font: Chinese characters take two columns."""
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def padded(text: str, width: int) -> str:
    """Return `text` with spaces after it up to `width` columns, at least one."""
    return text + " " * max(1, width - columns(text))


@lru_cache(10_000)
def wrapped(text: str, indent: int = 0) -> str:
    """Return `text` in indented lines of TEXT_WIDTH columns; long words and addresses are not broken."""
    margin = " " * indent
    if columns(text) + indent <= TEXT_WIDTH:
        return margin + text
    if _WIDE.search(text):
        return "\n".join(margin + line for line in _wide_lines(text, TEXT_WIDTH - indent))
    return fill(
        text,
        TEXT_WIDTH,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wide_lines(text: str, width: int) -> list[str]:
    """Break a text that can be broken at every Chinese character, except before a mark that ends something."""
    lines = [""]
    for piece in _PIECES.findall(text):
        if lines[-1] and columns(lines[-1]) + columns(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]
