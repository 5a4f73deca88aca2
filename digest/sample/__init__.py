"""The sample feed and the three sample subscribers of `digest demo`, written for it.

Every paper, author, number and system in `papers.toml` is made up. The ids have the canonical arXiv form, but
start at 2611.90001: arXiv has never numbered half of 90,000 papers in a month, so no sample id is a real paper's.
All other links lead to example.org (RFC 2606). The one real paper, in `liked.toml`, is an old one that the README's
example likes; no digest shows it.

Days are counted back from the demo's `now`, weekends included, so that the demo is the same on every day.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import NotRequired, TypedDict, cast

from digest.domain.paper import FeedItem, Paper, Popularity
from digest.domain.subscriber import Frequency
from digest.text.latex import one_line, paragraphs


class _Entry(TypedDict):
    """One table of `papers.toml`; the comment at the top of that file describes the keys."""

    id: str
    title: str
    authors: list[str]
    categories: list[str]
    days_ago: int
    abstract: str
    withdrawn: NotRequired[bool]
    links: NotRequired[dict[str, str]]
    popularity: NotRequired[list[tuple[int, int, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSubscriber:
    """A subscriber of the demo, in the terms of `digest subscribers add`."""

    email: str
    topics: tuple[str, ...]
    """In the subscriber's own words, one interest each."""
    likes: tuple[str, ...] = ()
    """Canonical ids of sample papers."""
    must: tuple[str, ...] = ()
    mutes: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    """Author names as the feed spells them."""
    categories: tuple[str, ...] = ()
    timezone: str
    """An IANA name, never behind UTC: the papers of today (UTC) must not be tomorrow's for a subscriber."""
    hour: int
    """Local hour of the mail, 0 to 23."""
    frequency: Frequency
    max_papers: int
    about: str
    """Who this is, in one sentence, for the person who runs the demo."""


SAMPLE_SUBSCRIBERS: tuple[SampleSubscriber, ...] = (
    SampleSubscriber(
        email="ana.moreau@example.org",
        topics=("long-context language models", "retrieval and reranking", "LLM agents and their security"),
        likes=("2611.90140", "2611.90189"),
        mutes=("clinical",),
        follow=("Wanjiru Gathoni-Mbeki",),
        timezone="Europe/Paris",
        hour=7,
        frequency=Frequency.DAILY,
        max_papers=10,
        about="Ana builds search for a legal publisher in Lyon and reads on the morning train.",
    ),
    SampleSubscriber(
        email="kenji.ito@example.org",
        topics=("robot manipulation and grasping", "3D gaussian splatting and novel view synthesis"),
        likes=("2611.90371", "2611.90398"),
        mutes=("driving",),
        follow=("Sunniva Håkonsrud",),
        timezone="Asia/Tokyo",
        hour=8,
        frequency=Frequency.WEEKDAYS,
        max_papers=8,
        about="Kenji teaches a two-armed robot to tidy kitchens, at a start-up in Kawasaki.",
    ),
    SampleSubscriber(
        email="ruth.adeyemi@example.org",
        topics=("fast radio bursts", "supernovae and other transients", "exoplanets", "protein design"),
        likes=("2611.90473", "2611.90526"),
        mutes=("dark matter",),
        timezone="Africa/Lagos",
        hour=6,
        frequency=Frequency.WEEKLY,
        max_papers=10,
        about="Ruth chases radio transients in Nsukka and shares a flat with a protein designer.",
    ),
)


def sample_items(now: datetime) -> list[FeedItem]:
    """Return the items of the sample feed up to `now` (aware).

    There is one item per popularity snapshot, oldest first, or one item without popularity. The papers are
    announced on the seven days (UTC) that end with `now`; no snapshot is later than `now` or earlier than its
    paper. Deterministic.
    """
    now = now.astimezone(UTC)
    return [item for entry in _entries() for item in _items(entry, now)]


def liked_paper() -> Paper:
    """Return the paper that the README's example likes."""
    entry = tomllib.loads((files(__name__) / "liked.toml").read_text(encoding="utf-8"))
    return _paper(cast("_Entry", entry), entry["announced_on"])


@cache
def _entries() -> tuple[_Entry, ...]:
    text = (files(__name__) / "papers.toml").read_text(encoding="utf-8")
    return tuple(cast("list[_Entry]", tomllib.loads(text)["papers"]))


def _items(entry: _Entry, now: datetime) -> Iterator[FeedItem]:
    announced_on = now.date() - timedelta(days=entry["days_ago"])
    paper = _paper(entry, announced_on)
    history = tuple(_history(entry, announced_on, now))
    if not history:
        yield FeedItem(paper)
    for popularity in history:
        yield FeedItem(paper, popularity)


def _history(entry: _Entry, announced_on: date, now: datetime) -> Iterator[Popularity]:
    # In a demo at 01:00, the papers of today are an hour old.
    announced_at = datetime.combine(announced_on, time(), tzinfo=UTC)
    for hours_ago, upvotes, comments in entry.get("popularity", ()):
        observed_at = now - timedelta(hours=hours_ago)
        if observed_at >= announced_at:
            yield Popularity(observed_at, upvotes, comments)


def _paper(entry: _Entry, announced_on: date) -> Paper:
    return Paper(
        id=entry["id"],
        title=one_line(entry["title"]),
        abstract=paragraphs(entry["abstract"]),
        authors=tuple(entry["authors"]),
        categories=tuple(entry["categories"]),
        announced_on=announced_on,
        withdrawn=entry.get("withdrawn", False),
        links=dict(entry.get("links", {})),
        raw_title=entry["title"],
        raw_abstract=entry["abstract"].strip("\n"),
    )
