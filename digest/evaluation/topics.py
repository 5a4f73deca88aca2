"""How well a line of words is understood, measured on topic lines with judged papers.

Each line was typed by a subscriber at sign-up; papers of two weeks were graded for it by reading them (2 what
was asked for, 1 near it, 0 neither). A unit is one topic in one window: the profile knows the line and the papers
from before the first window, and ranks the papers of the window. A paper without a grade counts as 0.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from digest.domain.paper import Paper
from digest.errors import BadInput
from digest.evaluation.benchmark import Corpus, compare
from digest.ranking.candidates import Candidates
from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.index import best
from digest.ranking.profile import Profile, build_profile
from digest.ranking.select import Rules, select
from digest.ranking.terms import Statistics, occurrences
from digest.ranking.training import DEFAULT, Tuning

SHOWN = 10
_K1, _B = 1.2, 0.75
"""The usual constants of BM25 (Robertson et al., 1994)."""
_FEEDBACK_PAPERS = 20
_FEEDBACK_COVERAGE = 3
_RM3_PAPERS = 40
_RM3_TERMS = 40
_RM3_TYPED = 0.5
"""Weight of the typed words beside the terms of the feedback papers (Abdul-Jaleel et al., 2004)."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One line and the grades of papers for it."""

    id: str
    kind: str
    line: str
    grades: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Window:
    """Days, first and last included, whose papers are ranked together."""

    name: str
    start: date
    end: date


def judged_topics(record: Any) -> tuple[list[Window], list[Topic]]:
    """Read windows and topics from decoded JSON. Raises BadInput that names what is wrong."""
    try:
        windows = [
            Window(name, *(date.fromisoformat(day) for day in days))
            for name, days in record["windows"].items()
        ]
        topics = [
            Topic(one["id"], one["kind"], one["line"], {paper: int(g) for paper, g in one["grades"].items()})
            for one in record["topics"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"The file of topics lacks or garbles a field ({error!r}).") from None
    if not windows or not topics:
        raise BadInput("The file of topics holds no windows or no topics.")
    return windows, topics


@dataclass(frozen=True, eq=False)
class JudgedWindow:
    """The papers of one window as candidates, and the grade of each for each topic."""

    window: Window
    candidates: Candidates
    counts: csc_matrix
    """[paper, bucket]: raw counts."""
    grades: NDArray[np.int8]
    """[topic, paper]; -1 where nobody graded."""


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Topics and windows ready to be ranked."""

    topics: list[Topic]
    reference: ReferenceCorpus
    past: csr_matrix
    """Raw counts of every paper from before the first window."""
    windows: list[JudgedWindow]
    tuning: Tuning = DEFAULT

    @classmethod
    def build(
        cls,
        corpus: Corpus,
        papers: Mapping[str, Paper],
        windows: Sequence[Window],
        topics: Sequence[Topic],
    ) -> Self:
        """Prepare; `papers` has every paper of the corpus by id. Raises BadInput for a window without papers."""
        known = corpus.before(min(window.start for window in windows))
        past = corpus.counts[:known]
        statistics = Statistics.empty().adding(past, 1)
        judged = [_judged(window, corpus, papers, topics, statistics) for window in windows]
        return cls(list(topics), ReferenceCorpus.build(statistics, past), past, judged)

    @cached_property
    def profiles(self) -> list[Profile]:
        """The profile of each topic, as it is stored."""
        nothing = self.past[[]]
        built = [
            build_profile([topic.line], nothing, nothing, self.reference, self.tuning).to_bytes()
            for topic in self.topics
        ]
        return [Profile.from_bytes(profile) for profile in built]

    def tuned(self, tuning: Tuning) -> "Benchmark":
        """Return the same benchmark with profiles of another tuning."""
        return replace(self, tuning=tuning)

    @cached_property
    def postings(self) -> csc_matrix:
        """The columns of `past`."""
        return self.past.tocsc()


def _judged(
    window: Window,
    corpus: Corpus,
    papers: Mapping[str, Paper],
    topics: Sequence[Topic],
    statistics: Statistics,
) -> JudgedWindow:
    rows = [row for row, day in enumerate(corpus.announced_on) if window.start <= day <= window.end]
    if not rows:
        raise BadInput(f"No paper is from {window.start} to {window.end}, the topics' window {window.name}.")
    ids = [corpus.ids[row] for row in rows]
    counts = corpus.counts[rows]
    candidates = Candidates.build(
        [papers[paper] for paper in ids], counts, [statistics], np.zeros(len(ids), np.float32)
    )
    grades = np.array([[topic.grades.get(paper, -1) for paper in ids] for topic in topics], np.int8)
    return JudgedWindow(window, candidates, counts.tocsc(), grades)


Ranker = Callable[[Benchmark, JudgedWindow, int], Sequence[int]]
"""Gives the places of the papers shown for the topic of that place, best first, at most `SHOWN`."""


def digests(benchmark: Benchmark, window: JudgedWindow, topic: int) -> list[int]:
    """Show what the digest of that window would show."""
    scores = window.candidates.score([benchmark.profiles[topic]])
    picks = select(window.candidates, scores.values[0], scores.interests[0], Rules(size=SHOWN))
    return [pick.index for pick in picks]


def scores(benchmark: Benchmark, window: JudgedWindow, topic: int) -> list[int]:
    """Show the ten highest scores, whatever they are."""
    return _top(window.candidates.score([benchmark.profiles[topic]]).values[0])


def bm25(benchmark: Benchmark, window: JudgedWindow, topic: int) -> list[int]:
    """Rank by BM25 of the words of the line."""
    query = _Query.of(benchmark, benchmark.topics[topic].line)
    return _top(query.match(window.counts))


def plain_mean(benchmark: Benchmark, window: JudgedWindow, topic: int) -> list[int]:
    """Rank by cosine with the mean of the older papers that match best by BM25 times coverage cubed."""
    query = _Query.of(benchmark, benchmark.topics[topic].line)
    fit = query.match(benchmark.postings) * query.coverage(benchmark.postings) ** _FEEDBACK_COVERAGE
    found = best(fit, _FEEDBACK_PAPERS)
    mean = np.asarray(benchmark.reference.statistics.weigh(benchmark.past[found]).sum(axis=0)).ravel()
    rows = window.candidates.rows[benchmark.reference.statistics.version]
    return _top((rows @ mean).astype(np.float32))


def rm3(benchmark: Benchmark, window: JudgedWindow, topic: int) -> list[int]:
    """Rank by BM25 of the words and of the terms that the best matching older papers write most (RM3)."""
    query = _Query.of(benchmark, benchmark.topics[topic].line)
    return _top(query.expanded(benchmark).match(window.counts))


RANKERS: dict[str, Ranker] = {
    "digests": digests,
    "scores": scores,
    "bm25": bm25,
    "plain mean": plain_mean,
    "rm3": rm3,
}
BASELINES = ("bm25", "plain mean", "rm3")


def _top(values: NDArray[np.float32]) -> list[int]:
    return [int(index) for index in np.argsort(-values, kind="stable")[:SHOWN]]


@dataclass(frozen=True, eq=False)
class _Query:
    """Terms to look for, and what each counts."""

    buckets: NDArray[np.int64]
    weights: NDArray[np.float64]
    """Inverse document frequency times the weight in the query."""
    typical: float
    """The mean length of a paper."""

    @classmethod
    def of(cls, benchmark: Benchmark, line: str) -> "_Query":
        words = np.unique(occurrences("", line).words[:, 0]).astype(np.int64)
        return cls(words, _rarity(benchmark, words), benchmark.past.sum() / benchmark.past.shape[0])

    def match(self, counts: csc_matrix) -> NDArray[np.float32]:
        """Return the BM25 of each paper."""
        held = counts[:, self.buckets].toarray().astype(np.float64)
        length = np.asarray(counts.sum(axis=1)).ravel() / self.typical
        saturated = held * (_K1 + 1) / (held + _K1 * (1 - _B + _B * length[:, None]))
        fit: NDArray[np.float32] = (saturated @ self.weights).astype(np.float32)
        return fit

    def coverage(self, counts: csc_matrix) -> NDArray[np.float32]:
        """Return the share of the query that each paper holds, rare terms counting more."""
        held = (counts[:, self.buckets] > 0).astype(np.float64)
        return np.asarray(held @ self.weights / max(1e-9, self.weights.sum())).astype(np.float32)

    def expanded(self, benchmark: Benchmark) -> "_Query":
        """Return the query with the terms of the papers that match it best."""
        fit = self.match(benchmark.postings) * self.coverage(benchmark.postings)
        found = best(fit, _RM3_PAPERS)
        rows = benchmark.past[found]
        share = fit[found] / max(1e-9, float(fit[found].sum())) / np.asarray(rows.sum(axis=1)).ravel()
        written = np.asarray((csr_matrix(share[None]) @ rows).todense()).ravel()
        every = np.arange(len(written))
        terms = best((written * _rarity(benchmark, every)).astype(np.float32), _RM3_TERMS)
        weight = np.zeros(len(written))
        weight[self.buckets] = _RM3_TYPED / max(1, len(self.buckets))
        weight[terms] += (1 - _RM3_TYPED) * written[terms] / max(1e-9, written[terms].sum())
        buckets = np.flatnonzero(weight)
        return _Query(buckets, weight[buckets] * _rarity(benchmark, buckets), self.typical)


def _rarity(benchmark: Benchmark, buckets: NDArray[np.integer]) -> NDArray[np.float64]:
    statistics = benchmark.reference.statistics
    frequency = statistics.frequencies[buckets].astype(np.float64)
    rarity: NDArray[np.float64] = np.log(1 + (statistics.papers - frequency + 0.5) / (frequency + 0.5))
    return np.where(frequency > 0, rarity, 0)


@dataclass(frozen=True, slots=True)
class Unit:
    """What one method showed for one topic in one window."""

    topic: int
    ndcg: float
    """NaN when no paper of the window is graded above 0."""
    shown: NDArray[np.int8] = field(repr=False)
    """The grades of the papers shown, in order."""


def measure(benchmark: Benchmark, ranker: Ranker) -> list[Unit]:
    """Judge what a method shows, topic by topic, in every window."""
    found = []
    for topic in range(len(benchmark.topics)):
        for window in benchmark.windows:
            grades = window.grades[topic]
            shown = grades[list(ranker(benchmark, window, topic))[:SHOWN]]
            found.append(Unit(topic, graded_ndcg(shown, grades), shown))
    return found


def graded_ndcg(shown: NDArray[np.integer], grades: NDArray[np.integer]) -> float:
    """Return nDCG@10 with gain 2^grade - 1; NaN when there is nothing to find."""
    discount = 1 / np.log2(np.arange(2, SHOWN + 2))
    ideal = np.sort(_gain(grades))[::-1][:SHOWN]
    highest = float(ideal @ discount[: len(ideal)])
    gain = _gain(shown[:SHOWN])
    return float(gain @ discount[: len(gain)]) / highest if highest else float("nan")


def _gain(grades: NDArray[np.integer]) -> NDArray[np.float64]:
    gain: NDArray[np.float64] = 2.0 ** np.maximum(0, grades) - 1
    return gain


def figures(benchmark: Benchmark, units: Sequence[Unit]) -> dict[str, Any]:
    """Average what a method showed."""
    shown = np.concatenate([unit.shown for unit in units])
    kinds = list(dict.fromkeys(topic.kind for topic in benchmark.topics))
    return {
        "ndcg@10": _mean(unit.ndcg for unit in units),
        "p@5": _mean((unit.shown[:5] >= 1).sum() / 5 for unit in units),
        "p@10": _mean((unit.shown[:SHOWN] >= 1).sum() / SHOWN for unit in units),
        "precision_of_shown": float((shown >= 1).mean()) if len(shown) else float("nan"),
        "shown": len(shown),
        "shown_where_nothing_is_right": sum(len(unit.shown) for unit in units if np.isnan(unit.ndcg)),
        "ungraded_shown": int((shown < 0).sum()),
        "kinds": {
            kind: _mean(unit.ndcg for unit in units if benchmark.topics[unit.topic].kind == kind)
            for kind in kinds
        },
    }


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def evaluate(benchmark: Benchmark, more: Mapping[str, Ranker] | None = None) -> dict[str, Any]:
    """Return the figures of every method, and how far the digests are from each baseline (paired bootstrap).

    `more` are further methods by name.
    """
    found = {name: measure(benchmark, ranker) for name, ranker in (RANKERS | dict(more or {})).items()}
    judged = [index for index, unit in enumerate(found["digests"]) if not np.isnan(unit.ndcg)]
    names = [benchmark.topics[found["digests"][index].topic].id for index in judged]
    return {
        "methods": {name: figures(benchmark, units) for name, units in found.items()},
        "digests_against": {
            name: asdict(
                compare(
                    [found["digests"][index].ndcg for index in judged],
                    [found[name][index].ndcg for index in judged],
                    names,
                )
            )
            for name in BASELINES
        },
        "lines": [
            {
                "id": topic.id,
                "kind": topic.kind,
                "line": topic.line,
                **{
                    name: _mean(unit.ndcg for unit in units if unit.topic == index)
                    for name, units in found.items()
                },
            }
            for index, topic in enumerate(benchmark.topics)
        ],
    }
