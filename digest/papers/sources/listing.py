"""A saved listing page: papers as a title line followed by an abstract line.

The page is what a browser gives as text, so its furniture stands between: the call to sign up on top,
the word of its button glued to the first title, numbers and headings anywhere. An abstract is told by
its length; the short line right before it is its title; a short line before no abstract is furniture,
or a paper whose abstract is missing.
"""

import re
from collections.abc import Iterable, Iterator

from digest.domain.paper import FeedItem
from digest.errors import BadInput
from digest.papers.sources.common import Found, Rejected, make_paper

SHORTEST_ABSTRACT = 250
"""Characters. Titles stay below; the few abstracts that do are told by their sentences."""
_BUTTON = "Subscribe"


def read_listing(lines: Iterable[tuple[int, str]], name: str) -> Found:
    """Yield the papers of a page's numbered lines, and the lines between papers that belong to none."""
    papers = 0
    for number, title, abstract in _pairs(lines):
        if not abstract:
            # Above the first paper everything is the page's own.
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
    # A short abstract: two sentences or a long one, under a line that is none.
    sentences = text.count(". ") + text.endswith((".", "!", "?"))
    return (
        bool(title)
        and len(text) >= 80
        and len(text) > len(title)
        and sentences >= 1
        and not title.endswith(".")
    )


def _without_button(title: str) -> str:
    """Take the button's word off the first title, to which it is glued without a space."""
    glued = title.removeprefix(_BUTTON)
    return title if not glued[:1].strip() or _ENDING.match(glued) else glued


_ENDING = re.compile(r"(?:rs?|d|s)\b|[:;,.!?-]")
"""What makes the word part of a title: Subscribers, Subscribed, Subscribe:."""
