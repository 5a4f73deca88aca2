"""A paper as a mail shows it, and the reason it was picked for one subscriber."""

import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Self

from digest.domain.delivery import Section
from digest.domain.reason_line import is_explained_by_paper, reason_line
from digest.domain.votes import Votes
from digest.text.languages import current_language, gettext

_WEB_ADDRESS = re.compile(r"https?://[^\s\x00-\x20\x7f<>\"]{1,2000}")


def is_web_address(url: str) -> bool:
    """Return whether a URL from a feed may become a link: an absolute http(s) URL without spaces."""
    return _WEB_ADDRESS.fullmatch(url) is not None


@dataclass(frozen=True, slots=True)
class Card:
    """What a mail shows of a paper. Equal for all subscribers, so it is rendered and stored once.

    Texts are untrusted: they come from feeds. A URL that is not http or https is not shown as a link.
    """

    paper_id: str
    title: str
    authors: tuple[str, ...]
    abstract: str
    categories: tuple[str, ...]
    """The primary category comes first."""
    announced_on: date | None
    """None if no feed gave a date."""
    abstract_url: str
    pdf_url: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """Further (label, URL) pairs: code, project page."""
    popularity: str = ""
    """A line in English, such as "38 upvotes, +21 since yesterday". Empty for a paper without votes."""
    summary: str = ""
    """One sentence from a feed or a summary service. Empty: the best sentence of the abstract is shown."""
    votes: Votes | None = None
    """The numbers that `popularity` says. None without votes, and in cards of earlier versions."""

    @property
    def popularity_in_words(self) -> str:
        """The popularity in the current language; that of a card of earlier versions in English."""
        return self.votes.in_words() if self.votes else self.popularity

    def to_json(self) -> dict[str, Any]:
        """Return the card as a JSON object. `from_json` is the inverse."""
        return {
            "paper_id": self.paper_id,
            "title": self.title,
            "authors": list(self.authors),
            "abstract": self.abstract,
            "categories": list(self.categories),
            "announced_on": self.announced_on and self.announced_on.isoformat(),
            "abstract_url": self.abstract_url,
            "pdf_url": self.pdf_url,
            "links": [list(link) for link in self.links],
            "popularity": self.popularity,
            "summary": self.summary,
            "votes": self.votes and list(astuple(self.votes)),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the card of a JSON object that `to_json` made."""
        return cls(
            paper_id=value["paper_id"],
            title=value["title"],
            authors=tuple(value["authors"]),
            abstract=value["abstract"],
            categories=tuple(value["categories"]),
            announced_on=date.fromisoformat(value["announced_on"]) if value["announced_on"] else None,
            abstract_url=value["abstract_url"],
            pdf_url=value["pdf_url"],
            links=tuple((label, url) for label, url in value["links"]),
            popularity=value["popularity"],
            # Cards of earlier versions have neither.
            summary=value.get("summary", ""),
            votes=Votes(*votes) if (votes := value.get("votes")) else None,
        )


@dataclass(frozen=True)
class PickReason:
    """Why a paper was picked. Subscribers with the same interest share it, so its forms are computed once."""

    terms: tuple[tuple[str, float], ...] = ()
    """The terms that carried the score, with their shares of it (0 to 1)."""
    author: str = ""
    """The followed author who is the reason; may be empty."""
    is_typed: bool = False
    """Whether the first term is words that the subscriber typed."""
    interest: str = ""
    """The interest it matched, in the subscriber's words; empty in mails of earlier versions."""
    liked: str = ""
    """Title of the marked paper that explains the pick better than the terms do; may be empty."""

    _lines: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The line by language."""

    @property
    def line(self) -> str:
        """The line the subscriber sees, in the current language; empty when popularity is the only reason."""
        language = current_language()
        known = self._lines.get(language)
        if known is None:
            known = self._lines[language] = self._worded()
        return known

    def _worded(self) -> str:
        if self.author:
            return gettext("By %(author)s, whom you follow", author=self.author)
        if self.interest:
            return reason_line(self.interest, self.terms, is_typed=self.is_typed, liked=self.liked)
        if self.terms:
            return gettext("Because of: %(terms)s", terms=", ".join(term for term, _ in self.terms))
        return ""

    @property
    def is_explained_by_paper(self) -> bool:
        """Whether a marked paper would explain the pick better than its terms."""
        return is_explained_by_paper(self.interest, self.terms)

    @cached_property
    def stored(self) -> str:
        """The reason as a JSON document. `from_json` reads what is in it."""
        return json.dumps(
            {
                "terms": [[term, round(share, 4)] for term, share in self.terms],
                "author": self.author,
                "is_typed": self.is_typed,
                "interest": self.interest,
                "liked": self.liked,
            }
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return a stored reason."""
        return cls(
            terms=tuple((term, share) for term, share in value["terms"]),
            author=value["author"],
            # Mails of earlier versions have none of these.
            is_typed=value.get("is_typed", False),
            interest=value.get("interest", ""),
            liked=value.get("liked", ""),
        )


NO_REASON = PickReason()


@dataclass(frozen=True, slots=True)
class Pick:
    """One paper of one mail, with the reason it was picked for."""

    paper_row_id: int
    """The paper's row in the database."""
    card: Card
    card_sha256: str
    """The fingerprint of the card, under which it is stored once for all subscribers."""
    section: Section
    score: float
    reason: PickReason = NO_REASON
