"""What a paper is to this product, and what a feed says when it shows one.

Values only: no input or output, no clock. Identity is the *canonical id*: an arXiv id without
version (`2508.13426`, `math/0611800`), or `title:<16 hex digits>` for a paper known by title alone.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper in its latest known version, text readable (TeX resolved), title on one line."""

    id: str
    """Canonical id."""
    title: str
    abstract: str
    """Paragraphs separated by a newline; may be empty."""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    """arXiv categories, the primary one first."""
    announced_on: date | None = None
    """The day subscribers could first read it: arXiv's listing date, or the day it entered a trending page.
    None when the feed does not say."""
    withdrawn: bool = False
    links: dict[str, str] = field(default_factory=dict)
    """Further addresses by kind: `code`, `project`, `doi`. The abstract and PDF pages follow from the id."""
    raw_title: str = ""
    """As the feed gave it, TeX and line breaks included."""
    raw_abstract: str = ""


@dataclass(frozen=True, slots=True)
class Popularity:
    """What one page showed of a paper's popularity at one instant. Levels, not changes."""

    observed_at: datetime
    upvotes: int
    comments: int = 0
    stars: int | None = None
    """Stars of its code repository, where the page shows them."""


@dataclass(frozen=True, slots=True)
class FeedItem:
    """A paper as one feed showed it once."""

    paper: Paper
    popularity: Popularity | None = None


class FetchStatus(StrEnum):
    """How reading a feed went."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some items were rejected."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LastFetch:
    """How the newest reading of one feed went."""

    source: str
    finished_at: datetime
    failed: bool
