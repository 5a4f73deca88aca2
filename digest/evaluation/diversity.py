"""Whether one subtheme fills a digest, measured on reading lists whose keeper sorts picks into sections."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from digest.domain.paper import Paper
from digest.evaluation.benchmark import Corpus, Task
from digest.ranking.candidates import Candidates
from digest.ranking.profile import Profile
from digest.ranking.scoring import score
from digest.ranking.select import Rules, select

SHOWN = 10
_ALPHA = 0.5
"""What a further paper of a section that is shown already loses (Clarke et al., 2008)."""
_LEAST_SECTIONS = 3


def diversity(
    task: Task, sections: Sequence[frozenset[str]], corpus: Corpus, papers: Mapping[str, Paper], kind: str
) -> dict[str, float]:
    """Return subtopic recall and alpha-nDCG at ten of the digests of a list, and of the ten highest scores.

    `sections` are the picks of each section. A mean over the weeks in which some section has a pick.
    """
    stored = [Profile.from_bytes(task.profile(kind).to_bytes())]
    start = corpus.before(task.reading_list.split)
    found: dict[str, list[float]] = {}
    for week in np.unique(task.weeks[task.picked]):
        rows = np.flatnonzero(task.weeks == week)
        ids = [corpus.ids[start + row] for row in rows.tolist()]
        subtopics = np.array([[paper in section for section in sections] for paper in ids], bool)
        if not subtopics.any():
            continue
        scores = score(stored, task.papers[rows])
        candidates = Candidates.build(
            [papers[paper] for paper in ids],
            corpus.counts[start + rows],
            [task.reference.statistics],
            np.zeros(len(ids), np.float32),
        )
        picks = select(candidates, scores.values[0], scores.interests[0], Rules(size=SHOWN, floor=0.0))
        shown = {
            "digests": [pick.index for pick in picks],
            "scores": np.argsort(-scores.values[0], kind="stable")[:SHOWN].tolist(),
        }
        for name, order in shown.items():
            found.setdefault(f"{name} subtopic recall", []).append(subtopic_recall(subtopics, order))
            found.setdefault(f"{name} alpha-ndcg", []).append(alpha_ndcg(subtopics, order))
    return {name: float(np.mean(values)) for name, values in found.items()}


def sectioned(made: Sequence[Task]) -> Iterator[tuple[Task, list[frozenset[str]]]]:
    """Yield each whole list that has at least three sections, with the picks of these."""
    for task in made:
        name = task.reading_list.name
        of_list = [
            other.reading_list.test for other in made if other.reading_list.name.startswith(f"{name}#")
        ]
        if len(of_list) >= _LEAST_SECTIONS:
            yield task, of_list


def subtopic_recall(subtopics: NDArray[np.bool_], order: Sequence[int]) -> float:
    """Return the share of the sections with a pick of which one is shown."""
    offered, shown = subtopics.sum(axis=0) > 0, subtopics[list(order)].sum(axis=0) > 0
    return float(shown[offered].mean())


def alpha_ndcg(subtopics: NDArray[np.bool_], order: Sequence[int]) -> float:
    """Return the gain of an order of papers beside that of the best one, which is built greedily."""
    ideal: list[int] = []
    seen = np.zeros(subtopics.shape[1])
    left = np.flatnonzero(subtopics.any(axis=1)).tolist()
    while left and len(ideal) < SHOWN:
        gains = subtopics[left] @ ((1 - _ALPHA) ** seen)
        ideal.append(left.pop(int(np.argmax(gains))))
        seen += subtopics[ideal[-1]]
    best = _gain(subtopics, ideal)
    return _gain(subtopics, order) / best if best else float("nan")


def _gain(subtopics: NDArray[np.bool_], order: Sequence[int]) -> float:
    seen, total = np.zeros(subtopics.shape[1]), 0.0
    for rank, paper in enumerate(order):
        total += float(subtopics[paper] @ ((1 - _ALPHA) ** seen)) / np.log2(rank + 2)
        seen += subtopics[paper]
    return total
