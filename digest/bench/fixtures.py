"""The papers and readers of a measurement: real papers, and readers who like some of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from digest.bench.database import analyze, multiply_readers
from digest.domain.paper import Paper, Popularity, Sighting
from digest.domain.subscriber import Interests, Rhythm
from digest.errors import BadInput
from digest.papers.ingest import take_in
from digest.papers.sources.files import read_file
from digest.sample import sample_sightings
from digest.subscribers.signup import Application, subscribe_many
from digest.wiring import Parts

PATTERNS = 200
"""Readers whose profiles are learned one by one; the others share these profiles."""
OLDER = 3000
"""Papers from before the edition, which profiles are learned from and against."""
EDITION_DAYS = 5
_PATTERN_PAPERS = 500
LIKES = 8
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    readers: int
    papers: int
    per_mail: int = 10
    library: Path | None = None
    """A file of papers; without it the sample feed is varied."""


def fill(parts: Parts, scale: Scale, now: datetime) -> None:
    """Store an edition of papers, older ones, and readers with profiles who are all due."""
    papers = papers_from(scale.library, scale.papers + OLDER, now)
    edition, older = papers[: scale.papers], papers[scale.papers :]
    day = timedelta(days=1)
    sightings = [
        Sighting(replace(paper, announced_on=now.date() - (40 + place % 60) * day))
        for place, paper in enumerate(older)
    ] + [
        Sighting(
            replace(paper, announced_on=now.date() - place % EDITION_DAYS * day),
            Popularity(now - timedelta(hours=2), 5 + 97 * place % 211) if place % 3 == 0 else None,
        )
        for place, paper in enumerate(edition)
    ]
    take_in(parts.database, sightings, now)
    patterns = min(PATTERNS, scale.readers)
    with parts.database.begin() as connection:
        added = subscribe_many(
            connection,
            parts.profiles,
            parts.secret,
            _applications(older or edition, patterns, scale.per_mail),
            now,
            confirmed=True,
            how="bench",
        )
        wrong = [one for one in added if isinstance(one, Exception)]
        if wrong:
            raise wrong[0]
        multiply_readers(connection, patterns, scale.readers)
    analyze(parts.database)


def papers_from(library: Path | None, wanted: int, now: datetime) -> list[Paper]:
    """Return so many papers: of a file, as far as it reaches, and then made up out of those."""
    if library is None:
        return _varied([one.paper for one in sample_sightings(now)], wanted)
    found: list[Paper] = []
    for item in read_file(library, now):
        if isinstance(item, Sighting) and item.paper.abstract:
            found.append(item.paper)
            if len(found) == wanted:
                return found
    if not found:
        raise BadInput(f"{library} has no papers with abstracts.")
    return found + _varied(found[:_PATTERN_PAPERS], wanted - len(found))


def _varied(papers: Sequence[Paper], count: int) -> list[Paper]:
    """Make more papers out of a few, by putting together sentences of papers of one field."""
    luck = Random(1)  # noqa: S311 - the same papers every time
    known = list({paper.id: paper for paper in papers if paper.abstract}.values())
    fields: dict[str, list[Paper]] = {}
    for paper in known:
        fields.setdefault(paper.categories[0] if paper.categories else "", []).append(paper)
    made = []
    for number in range(count):
        base = known[number % len(known)]
        near = fields[base.categories[0] if base.categories else ""]
        sentences = [one for paper in near for one in paper.abstract.replace("\n", " ").split(". ")]
        abstract = ". ".join(luck.sample(sentences, min(len(sentences), 6)))
        words = luck.sample(abstract.split(), min(6, len(abstract.split())))
        made.append(
            replace(base, id=f"2611.{number:05}", title=f"{base.title}: {' '.join(words)}", abstract=abstract)
        )
    return made


def _applications(papers: Sequence[Paper], count: int, per_mail: int) -> list[Application]:
    luck = Random(2)  # noqa: S311 - the same readers every time
    fields: dict[str, list[Paper]] = {}
    for paper in papers:
        fields.setdefault(paper.categories[0] if paper.categories else "", []).append(paper)
    crowded = sorted(fields.values(), key=len, reverse=True)[:12]
    made = []
    for number in range(count):
        near = crowded[number % len(crowded)]
        liked = luck.sample(near, min(LIKES, len(near)))
        made.append(
            Application(
                address=f"reader{number + 1}@scratch.example.org",
                rhythm=Rhythm(ZONES[number % len(ZONES)]),
                max_papers=per_mail,
                interests=Interests(topics=(" ".join(liked[0].title.split()[:5]),)),
                likes=tuple(paper.id for paper in liked),
            )
        )
    return made
