"""What a library teaches when none of its papers is stored: its titles alone, or titles and abstracts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from digest.domain.paper import Paper
from digest.evaluation.benchmark import Corpus, Task, as_delivered, measure
from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import Profile, build_profile
from digest.ranking.scoring import score
from digest.ranking.terms import Statistics, count_terms


def unstored(task: Task, corpus: Corpus, papers: Mapping[str, Paper]) -> dict[str, float]:
    """Return nDCG@50 from the whole library `stored`, and not stored, from `titles` and from `abstracts` too.

    Where they are not stored, the papers of the library are in neither the statistics nor the reference corpus.
    """
    others = np.setdiff1d(np.arange(task.past.shape[0]), task.library)
    past = task.past[others]
    reference = ReferenceCorpus.build(Statistics.empty().adding(past, 1), past)
    start = corpus.before(task.reading_list.split)
    rows = reference.statistics.weigh(corpus.counts[start : start + task.papers.shape[0]])
    without = replace(task, reference=reference, known={}, past=past, papers=rows)
    kept = [papers[corpus.ids[row]] for row in task.library]
    return {
        "stored": measure(task, as_delivered(task, "full"))["ndcg@50"],
        "abstracts": _figure(without, [(paper.title, paper.abstract) for paper in kept]),
        "titles": _figure(without, [(paper.title, "") for paper in kept]),
    }


def _figure(task: Task, texts: Sequence[tuple[str, str]]) -> float:
    profile = build_profile([], count_terms(texts), task.past[[]], task.reference)
    scores: NDArray[np.float32] = score([Profile.from_bytes(profile.to_bytes())], task.papers).values[0]
    return measure(task, scores)["ndcg@50"]
