"""What the dense scorer adds on both benchmarks. Its vectors are computed for the papers that can matter alone."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from digest.domain.paper import Paper
from digest.evaluation.benchmark import Corpus, Task
from digest.evaluation.topics import SHOWN, Benchmark, JudgedWindow, Ranker
from digest.ranking.profile import Profile
from digest.ranking.scorers import Encode, FusedScorer
from digest.ranking.scoring import Scores, score
from digest.ranking.select import Rules, select

_LOOKED_AT = 60
"""Papers of a week, the best by TF-IDF, that get a vector: fusion brings hardly any other among the first fifty."""


class Vectors:
    """Vectors of papers by id; each is computed once."""

    def __init__(self, papers: Mapping[str, Paper], encode: Encode) -> None:
        self._papers, self._encode = papers, encode
        self._known: dict[str, NDArray[np.float32]] = {}
        self._lines: dict[str, NDArray[np.float32]] = {}

    def scorer(self, ids: Sequence[str], chosen: Sequence[int] | None = None) -> FusedScorer:
        """Return the scorer of these papers; those of other places than `chosen` have no vector."""
        places = range(len(ids)) if chosen is None else chosen
        missing = [ids[place] for place in places if ids[place] not in self._known]
        # Texts of like length share a batch: none is padded much.
        missing.sort(key=lambda paper: len(self._papers[paper].abstract))
        texts = [f"{self._papers[paper].title}. {self._papers[paper].abstract}" for paper in missing]
        self._known.update(zip(missing, self._encode(texts), strict=True))
        size = len(self._known[ids[places[0]]]) if len(places) else 0
        vectors = np.zeros((len(ids), size), np.float32)
        for place in places:
            vectors[place] = self._known[ids[place]]
        return FusedScorer(vectors, self._encode_lines)

    def _encode_lines(self, lines: Sequence[str]) -> NDArray[np.float32]:
        missing = [line for line in lines if line not in self._lines]
        self._lines.update(zip(missing, self._encode(missing), strict=True))
        return np.stack([self._lines[line] for line in lines])


def rankers(benchmark: Benchmark, vectors: Vectors) -> dict[str, Ranker]:
    """Return the methods that judged topic lines measure, with the dense scorer."""
    scorers = {
        window.window.name: vectors.scorer([paper.id for paper in window.candidates.papers])
        for window in benchmark.windows
    }

    def scored(benchmark: Benchmark, window: JudgedWindow, topic: int) -> Scores:
        return scorers[window.window.name].score(window.candidates, [benchmark.profiles[topic]])

    def digests(benchmark: Benchmark, window: JudgedWindow, topic: int) -> list[int]:
        found = scored(benchmark, window, topic)
        picks = select(window.candidates, found.values[0], found.interests[0], Rules(size=SHOWN))
        return [pick.index for pick in picks]

    def scores(benchmark: Benchmark, window: JudgedWindow, topic: int) -> list[int]:
        values = scored(benchmark, window, topic).values[0]
        return [int(place) for place in np.argsort(-values, kind="stable")[:SHOWN]]

    return {"digests, dense": digests, "scores, dense": scores}


def list_scores(task: Task, kind: str, corpus: Corpus, vectors: Vectors) -> NDArray[np.float32]:
    """Score the papers of a reading list, each week fused by itself as a digest is."""
    stored = [Profile.from_bytes(task.profile(kind).to_bytes())]
    start = corpus.before(task.reading_list.split)
    values = np.zeros(len(task.weeks), np.float32)
    for week in np.unique(task.weeks):
        rows = np.flatnonzero(task.weeks == week)
        found = score(stored, task.papers[rows])
        if task.picked[rows].any() and kind == "keywords":
            best = np.argsort(-found.values[0], kind="stable")[:_LOOKED_AT]
            ids = [corpus.ids[start + row] for row in rows.tolist()]
            found = vectors.scorer(ids, best.tolist()).fuse(found, stored)
        values[rows] = found.values[0]
    return values
