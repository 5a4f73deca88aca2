"""Renders posts with the templates of `templates/chat`: Markdown, one message for one digest.

A digest is never split into two messages: when the second one fails, the retry would post the first one again.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from digest.domain.channel import Service
from digest.domain.pick import Pick, is_web_address
from digest.mail.content import HEADINGS, Heading, heading_of
from digest.text import formatting
from digest.text.emphasis import EMPHASIS
from digest.text.languages import gettext, install

LIMITS: Mapping[Service, int] = {
    Service.SLACK: 3900,
    Service.DISCORD: 1900,
    Service.MATTERMOST: 3900,
    Service.MATRIX: 3900,
    Service.TELEGRAM: 3900,
}
"""Characters of a post: a little less than the service takes, or, where it takes tens of thousands, enough for all papers."""
LENGTHS = ((200, 160), (120, 90), (80, 0))
"""Characters of each title and reason. The next ones are tried when the post is too long."""

# These characters are markup in one service or another, and only some of them know how to escape it.
_LOOKALIKES = str.maketrans({"*": "\u2217", "`": "'", "~": "\u223c", "|": "\u2223", "\\": "\u2216"})
_BRACKETS = re.compile(r"[][<>]")


class PostRenderer:
    """Renders posts. Thread-safe."""

    def __init__(self, templates: Path) -> None:
        """`templates` is the folder `templates/chat`."""
        self._templates = Environment(
            loader=FileSystemLoader(templates),
            autoescape=False,  # noqa: S701 - Markdown, which `escaped` escapes
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        install(self._templates)

    def digest(self, edition_on: date, picks: Sequence[Pick], service: Service) -> str:
        """Return the post of a digest. It shortens the texts, then leaves out the last papers, and says so."""
        text = ""
        for title, reason in LENGTHS:
            text = self._digest(edition_on, picks, len(picks), title, reason)
            if len(text) <= LIMITS[service]:
                return text
        for count in range(len(picks) - 1, 0, -1):
            text = self._digest(edition_on, picks, count, *LENGTHS[-1])
            if len(text) <= LIMITS[service]:
                break
        return text

    def first(self, schedule: str) -> str:
        """Return the first post to a channel; `schedule` says when digests come."""
        return self._fill("first.md", {"schedule": escaped(schedule)})

    def _digest(self, edition_on: date, picks: Sequence[Pick], count: int, title: int, reason: int) -> str:
        shown: dict[Heading, list[dict[str, str]]] = {key: [] for key in HEADINGS}
        for pick in picks[:count]:
            card = pick.card
            shown[heading_of(pick.section, card)].append(
                {
                    "title": escaped(formatting.shorten(card.title, title) or card.paper_id),
                    "url": _link(card.abstract_url),
                    "reason": _reason(pick.reason.line, reason),
                }
            )
        sections = [(gettext(HEADINGS[key]), of_section) for key, of_section in shown.items() if of_section]
        return self._fill(
            "post.md",
            {
                "day": formatting.day(edition_on),
                "sections": sections,
                "dropped": len(picks) - count,
            },
        )

    def _fill(self, name: str, variables: Mapping[str, Any]) -> str:
        return self._templates.get_template(name).render(variables).strip() + "\n"


def escaped(text: str) -> str:
    """Return a text that no service reads as markup, as a link, or as a mention that calls everybody."""
    plain = formatting.one_line(text).translate(_LOOKALIKES).replace("@", "@\u200b")
    return _BRACKETS.sub(lambda match: f"\\{match[0]}", plain)


def _reason(line: str, limit: int) -> str:
    if not limit:
        return ""
    found = EMPHASIS.fullmatch(formatting.shorten(line, limit))
    if found is None:
        return escaped(formatting.shorten(line, limit))
    before, words, after = (escaped(part) for part in found.groups())
    spaced = " " if found[1].endswith(" ") else "", " " if found[3].startswith(" ") else ""
    return f"{before}{spaced[0]}*{words}*{spaced[1]}{after}"


def _link(url: str) -> str:
    # Between angle brackets, a backslash would escape.
    return url.replace("\\", "%5C") if is_web_address(url) else ""
