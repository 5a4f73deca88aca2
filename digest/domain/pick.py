"""A paper as a mail shows it, and the reason it was picked for one subscriber."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from digest.domain.delivery import Section
from digest.domain.reason_line import reason_line


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
    """A line such as "38 upvotes, +21 today". Empty for a paper without votes."""
    summary: str = ""
    """One sentence from a feed or a summary service. Empty: the best sentence of the abstract is shown."""

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
            # Cards of earlier versions have none.
            summary=value.get("summary", ""),
        )


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
    terms: tuple[tuple[str, float], ...] = ()
    """The terms that carried the score, with their shares of it (0 to 1)."""
    author: str = ""
    """The followed author who brought it; may be empty."""
    is_typed: bool = False
    """Whether the first term is words that the subscriber typed."""
    interest: str = ""
    """The interest it matched, in the subscriber's words; empty in mails of earlier versions."""
    liked: str = ""
    """Title of the marked paper that explains the pick better than the terms do; may be empty."""

    @property
    def reason(self) -> str:
        """The line the subscriber sees; empty when popularity alone speaks for the paper."""
        if self.author:
            return f"By {self.author}, whom you follow"
        if self.interest:
            return reason_line(self.interest, self.terms, is_typed=self.is_typed, liked=self.liked)
        if self.terms:
            return f"Because of: {', '.join(term for term, _ in self.terms)}"
        return ""

    def reasons_to_json(self) -> dict[str, Any]:
        """Return what is stored of the reason. `from_stored` reads it."""
        return {
            "terms": [[term, round(share, 4)] for term, share in self.terms],
            "author": self.author,
            "is_typed": self.is_typed,
            "interest": self.interest,
            "liked": self.liked,
        }

    @classmethod
    def from_stored(
        cls,
        paper_row_id: int,
        card: Card,
        card_sha256: str,
        section: str,
        score: float,
        reasons: Mapping[str, Any],
    ) -> Self:
        """Return a stored pick; `reasons` is what `reasons_to_json` returned."""
        return cls(
            paper_row_id=paper_row_id,
            card=card,
            card_sha256=card_sha256,
            section=Section(section),
            score=score,
            terms=tuple((term, share) for term, share in reasons["terms"]),
            author=reasons["author"],
            # Mails of earlier versions have none of these.
            is_typed=reasons.get("is_typed", False),
            interest=reasons.get("interest", ""),
            liked=reasons.get("liked", ""),
        )
