"""What everyone reads: our own published trending formula over popularity snapshots.

    points   = upvotes + comments / 2 + stars / 10 + 2 x citations
    velocity = sum over snapshots of  gain x 2^(-age of the gain / 2 days)
    standing = velocity / (velocity + typical of its field and weekday + 4)
    score    = (0.1 + 0.9 x standing) x 2^(-age of the paper / 7 days)      0 < score <= 1

A gain is what a snapshot shows above all earlier ones; what the first one shows is taken to have
come evenly since the paper was announced. The typical velocity of a field is the mean over the
papers of that field announced on the same weekday, drawn towards the mean over all papers the fewer
there are. A paper without a snapshot has velocity 0, so it is placed by its newness; papers of one day
come from each archive or source in turn. docs/trending.md works an example.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from digest.domain.paper import Popularity
from digest.domain.votes import Votes

GAIN_HALF_LIFE_DAYS = 2.0
PAPER_HALF_LIFE_DAYS = 7.0
DAMPING = 4.0
"""Points of velocity a paper needs beyond its field's to be half way up: few observations move little."""
NEWNESS = 0.1
"""Share of the score that newness alone gives."""
DRAWN = 10.0
"""Papers a field and weekday must have to count as much as the whole."""

_DAY = 86_400.0
_LN2 = log(2)


@dataclass(frozen=True, slots=True)
class Watched:
    """A paper as trending sees it."""

    field: str
    """Its primary category; papers compete within its archive (`cs.CV` with `cs.CV`)."""
    announced_on: date
    snapshots: tuple[Popularity, ...]
    """In any order; those after `now` are ignored."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The numbers behind one trending score."""

    score: float
    points: float
    velocity: float
    typical: float
    standing: float
    age_days: float
    snapshots: int
    field: str
    weekday: int
    """Of the announcement, Monday is 0."""


def points(snapshot: Popularity) -> float:
    """Fold what a page shows of a paper into one number."""
    stars, citations = snapshot.stars or 0, snapshot.citations or 0
    return snapshot.upvotes + snapshot.comments / 2 + stars / 10 + 2 * citations


def trending(papers: Sequence[Watched], now: datetime) -> NDArray[np.float32]:
    """Score each paper, 0 to 1; the papers given are also what each field's usual is measured on."""
    return np.array([trend.score for trend in explain_trending(papers, now)], np.float32)


def trend_order(fields: Sequence[str], scores: NDArray[np.float32]) -> list[int]:
    """Return the places of papers by score, the highest first; of equal scores, each field has its turn.

    Papers without votes of one day have equal scores. In turn, a source with hundreds of papers a day leaves room for
    one with a few.
    """
    seen: Counter[tuple[str, float]] = Counter()
    turns: list[int] = []
    for key in zip(fields, scores.tolist(), strict=True):
        turns.append(seen[key])
        seen[key] += 1
    order: list[int] = np.lexsort((np.array(turns, np.int64), -scores)).tolist()
    return order


def explain_trending(papers: Sequence[Watched], now: datetime) -> list[Trend]:
    """Return the numbers behind each score; the same snapshots and `now` give the same numbers."""
    speeds = [_velocity(paper, now) for paper in papers]
    typical = _typical(papers, speeds)
    return [_trend(paper, speed, typical, now) for paper, speed in zip(papers, speeds, strict=True)]


def _trend(paper: Watched, speed: float, typical: dict[tuple[str, int], float], now: datetime) -> Trend:
    usual = typical[_cell(paper)]
    standing = speed / (speed + usual + DAMPING)
    age = _age_days(paper, now)
    known = _until(paper, now)
    return Trend(
        score=(NEWNESS + (1 - NEWNESS) * standing) * _halved(age, PAPER_HALF_LIFE_DAYS),
        points=max(map(points, known), default=0.0),
        velocity=speed,
        typical=usual,
        standing=standing,
        age_days=age,
        snapshots=len(known),
        field=paper.field,
        weekday=paper.announced_on.weekday(),
    )


def _cell(paper: Watched) -> tuple[str, int]:
    return paper.field, paper.announced_on.weekday()


def _typical(papers: Sequence[Watched], speeds: Sequence[float]) -> dict[tuple[str, int], float]:
    """Return the usual velocity per field and weekday of the papers that were watched at all."""
    cells: dict[tuple[str, int], list[float]] = {_cell(paper): [] for paper in papers}
    for paper, speed in zip(papers, speeds, strict=True):
        if paper.snapshots:
            cells[_cell(paper)].append(speed)
    watched = [speed for paper, speed in zip(papers, speeds, strict=True) if paper.snapshots]
    overall = sum(watched) / len(watched) if watched else 0.0
    return {cell: (sum(inside) + DRAWN * overall) / (len(inside) + DRAWN) for cell, inside in cells.items()}


def _until(paper: Watched, now: datetime) -> list[Popularity]:
    return sorted((s for s in paper.snapshots if s.observed_at <= now), key=lambda s: s.observed_at)


def _velocity(paper: Watched, now: datetime) -> float:
    known = _until(paper, now)
    if not known:
        return 0.0
    highest = points(known[0])
    began = datetime.combine(paper.announced_on, time(), UTC)
    speed = highest * _mean_decay(min(began, known[0].observed_at), known[0].observed_at, now)
    for snapshot in known[1:]:
        gain = max(0.0, points(snapshot) - highest)
        highest += gain
        speed += gain * _halved(_days(now, snapshot.observed_at), GAIN_HALF_LIFE_DAYS)
    return speed


def _mean_decay(began: datetime, ended: datetime, now: datetime) -> float:
    """Average the decay over gains that came evenly between two instants."""
    span = _days(ended, began) * _LN2 / GAIN_HALF_LIFE_DAYS
    latest = _halved(_days(now, ended), GAIN_HALF_LIFE_DAYS)
    return latest * ((1 - exp(-span)) / span if span > 1e-9 else 1.0)


def _days(later: datetime, earlier: datetime) -> float:
    return (later - earlier).total_seconds() / _DAY


def _age_days(paper: Watched, now: datetime) -> float:
    return max(0.0, _days(now, datetime.combine(paper.announced_on, time(), UTC)))


def _halved(days: float, half_life: float) -> float:
    return exp(-_LN2 * days / half_life)


def votes_of(snapshots: Sequence[Popularity], now: datetime) -> Votes | None:
    """Return a paper's votes with what they gained since the last day that had fewer; None when there are none."""
    known = sorted((s for s in snapshots if s.observed_at <= now), key=lambda s: s.observed_at)
    if not known:
        return None
    latest = known[-1]
    if latest.upvotes <= 0:
        cited = latest.citations or 0
        return Votes(0, citations=cited) if cited > 0 else None
    earlier = [s for s in known[:-1] if s.observed_at.date() < latest.observed_at.date()]
    if not earlier or latest.upvotes <= earlier[-1].upvotes:
        return Votes(latest.upvotes)
    days = (latest.observed_at.date() - earlier[-1].observed_at.date()).days
    return Votes(latest.upvotes, latest.upvotes - earlier[-1].upvotes, days)
