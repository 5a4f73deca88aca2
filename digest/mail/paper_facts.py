"""The lines of a paper in a mail, equal for all subscribers: authors, facts, links, summary. Pure."""

import re
from collections.abc import Sequence

from digest.domain.categories import NAMES
from digest.domain.pick import Card, is_web_address
from digest.text import formatting
from digest.text.badges import badges
from digest.text.languages import gettext
from digest.text.summary import LIMIT, fitted, summary

LINKS_SHOWN = 4
_SHOWN_FIRST = 2
_SHORT_NAMES = {
    "cs.CV": "Computer Vision",
    "cs.CL": "Language",
    "cs.DC": "Distributed Computing",
    "cs.DS": "Algorithms",
    "cs.GT": "Game Theory",
    "cs.NE": "Neural Computing",
    "cs.NI": "Networks",
    "cs.MM": "Multimedia",
    "cs.PL": "Programming Languages",
    "cs.FL": "Formal Languages",
    "cs.CE": "Computational Engineering",
    "cs.MA": "Multiagent Systems",
    "cs.SY": "Control",
    "eess.SY": "Control",
    "eess.AS": "Audio and Speech",
    "eess.IV": "Image and Video",
    "q-bio.QM": "Quantitative Biology",
    "physics.comp-ph": "Computational Physics",
}
"""Names for categories whose own names are too long for a line with the date and the votes; proper names, not translated."""
_SINCE = re.compile(r" (?:since yesterday|since \d+ days ago|today)\b")


def facts(card: Card) -> list[str]:
    """Return the category in words, the date, the votes with their change, and the badges."""
    category = [
        _SHORT_NAMES.get(name) or NAMES.get(name, name.partition(":")[2] or name)
        for name in card.categories[:1]
    ]
    parts = (
        *(formatting.shorten(name, 40) for name in category),
        formatting.short_day(card.announced_on) if card.announced_on else "",
        card.votes.without_days() if card.votes else formatting.shorten(_SINCE.sub("", card.popularity), 60),
        *map(gettext, badges(card.title, card.abstract)),
    )
    return [part for part in parts if part]


def authors(card: Card, followed: str = "") -> list[tuple[str, bool]]:
    """Return the authors shown, and whether each is followed: the first two, the followed one, the last.

    A gap between them is an entry "…".
    """
    names = card.authors
    shown = {*range(min(_SHOWN_FIRST, len(names))), len(names) - 1} if names else set()
    if len(names) == _SHOWN_FIRST + 2:
        shown.add(_SHOWN_FIRST)
    wanted = followed.casefold()
    if wanted:
        shown |= {index for index, name in enumerate(names) if name.casefold() == wanted}
    found: list[tuple[str, bool]] = []
    last = -1
    for index in sorted(shown):
        if index > last + 1:
            found.append((formatting.ELLIPSIS, False))
        found.append(
            (formatting.shorten(names[index], 60), bool(wanted) and names[index].casefold() == wanted)
        )
        last = index
    return found


def authors_in_text(shown: Sequence[tuple[str, bool]]) -> str:
    """Return "A, B … Z" of what `authors` returned."""
    return ", ".join(name for name, _ in shown).replace(
        f", {formatting.ELLIPSIS}, ", f" {formatting.ELLIPSIS} "
    )


def sentence(card: Card, limit: int = LIMIT) -> str:
    """Return one sentence that says what the paper does: the stored summary, else the best of the abstract."""
    if limit <= 0:
        return ""
    if card.summary:
        return fitted(formatting.one_line(card.summary[:2000]), limit)
    return summary(card.abstract, card.title, limit)


def links(card: Card) -> list[tuple[str, str]]:
    """Return the further links of a paper as (label, URL): PDF, code, project. The title links to the abstract."""
    every = (("PDF", card.pdf_url), *card.links[:LINKS_SHOWN])
    return [
        (gettext(formatting.shorten(label, 30) or url), url) for label, url in every if is_web_address(url)
    ]
