"""A saved listing page: papers as a title line followed by an abstract line.

The page is a browser's text, so it holds other lines, too: the call to sign up on top, the button's label joined
to the first title, numbers and headings anywhere. An abstract is recognised by its length; the short line before it
is its title. Another short line is not part of a paper, or belongs to one whose abstract is missing.
"""

import re
from collections.abc import Iterable, Iterator

from digest.domain.paper import FeedItem
from digest.errors import BadInput
from digest.papers.sources.common import Found, Rejected, make_paper

SHORTEST_ABSTRACT = 250
"""Characters. Titles are shorter; the few shorter abstracts are recognised by their sentences."""
_BUTTON = "Subscribe"


def read_listing(lines: Iterable[tuple[int, str]], name: str) -> Found:
    """Yield the papers of a page's numbered lines, and a Rejected for each line that belongs to no paper."""
    papers = 0
    for number, title, abstract in _pairs(lines):
        if not abstract:
            # Lines above the first paper are the page's own.
            if papers:
                yield Rejected(
                    f"{name}:{number}", "the line is neither an abstract nor a title with one below"
                )
            continue
        if not title:
            yield Rejected(f"{name}:{number}", "the abstract has no title above it")
            continue
        try:
            paper = make_paper(
                paper_id="", title=title if papers else _without_button(title), abstract=abstract
            )
        except BadInput as error:
            yield Rejected(f"{name}:{number}", str(error))
        else:
            papers += 1
            yield FeedItem(paper)


def _pairs(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """Group lines into (line number, title, abstract), with "" for the part that is missing."""
    waiting: tuple[int, str] | None = None
    for number, line in lines:
        text = line.strip()
        if not text:
            continue
        if _is_abstract(text, waiting[1] if waiting else ""):
            yield (waiting[0], waiting[1], text) if waiting else (number, "", text)
            waiting = None
            continue
        if waiting:
            yield waiting[0], waiting[1], ""
        waiting = (number, text)
    if waiting:
        yield waiting[0], waiting[1], ""


def _is_abstract(text: str, title: str) -> bool:
    if len(text) >= SHORTEST_ABSTRACT:
        return True
    # A short abstract: at least one sentence, under a title that does not end in a full stop.
    sentences = text.count(". ") + text.endswith((".", "!", "?"))
    return (
        bool(title)
        and len(text) >= 80
        and len(text) > len(title)
        and sentences >= 1
        and not title.endswith(".")
    )


def _without_button(title: str) -> str:
    """Remove the button's label from the first title, to which it is joined without a space."""
    glued = title.removeprefix(_BUTTON)
    return title if not glued[:1].strip() or _ENDING.match(glued) else glued


_ENDING = re.compile(r"(?:rs?|d|s)\b|[:;,.!?-]")
"""Endings that make the label part of a title: Subscribers, Subscribed, Subscribe:."""
