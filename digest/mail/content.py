"""The values a mail is made from, and the words it comes out as. No rendering here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Self

Section = Literal["for_you", "everyone"]
Heading = Literal["for_you", "everyone", "new"]
HEADINGS: dict[Heading, str] = {
    "for_you": "For you",
    "everyone": "What everyone reads",
    "new": "New this week",
}
"""In the order in which they stand."""


@dataclass(frozen=True, slots=True)
class Card:
    """A paper as a mail shows it: equal for all subscribers of an edition, so it is rendered once.

    Text may be anything a feed wrote; addresses that are not http(s) are not shown as links.
    """

    paper_id: str
    title: str
    authors: tuple[str, ...]
    abstract: str
    categories: tuple[str, ...]
    """The primary one first."""
    announced_on: date | None
    """None when nobody told the day."""
    abstract_url: str
    pdf_url: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """Further (label, address) pairs: code, project page."""
    popularity: str = ""
    """A line such as "38 upvotes, +21 today"; may be empty."""

    def to_json(self) -> dict[str, Any]:
        """Return what `json.dumps` takes; `from_json` gives the same card back."""
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
        """Return the card that `to_json` wrote."""
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
    """Return what a paper stands under: one that nobody voted for is new, not what everyone reads."""
    return "new" if section == "everyone" and not card.popularity else section


@dataclass(frozen=True, slots=True)
class PickContent:
    """A card in one subscriber's mail, and what is said to that subscriber alone."""

    card: Card
    section: Section
    reason: str
    """The whole line as shown: "Because of: gaussian splatting, novel view synthesis"; may be empty."""
    more_url: str
    less_url: str


@dataclass(frozen=True, slots=True)
class DigestContent:
    """Everything a digest says to one subscriber. Picks of a section stand best first."""

    edition_on: date
    picks: tuple[PickContent, ...]
    considered: int
    """How many new papers were looked at."""
    about: str
    """What the subscriber asked for, one line; may be empty."""
    note: str
    """The sentence of a quiet day; normally empty."""
    frequency: str
    """daily, weekdays or weekly, or words of your own ("every Monday")."""
    preferences_url: str
    unsubscribe_url: str
    web_url: str
    operator: str
    """Who answers for the list, as a person would write it; may be empty."""
    postal_address: str
    """May be empty; lines may be parted by newlines."""


@dataclass(frozen=True, slots=True)
class ConfirmationContent:
    """Everything the mail says that asks somebody to confirm a subscription. No text of theirs."""

    confirm_url: str
    expires_in_days: int
    web_url: str
    """The address of the web side, so that people can see who asks."""
    operator: str
    postal_address: str


@dataclass(frozen=True, slots=True)
class LinksContent:
    """Everything the mail says that sends a subscriber their links again. No text of theirs."""

    preferences_url: str
    feed_url: str
    unsubscribe_url: str
    past: tuple[tuple[date, str], ...]
    """The last digests and their web pages, the newest first."""
    web_url: str
    operator: str
    postal_address: str


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail in words: the subject on one line, plain text with newlines, HTML."""

    subject: str
    text: str
    html: str
    dropped: tuple[str, ...] = ()
    """Ids of the papers left out so that the mail stays below the size at which mail services cut it."""
