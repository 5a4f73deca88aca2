"""The papers and subscribers of a benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from digest.bench.database import analyze, multiply_subscribers
from digest.domain.paper import FeedItem, Paper, Popularity
from digest.domain.subscriber import Interests, Schedule
from digest.errors import BadInput
from digest.papers.ingest import ingest
from digest.papers.sources.files import read_file
from digest.sample import sample_items
from digest.subscribers.addresses import parse_address
from digest.subscribers.signup import Application, subscribe_many
from digest.wiring import Container

PATTERNS = 200
"""Number of subscribers with a profile of their own; the others are copies of them."""
OLDER = 3000
"""Number of papers from before the edition, which profiles are trained with."""
EDITION_DAYS = 5
_PATTERN_PAPERS = 500
LIKES = 8
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney")


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of a benchmark."""

    subscribers: int
    papers: int
    per_mail: int = 10
    library: Path | None = None
    """A file of papers; without it, variations of the sample feed are used."""


def fill(container: Container, scale: Scale, now: datetime) -> None:
    """Store the papers of an edition, older papers, and subscribers with profiles, all of them due."""
    papers = papers_from(scale.library, scale.papers + OLDER, now)
    edition, older = papers[: scale.papers], papers[scale.papers :]
    day = timedelta(days=1)
    items = [
        FeedItem(replace(paper, announced_on=now.date() - (40 + index % 60) * day))
        for index, paper in enumerate(older)
    ] + [
        FeedItem(
            replace(paper, announced_on=now.date() - index % EDITION_DAYS * day),
            Popularity(now - timedelta(hours=2), 5 + 97 * index % 211) if index % 3 == 0 else None,
        )
        for index, paper in enumerate(edition)
    ]
    ingest(container.database, items, now)
    patterns = min(PATTERNS, scale.subscribers)
    with container.database.begin() as connection:
        added = subscribe_many(
            connection,
            container.profiles,
            container.secret,
            _applications(older or edition, patterns, scale.per_mail),
            now,
            confirmed=True,
            how="bench",
        )
        wrong = [one for one in added if isinstance(one, Exception)]
        if wrong:
            raise wrong[0]
        multiply_subscribers(connection, patterns, scale.subscribers)
    analyze(container.database)


def papers_from(library: Path | None, count: int, now: datetime) -> list[Paper]:
    """Return `count` papers: those of a file, and variations of them if they are too few. Raises BadInput."""
    if library is None:
        return _varied([one.paper for one in sample_items(now)], count)
    found: list[Paper] = []
    for item in read_file(library, now):
        if isinstance(item, FeedItem) and item.paper.abstract:
            found.append(item.paper)
            if len(found) == count:
                return found
    if not found:
        raise BadInput(f"{library} has no papers with abstracts.")
    return found + _varied(found[:_PATTERN_PAPERS], count - len(found))


def _varied(papers: Sequence[Paper], count: int) -> list[Paper]:
    """Return `count` papers made of random sentences of papers of the same field."""
    rng = Random(1)  # noqa: S311 - the same papers every time
    known = list({paper.id: paper for paper in papers if paper.abstract}.values())
    fields: dict[str, list[Paper]] = {}
    for paper in known:
        fields.setdefault(paper.categories[0] if paper.categories else "", []).append(paper)
    made = []
    for number in range(count):
        base = known[number % len(known)]
        near = fields[base.categories[0] if base.categories else ""]
        sentences = [one for paper in near for one in paper.abstract.replace("\n", " ").split(". ")]
        abstract = ". ".join(rng.sample(sentences, min(len(sentences), 6)))
        words = rng.sample(abstract.split(), min(6, len(abstract.split())))
        made.append(
            replace(base, id=f"2611.{number:05}", title=f"{base.title}: {' '.join(words)}", abstract=abstract)
        )
    return made


def _applications(papers: Sequence[Paper], count: int, per_mail: int) -> list[Application]:
    rng = Random(2)  # noqa: S311 - the same subscribers every time
    fields: dict[str, list[Paper]] = {}
    for paper in papers:
        fields.setdefault(paper.categories[0] if paper.categories else "", []).append(paper)
    largest = sorted(fields.values(), key=len, reverse=True)[:12]
    made = []
    for number in range(count):
        near = largest[number % len(largest)]
        liked = rng.sample(near, min(LIKES, len(near)))
        made.append(
            Application(
                address=parse_address(f"subscriber{number + 1}@scratch.example.org"),
                schedule=Schedule(ZONES[number % len(ZONES)]),
                max_papers=per_mail,
                interests=Interests(topics=(" ".join(liked[0].title.split()[:5]),)),
                likes=tuple(paper.id for paper in liked),
            )
        )
    return made
