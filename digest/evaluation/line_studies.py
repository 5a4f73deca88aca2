"""Whether what was chosen for topic lines holds on lines that had no say in it, and what marks add to a line."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.evaluation.benchmark import Task
from digest.evaluation.benchmark import measure as measure_list
from digest.evaluation.topics import SHOWN, Benchmark, Unit, digests, measure
from digest.ranking.profile import Profile, build_profile
from digest.ranking.scoring import score
from digest.ranking.training import DEFAULT, Tuning

LEAST_PRECISION = 0.6
"""Share of the papers shown that have to be right; among tunings that keep it, the best order is chosen."""
_HALVED_OR_DOUBLED = (
    "prior_from_words",
    "trained",
    "pseudo_relevant",
    "coverage",
    "leading",
    "falloff",
    "words",
)
_CHANGED_A_LITTLE = {"flattening": 0.1, "forms": 0.2, "level_of_answered": 0.02, "level_of_others": 0.02}


def line_tunings() -> dict[str, Tuning]:
    """Return the tuning in use and its neighbours: one number at a time changed, each way."""
    found = {"in use": DEFAULT}
    for name in _HALVED_OR_DOUBLED:
        value = getattr(DEFAULT, name)
        for word, other in (("halved", value / 2), ("doubled", value * 2)):
            found[f"{name} {word}"] = replace(DEFAULT, **{name: type(value)(round(other, 6))})
    for name, step in _CHANGED_A_LITTLE.items():
        for word, other in (("less", -step), ("more", step)):
            found[f"{name} {word}"] = replace(DEFAULT, **{name: getattr(DEFAULT, name) + other})
    same_level = (DEFAULT.level_of_answered + DEFAULT.level_of_others) / 2
    found["one level"] = replace(DEFAULT, level_of_answered=same_level, level_of_others=same_level)
    return found


def held_out(benchmark: Benchmark, tunings: Mapping[str, Tuning] | None = None) -> dict[str, Any]:
    """Choose a tuning for each topic by all the others, and see how its digests do on that topic.

    Returns nDCG@10 and the share of right papers among those shown: of the tuning in use, of the ones chosen without
    the topic that is judged, and of the one that is best in hindsight; and how often each was chosen.
    """
    tunings = line_tunings() if tunings is None else tunings
    names = list(tunings)
    units = [measure(benchmark.tuned(tuning), digests) for tuning in tunings.values()]
    figures = np.array([[_figures(unit) for unit in of_tuning] for of_tuning in units])
    topic = np.array([unit.topic for unit in units[0]])
    chosen = [_best(figures[:, topic != one]) for one in range(len(benchmark.topics))]
    judged = np.concatenate([figures[chosen[one], topic == one] for one in range(len(chosen))])
    hindsight = _best(figures)
    return {
        "in use": _mean(figures[0]),
        "held out": _mean(judged),
        "hindsight": {"tuning": names[hindsight], **_mean(figures[hindsight])},
        "chosen": {names[one]: chosen.count(one) for one in sorted(set(chosen))},
        "tunings": {name: _mean(figures[place]) for place, name in enumerate(names)},
    }


def _figures(unit: Unit) -> tuple[float, float, float]:
    shown = unit.shown[:SHOWN]
    return unit.ndcg, float((shown >= 1).sum()), float(len(shown))


def _mean(figures: NDArray[np.float64]) -> dict[str, float]:
    """Return the figures of units as (nDCG, right papers, papers shown)."""
    right, shown = figures[:, 1].sum(), figures[:, 2].sum()
    return {
        "ndcg@10": float(np.nanmean(figures[:, 0])),
        "precision_of_shown": float(right / shown) if shown else float("nan"),
    }


def _best(figures: NDArray[np.float64]) -> int:
    """Return the place of the tuning with the highest nDCG among those that are precise enough, the first of equals."""
    means: Sequence[dict[str, float]] = [_mean(one) for one in figures]
    precise = [mean["precision_of_shown"] >= LEAST_PRECISION for mean in means]
    values = [
        mean["ndcg@10"] if is_precise or not any(precise) else -1.0
        for mean, is_precise in zip(means, precise, strict=True)
    ]
    return int(np.argmax(values))


MARKS = (0, 1, 2, 3, 5, 10)
"""Papers of a list that a subscriber who typed its topic marks, one after the other."""


def marks(task: Task) -> dict[str, float]:
    """Return nDCG@50 of a subscriber who typed the topic of a list and marked its newest papers, by their number."""
    nothing = task.past[[]]
    found = {}
    for count in MARKS:
        liked = task.past[task.library[-count:]] if count else nothing
        profile = build_profile([task.reading_list.topic], liked, nothing, task.reference)
        stored = Profile.from_bytes(profile.to_bytes())
        found[f"after {count}"] = measure_list(task, score([stored], task.papers).values[0])["ndcg@50"]
    return found
