"""What the benchmark says about readers who learn: taps, two interests in one reader, muting by example."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from digest.ranking.evaluate import Task, measure
from digest.ranking.profile import Profile, build_profile
from digest.ranking.scoring import score
from digest.ranking.terms import count_terms

_SHOWN = 10
_LIKED = 100


def taps(task: Task, counts: csr_matrix) -> dict[str, float]:
    """Let a reader who starts with five papers tap on the ten best of each week, and see what it brings.

    *More* on what the list picked, *less* on the others; `counts` are the raw rows of the papers to
    rank. Returns the mean nDCG@50 over the weeks after the first, `with` and `without` taps.
    """
    start = task.past[task.library[-5:]]
    still = _scored(build_profile([], start, task.past[[]], task.background), task.papers)
    scores = still.copy()
    liked, disliked = [start], [task.past[[]]]
    for week in range(int(task.weeks.max()) + 1):
        rows = np.flatnonzero(task.weeks == week)
        profile = build_profile([], vstack(liked, "csr"), vstack(disliked, "csr"), task.background)
        scores[rows] = _scored(profile, task.papers[rows])
        top = rows[np.argsort(-scores[rows], kind="stable")[:_SHOWN]]
        liked.append(counts[top[task.picked[top]]])
        disliked.append(counts[top[~task.picked[top]]])
    later = task.weeks > 0
    return {
        "with": _ndcg(task, scores, later),
        "without": _ndcg(task, still, later),
        "tapped_more": float(sum(rows.shape[0] for rows in liked) - 5),
        "tapped_less": float(sum(rows.shape[0] for rows in disliked)),
    }


@dataclass(frozen=True, slots=True)
class Half:
    """What one of two interests keeps when both are one reader's."""

    name: str
    alone: float
    """nDCG@50 of a reader who has this interest only."""
    kept: float
    """The same for the papers that this interest brings the reader of both, as a share of `alone`."""


def pair(one: Task, other: Task) -> tuple[Half, Half]:
    """Join the libraries of two lists of the same split to one reader and see what each keeps."""
    rows = sorted({*one.library[-_LIKED:], *other.library[-_LIKED:]})
    both = build_profile([], one.past[rows], one.past[[]], one.background)
    return _half(one, both), _half(other, both)


def _half(task: Task, both: Profile) -> Half:
    own = build_profile([], task.past[task.library[-_LIKED:]], task.past[[]], task.background)
    alone = measure(task, _scored(own, task.papers))["ndcg@50"]
    found = score([both], task.papers)
    kept = []
    for place in range(len(both.interests)):
        mine = np.where(found.interests[0] == place, found.values[0], -1).astype(np.float32)
        kept.append(measure(task, mine)["ndcg@50"])
    return Half(task.wanted.name, alone, max(kept, default=0.0) / alone if alone else float("nan"))


def pairs(made: Sequence[Task], most: int = 40) -> list[tuple[Task, Task]]:
    """Choose pairs of whole lists (no sections) of different sources with the same split, evenly spread."""
    whole = [task for task in made if "#" not in task.wanted.name]
    found = [
        (one, other)
        for one, other in combinations(whole, 2)
        if one.wanted.split == other.wanted.split and one.wanted.source != other.wanted.source
    ]
    return found[:: max(1, len(found) // most)][:most]


def muted(task: Task, counts: csr_matrix, theme: str, examples: int = 3) -> dict[str, float]:
    """Let a reader of a list's topic tap *less* on the first papers about a theme among the best 200.

    Returns how many of the best 200 hold the theme's words before and after (the tapped ones left
    out), and what share of the other papers among the best 50 stays there.
    """
    words = set(count_terms([("", theme)]).indices.tolist())
    about = np.array([bool(words & set(counts[row].indices.tolist())) for row in range(counts.shape[0])])
    nothing = task.past[[]]
    topics = [task.wanted.topic]
    before = _top(_scored(build_profile(topics, nothing, nothing, task.background), task.papers), 200)
    tapped = [row for row in before if about[row]][:examples]
    after = _scored(build_profile(topics, nothing, counts[tapped], task.background), task.papers)
    after[tapped] = -1
    shown = _top(after, 200)
    others = [row for row in before[:50] if not about[row]]
    return {
        "tapped": float(len(tapped)),
        "before": float(sum(about[row] for row in before) - len(tapped)),
        "after": float(sum(about[row] for row in shown)),
        "others_kept": len(set(others) & set(shown[:50])) / max(1, len(others)),
    }


def mean_of(found: Iterable[dict[str, float]]) -> dict[str, Any]:
    """Average records with the same keys."""
    records = list(found)
    return {key: float(np.mean([record[key] for record in records])) for key in records[0]} if records else {}


def _scored(profile: Profile, papers: csr_matrix) -> NDArray[np.float32]:
    values: NDArray[np.float32] = score([Profile.from_bytes(profile.to_bytes())], papers).values[0]
    return values


def _top(scores: NDArray[np.float32], limit: int) -> list[int]:
    order: list[int] = np.argsort(-scores, kind="stable")[:limit].tolist()
    return order


def _ndcg(task: Task, scores: NDArray[np.float32], among: NDArray[np.bool_]) -> float:
    part = Task(
        task.wanted,
        task.background,
        task.known,
        task.past,
        task.papers[among],
        task.picked[among],
        task.weeks[among],
    )
    return measure(part, scores[among])["ndcg@50"]
