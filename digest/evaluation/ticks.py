"""What it brings that a subscriber who has typed a line ticks three of a dozen offered papers.

The subscriber of a reading list types its topic and is offered papers of the weeks before the split. They tick those that
the list holds, then those most like its library.
"""

from collections.abc import Sequence

import numpy as np

from digest.evaluation.benchmark import Task, measure
from digest.ranking.profile import Profile, build_profile
from digest.ranking.scoring import score
from digest.ranking.starters import AROUND, OFFERED, spread

RECENT = 2_500
"""Papers that can be offered, the newest before the split: about a month of three categories."""
TICKED = 3


def ticks(task: Task) -> dict[str, float]:
    """Return nDCG@50 of the words alone, and after three ticks among arbitrary, the best, and spread papers."""
    recent = np.arange(max(0, task.past.shape[0] - RECENT), task.past.shape[0])
    rows = task.reference.statistics.weigh(task.past[recent])
    best = np.argsort(-score([_profile(task, [])], rows).values[0], kind="stable")[:AROUND]
    rng = np.random.default_rng(0)
    offers = {
        "arbitrary": rng.choice(len(recent), min(OFFERED, len(recent)), replace=False),
        "best": best[:OFFERED],
        "spread": best[spread(rows[best], OFFERED)],
    }
    taste = np.asarray(task.reference.statistics.weigh(task.past[task.library]).mean(axis=0)).ravel()
    likeness = rows @ taste + np.isin(recent, task.library)
    return {"words": _ndcg(task, [])} | {
        name: _ndcg(task, recent[offered[np.argsort(-likeness[offered], kind="stable")[:TICKED]]].tolist())
        for name, offered in offers.items()
    }


def _profile(task: Task, liked: Sequence[int]) -> Profile:
    return build_profile([task.reading_list.topic], task.past[list(liked)], task.past[[]], task.reference)


def _ndcg(task: Task, liked: Sequence[int]) -> float:
    stored = Profile.from_bytes(_profile(task, liked).to_bytes())
    return measure(task, score([stored], task.papers).values[0])["ndcg@50"]
