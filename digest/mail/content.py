"""What a mail says, before it is rendered: one content type for each kind of mail."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from digest.domain.delivery import Kind, Section
from digest.domain.pick import Card
from digest.domain.subscriber import Layout
from digest.text.languages import gettext_noop

Heading = Literal["for_you", "everyone", "new"]
HEADINGS: dict[Heading, str] = {
    "for_you": gettext_noop("For you"),
    "everyone": gettext_noop("What everyone reads"),
    "new": gettext_noop("New this week"),
}
"""In the order in which a mail shows them; translated where they are shown."""


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
    feedback_url: str
    """The page with both verdicts; `/more` and `/less` after it choose one. Empty: no feedback is asked for."""
    author: str = ""
    """The author whom the subscriber follows and who brought the paper; may be empty."""
    score: float = 0.0


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
    kind: Kind = Kind.DIGEST
    layout: Layout = Layout.FULL
    opinion_url: str = ""
    """The page that asks whether this digest was good; `/yes` and `/no` after it choose an answer. May be empty."""
    marked: tuple[tuple[str, str], ...] = ()
    """Title and address of papers that the subscriber marked lately; shown in a weekly digest."""
    away_since: date | None = None
    """The day of the last digest before a pause; shown in a catch-up."""
    share_url: str = ""
    """The page that shows a colleague the digest for the same topics. May be empty."""


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


@dataclass(frozen=True, slots=True)
class GoodbyeContent:
    """The content of the mail after an unsubscription. It holds no text that the subscriber typed."""

    undo_url: str
    preferences_url: str
    web_url: str
    operator: str
    postal_address: str
