"""Papers, their popularity, and items of feeds.

The id of a paper is an arXiv id without version (`2508.13426`, `math/0611800`), a DOI in lower case, or
`title:<16 hex digits>` for a paper known only by its title.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper in its latest known version, with TeX resolved and the title on one line."""

    id: str
    """The canonical id, `paper_id` elsewhere."""
    title: str
    abstract: str
    """Paragraphs separated by a newline; may be empty."""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    """Categories of arXiv (`cs.CL`) and of other sources (`biorxiv:neuroscience`), the primary one first."""
    announced_on: date | None = None
    """The day subscribers could first read it: arXiv's listing date, or the day it entered a trending page.
    None when the feed gives none."""
    withdrawn: bool = False
    links: dict[str, str] = field(default_factory=dict)
    """Further addresses by kind: `code`, `project`, `doi`; `page` and `pdf` where they do not follow from the id."""
    raw_title: str = ""
    """The title as in the feed, with TeX and line breaks."""
    raw_abstract: str = ""
    summary: str = ""
    """One sentence that says what the paper does, from a feed or a summary service; may be empty."""


@dataclass(frozen=True, slots=True)
class Popularity:
    """The counts that a page showed for a paper at one instant: totals, not increments."""

    observed_at: datetime
    upvotes: int
    comments: int = 0
    stars: int | None = None
    """Stars of its code repository, where the page shows them."""
    citations: int | None = None
    """How many works cite it, where a source counts them."""


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One entry of a feed."""

    paper: Paper
    popularity: Popularity | None = None
    other_ids: tuple[str, ...] = ()
    """Further canonical ids of the same work, such as the DOI of its published version."""
    author_orcids: tuple[tuple[str, str], ...] = ()
    """Names of authors with their ORCID iDs, of those whose iD the feed gives."""


class FetchStatus(StrEnum):
    """The status of a fetch."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some items were rejected."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LastFetch:
    """The result of the newest fetch of one feed."""

    source: str
    finished_at: datetime
    failed: bool
