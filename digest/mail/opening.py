"""The words a mail opens with: subject, preheader, and the line that says what is in it. Pure."""

import re
from collections.abc import Sequence
from functools import lru_cache
from math import ceil

from digest.mail.content import PickContent
from digest.text.formatting import one_line, shorten
from digest.text.languages import gettext, ngettext

SUBJECT_TITLE = 68
"""Characters of the title in a subject; phones show about 40, desktops about 80 of the whole."""
_SHORTEST_TITLE = 22
SECONDS_A_PAPER = 25
"""To read a title, a sentence and a reason, and to decide whether to open the paper."""
VOTED_BONUS = 0.05
"""What votes add to a score when the paper for the subject is chosen."""

_AFTER_COLON = re.compile(r"(?:: | [\u2013\u2014] |\? )")
_BEFORE_PHRASE = re.compile(
    r"(?:,)? (?:for|in|with|via|using|by|from|through|under|on|at|without|towards?|based on|beyond|across|over|between|among|"
    r"during|against|within|when|where|while|that|which|as|to) ",
    re.IGNORECASE,
)
_BEFORE_OF = re.compile(" (?:of|and) ")
_OPEN_END = re.compile(
    r"\b(?:a|an|the|of|to|in|on|for|and|or|with|by|from|via|using|is|are|as|at|its|their|towards?|not|more|how|why|when|what|can|do|does)$",
    re.IGNORECASE,
)
_FILLER = "&#847; "


def lead_of(picks: Sequence[PickContent]) -> PickContent | None:
    """Return the pick that the subject names: the personal one that fits best, votes counting a little."""
    personal = [pick for pick in picks if pick.section == "for_you"] or list(picks)
    return max(personal, key=lambda pick: pick.score + VOTED_BONUS * bool(pick.card.popularity), default=None)


def lead_first(picks: Sequence[PickContent]) -> tuple[PickContent, ...]:
    """Return the picks with the one that the subject names before the others of its section."""
    lead = lead_of(picks)
    return tuple(sorted(picks, key=lambda pick: pick is not lead))


@lru_cache(10_000)
def subject_title(title: str, limit: int = SUBJECT_TITLE) -> str:
    """Return a title for a subject: whole, or cut where it still reads as one.

    It is cut before a colon or a question's answer, else before a phrase ("... for ...", "... with ..."), and only a
    title without such a place between words, with an ellipsis.
    """
    line = one_line(title[:1000])
    if len(line) <= limit:
        return line
    for pattern in (_AFTER_COLON, _BEFORE_PHRASE, _BEFORE_OF):
        for match in reversed(list(pattern.finditer(line, 0, limit + 2))):
            end = match.start() + (match[0] == "? ")
            start = line[:end].rstrip(" ,;:")
            if _SHORTEST_TITLE <= len(start) <= limit and not _OPEN_END.search(start):
                return start
    return _between_words(line, limit)


def _between_words(line: str, limit: int) -> str:
    cut = shorten(line, limit)
    while _OPEN_END.search(cut.rstrip("\u2026")):
        cut = cut.rstrip("\u2026").rpartition(" ")[0] + "\u2026"
    return cut


def with_others(title: str, count: int) -> str:
    """Return "TITLE" or "TITLE, and 9 more"."""
    if count <= 1:
        return title
    # Translators: the subject of a mail: the title of one paper, and how many others there are.
    return ngettext("%(title)s, and %(num)s more", "%(title)s, and %(num)s more", count - 1, title=title)


def reading_time(papers: int) -> str:
    """Return "10 papers, 4 minutes"."""
    minutes = max(1, ceil(papers * SECONDS_A_PAPER / 60 - 0.25))
    # Translators: such as "10 papers, 4 minutes": what is in a mail, and how long it takes to read.
    return gettext("%(papers)s, %(minutes)s",
                   papers=ngettext("%(num)s paper", "%(num)s papers", papers),
                   minutes=ngettext("%(num)s minute", "%(num)s minutes", minutes))  # fmt: skip


def preheader(titles: Sequence[str], limit: int = 140) -> str:
    """Return the line that mail programs show after the subject: the titles after the one that the subject has."""
    found: list[str] = []
    for title in titles:
        short = subject_title(title, 60)
        if found and len("; ".join([*found, short])) > limit:
            break
        found.append(short)
    return "; ".join(found)


def padding(preheader: str, width: int = 150) -> str:
    """Return invisible HTML that fills the rest of the preview line, so that no text of the mail follows it."""
    return _FILLER * max(0, (width - len(preheader)) // 2)
