"""What the benchmark says beside its figures.

How subscribers fare who tap, who follow two fields, or who mute by example; and whether what was chosen on some
lists and weeks holds on others.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from digest.evaluation.benchmark import Corpus, ReadingList, Task, as_delivered, compare, measure
from digest.ranking.interests import similarity
from digest.ranking.profile import Profile, build_profile
from digest.ranking.scoring import score
from digest.ranking.terms import count_terms
from digest.ranking.training import DEFAULT, Tuning

_SHOWN = 10
_LIKED = 100
_WINDOW = timedelta(days=61)
_LEAST_LIBRARY = 10
_LEAST_PICKS = 8
_TUNED = (
    "prior_variance",
    "prior",
    "prior_from_words",
    "near",
    "neighbours_weight",
    "pseudo_relevant",
    "coverage",
    "words",
    "latent_scale",
)


def taps(task: Task, counts: csr_matrix) -> dict[str, float]:
    """Let a subscriber who starts with five papers tap on the ten best of each week, and see what it brings.

    *More* on what the list picked, *less* on the best placed paper that it did not; `counts` are the raw rows
    of the papers to rank. Returns the mean nDCG@50 `with` and `without` taps over the weeks after the first,
    and over the second half of all weeks (`end_with`, `end_without`), when most taps have been given.
    """
    nothing = task.past[[]]
    start = task.past[task.library[-5:]]
    still = _scored(build_profile([], start, nothing, task.reference), task.papers)
    scores = still.copy()
    liked, disliked = [start], [nothing]
    weeks = int(task.weeks.max()) + 1
    for week in range(weeks):
        rows = np.flatnonzero(task.weeks == week)
        profile = build_profile([], vstack(liked, "csr"), vstack(disliked, "csr"), task.reference)
        scores[rows] = _scored(profile, task.papers[rows])
        top = rows[np.argsort(-scores[rows], kind="stable")[:_SHOWN]]
        liked.append(counts[top[task.picked[top]]])
        disliked.append(counts[top[~task.picked[top]][:1]])
    later, end = task.weeks > 0, task.weeks >= weeks // 2
    return {
        "with": _ndcg(task, scores, later),
        "without": _ndcg(task, still, later),
        "end_with": _ndcg(task, scores, end),
        "end_without": _ndcg(task, still, end),
        "tapped_more": float(sum(rows.shape[0] for rows in liked) - 5),
        "tapped_less": float(sum(rows.shape[0] for rows in disliked)),
    }


@dataclass(frozen=True, slots=True)
class Half:
    """What one of two interests keeps when both are one subscriber's."""

    name: str
    alone: float
    """nDCG@50 of a subscriber who has this interest only."""
    kept: float
    """The same for the papers that this interest brings the subscriber of both, as a share of `alone`."""


def pair(one: Task, other: Task) -> tuple[Half, Half]:
    """Join the libraries of two lists of the same split to one subscriber and see what each keeps."""
    halves = one.library[-_LIKED:], other.library[-_LIKED:]
    both = build_profile([], one.past[sorted({*halves[0], *halves[1]})], one.past[[]], one.reference)
    weighed = [one.reference.statistics.weigh(one.past[rows]) for rows in halves]
    first, second = (_shares(both, rows) for rows in weighed)
    return _half(one, both, first >= second), _half(other, both, second >= first)


def _shares(profile: Profile, rows: csr_matrix) -> NDArray[np.float64]:
    """Return the share of papers that each interest of a profile fits best."""
    winners = np.maximum(0, score([profile], rows).interests[0])
    shares: NDArray[np.float64] = np.bincount(winners, minlength=len(profile.interests)) / len(winners)
    return shares


def _half(task: Task, both: Profile, own: NDArray[np.bool_]) -> Half:
    """Rank what the subscriber's interests in this list bring; if the other list took all, their best one's."""
    alone = measure(task, _scored(_alone(task), task.papers))["ndcg@50"]
    found = score([both], task.papers)
    mine = np.flatnonzero(own) if own.any() else [int(np.argmax(found.values[0]))]
    brought = np.where(np.isin(found.interests[0], mine), found.values[0], -1).astype(np.float32)
    ndcg_of_both = measure(task, brought)["ndcg@50"]
    return Half(task.reading_list.name, alone, ndcg_of_both / alone if alone else float("nan"))


def _alone(task: Task) -> Profile:
    return build_profile([], task.past[task.library[-_LIKED:]], task.past[[]], task.reference)


def library_similarity(one: Task, other: Task) -> float:
    """Return how alike two libraries are: about 0 for unrelated fields, 1 for one field under two names."""
    rows = [task.reference.papers[task.library[-_LIKED:]] for task in (one, other)]
    return similarity(rows[0], rows[1], one.reference.mean)


def pairs(made: Sequence[Task], most: int = 40) -> list[tuple[Task, Task]]:
    """Choose pairs of whole lists (no sections) of different sources with the same split, evenly spread."""
    whole = [task for task in made if "#" not in task.reading_list.name]
    found = [
        (one, other)
        for one, other in combinations(whole, 2)
        if one.reading_list.split == other.reading_list.split
        and one.reading_list.source != other.reading_list.source
    ]
    return found[:: max(1, len(found) // most)][:most]


def muted(task: Task, counts: csr_matrix, theme: str, examples: int = 3) -> dict[str, float]:
    """Let a subscriber of a list's topic tap *less* on the first papers about a theme among the best 200.

    Returns how many of the best 200 hold the theme's words before and after (the tapped ones left
    out), and what share of the other papers among the best 50 stays there.
    """
    words = set(count_terms([("", theme)]).indices.tolist())
    about = np.array([bool(words & set(counts[row].indices.tolist())) for row in range(counts.shape[0])])
    nothing = task.past[[]]
    topics = [task.reading_list.topic]
    before = _top(_scored(build_profile(topics, nothing, nothing, task.reference), task.papers), 200)
    tapped = [row for row in before if about[row]][:examples]
    after = _scored(build_profile(topics, nothing, counts[tapped], task.reference), task.papers)
    after[tapped] = -1
    shown = _top(after, 200)
    others = [row for row in before[:50] if not about[row]]
    return {
        "tapped": float(len(tapped)),
        "before": float(sum(about[row] for row in before) - len(tapped)),
        "after": float(sum(about[row] for row in shown)),
        "others_kept": len(set(others) & set(shown[:50])) / max(1, len(others)),
    }


def earlier(reading_list: ReadingList, corpus: Corpus) -> Iterator[ReadingList]:
    """Yield the list as it was two and four months before its split, judged by what it picked next.

    These weeks played no part in choosing anything. A list with too few picks before or in a window is left out.
    """
    days = [
        (corpus.announced_on[corpus.indexes[one]], one)
        for one in reading_list.library
        if one in corpus.indexes
    ]
    for back in (2, 1):
        split = reading_list.split - back * _WINDOW
        end = split + _WINDOW - timedelta(days=1)
        library = tuple(paper for day, paper in days if day < split)
        test = frozenset(paper for day, paper in days if split <= day <= end)
        if len(library) >= _LEAST_LIBRARY and len(test) >= _LEAST_PICKS:
            yield replace(reading_list, split=split, test_end=end, library=library, test=test)


def tunings() -> dict[str, Tuning]:
    """Return the tuning in use and its neighbours: one number at a time halved and doubled."""
    found = {"in use": DEFAULT}
    for name in _TUNED:
        value = getattr(DEFAULT, name)
        for word, other in (("halved", value / 2), ("doubled", value * 2)):
            found[f"{name} {word}"] = replace(DEFAULT, **{name: type(value)(other)})
    return found


def tuned(made: Sequence[Task], kind: str) -> dict[str, float]:
    """Choose a tuning for each source by all the others, and see how it does on that source.

    Returns nDCG@50 of the tuning in use, of the one chosen without the source that is judged, and of the one
    that is best in hindsight; means over the tasks.
    """
    figures = np.array(
        [
            [measure(task, as_delivered(task, kind, tuning))["ndcg@50"] for task in made]
            for tuning in tunings().values()
        ]
    )
    sources = np.array([task.reading_list.source for task in made])
    held_out = [
        figures[figures[:, sources != own].mean(axis=1).argmax(), sources == own]
        for own in np.unique(sources)
    ]
    return {
        "in use": float(figures[0].mean()),
        "held out": float(np.concatenate(held_out).mean()),
        "hindsight": float(figures.mean(axis=1).max()),
    }


def mean_of(found: Iterable[dict[str, float]]) -> dict[str, float]:
    """Average records with the same keys; what is not a number in one does not count."""
    records = list(found)
    return (
        {key: float(np.nanmean([record[key] for record in records])) for key in records[0]} if records else {}
    )


def gain(found: Sequence[dict[str, float]], sources: Sequence[str]) -> dict[str, float]:
    """Return what taps bring (`gain`, and `end_gain` in the second half of the weeks).

    With each stands where 95 of 100 resamplings of the sources end up (`gain_low`, `gain_high`, and so on).
    """
    record = {}
    for prefix in ("", "end_"):
        known = [index for index, one in enumerate(found) if not np.isnan(one[f"{prefix}without"])]
        difference = compare(
            [found[index][f"{prefix}with"] for index in known],
            [found[index][f"{prefix}without"] for index in known],
            [sources[index] for index in known],
        )
        record[f"{prefix}gain"] = difference.mean
        record[f"{prefix}gain_low"], record[f"{prefix}gain_high"] = difference.low, difference.high
    return record


def _scored(profile: Profile, papers: csr_matrix) -> NDArray[np.float32]:
    values: NDArray[np.float32] = score([Profile.from_bytes(profile.to_bytes())], papers).values[0]
    return values


def _top(scores: NDArray[np.float32], limit: int) -> list[int]:
    order: list[int] = np.argsort(-scores, kind="stable")[:limit].tolist()
    return order


def _ndcg(task: Task, scores: NDArray[np.float32], among: NDArray[np.bool_]) -> float:
    part = Task(
        task.reading_list,
        task.reference,
        task.known,
        task.past,
        task.papers[among],
        task.picked[among],
        task.weeks[among],
    )
    return measure(part, scores[among])["ndcg@50"]
