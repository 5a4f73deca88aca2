"""What a mail says, before it is rendered: one content type for each kind of mail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Self

from digest.domain.delivery import Section

Heading = Literal["for_you", "everyone", "new"]
HEADINGS: dict[Heading, str] = {
    "for_you": "For you",
    "everyone": "What everyone reads",
    "new": "New this week",
}
"""In the order in which a mail shows them."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a mail shows of a paper. It is the same for all subscribers, so it is rendered once.

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
        )


def heading_of(section: Section, card: Card) -> Heading:
    """Return the heading for a card. A paper without votes is listed as new, not as what everyone reads."""
    return "new" if section == Section.EVERYONE and not card.popularity else section.value


@dataclass(frozen=True, slots=True)
class PickContent:
    """A card, and what the mail adds to it for one subscriber."""

    card: Card
    section: Section
    reason: str
    """The line as shown, its emphasis between asterisks: "Matches *gaussian splatting* — view synthesis." May be empty."""
    more_url: str
    less_url: str


@dataclass(frozen=True, slots=True)
class DigestContent:
    """The content of one subscriber's digest. Within a section, the best pick comes first."""

    edition_on: date
    picks: tuple[PickContent, ...]
    considered: int
    """Number of new papers that the picks were selected from."""
    about: str
    """The subscriber's topics on one line. May be empty."""
    note: str
    """Why a digest has no papers. Empty in a digest with papers."""
    frequency: str
    """daily, weekdays or weekly, or a phrase that completes "You get this mail" ("every Monday")."""
    preferences_url: str
    unsubscribe_url: str
    web_url: str
    operator: str
    """Name of the person or organisation responsible for the list. May be empty."""
    postal_address: str
    """May be empty, and may have several lines."""


@dataclass(frozen=True, slots=True)
class ConfirmationContent:
    """The content of a confirmation request. It holds no text that the applicant typed."""

    confirm_url: str
    expires_in_days: int
    web_url: str
    """The home page, so that the recipient can see who asks."""
    operator: str
    postal_address: str


@dataclass(frozen=True, slots=True)
class LinksContent:
    """The content of a mail with a subscriber's links. It holds no text that the subscriber typed."""

    preferences_url: str
    feed_url: str
    unsubscribe_url: str
    past: tuple[tuple[date, str], ...]
    """The last digests and their web pages, newest first."""
    web_url: str
    operator: str
    postal_address: str
