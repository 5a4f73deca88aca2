"""How good the ranking is, measured on reading lists that people keep.

A list has a library (what its keeper picked before a split date) and a test (what they picked after).
A profile is built from the library or the list's topic words, and from papers that came before the
split alone, the document frequencies included; it scores every paper from the split to the list's
end. Seven consecutive days that have papers make a week; each week is ranked by itself, weeks without
a pick are left out, and a list's figure is the mean over its weeks. The ROC-AUC pools all papers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from time import process_time
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

from digest.errors import BadInput
from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import Profile, build_profile
from digest.ranking.scoring import score
from digest.ranking.terms import Statistics, count_terms
from digest.ranking.training import DEFAULT, Tuning

KINDS = ("full", "recent5", "keywords")
"""From the whole library, from its five newest papers, from the topic words alone."""
METRICS = ("ndcg@50", "recall@50", "recall@20", "auc")
_DAYS_A_WEEK = 7

Figures = dict[str, float]
Scorer = Callable[["Task", str], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class ReadingList:
    """What one person picked before and after a day."""

    name: str
    source: str
    """Lists of one source overlap; they count as one when differences are judged."""
    topic: str
    split: date
    test_end: date
    library: tuple[str, ...]
    """Paper ids, oldest first."""
    test: frozenset[str]


def reading_lists(records: Any) -> list[ReadingList]:
    """Read lists from decoded JSON. Raises BadInput naming the list that is wrong."""
    if not isinstance(records, list) or not records:
        raise BadInput("The file of reading lists holds no JSON list of them.")
    return [_reading_list(index, record) for index, record in enumerate(records)]


def _reading_list(index: int, record: Any) -> ReadingList:
    try:
        return ReadingList(
            record["name"],
            record.get("source", record["name"]),
            record.get("topic", ""),
            date.fromisoformat(record["split"]),
            date.fromisoformat(record["test_end"]),
            tuple(record["library"]),
            frozenset(record["test"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"Reading list {index + 1} lacks or garbles a field ({error}).") from None


@dataclass(frozen=True, eq=False)
class Corpus:
    """All papers of the stream, oldest first."""

    ids: tuple[str, ...]
    announced_on: tuple[date, ...]
    counts: csr_matrix

    @classmethod
    def build(cls, papers: Sequence[tuple[str, date, str, str]]) -> Self:
        """Build from (id, announced_on, title, abstract); a repeated id counts once."""
        ordered = sorted({paper[0]: paper for paper in papers}.values(), key=lambda paper: paper[1::-1])
        return cls(
            tuple(paper[0] for paper in ordered),
            tuple(paper[1] for paper in ordered),
            count_terms([(paper[2], paper[3]) for paper in ordered]),
        )

    @cached_property
    def indexes(self) -> dict[str, int]:
        """Map an id to its row."""
        return {paper: index for index, paper in enumerate(self.ids)}

    def before(self, day: date) -> int:
        """Count the papers announced before a day; they are the first rows."""
        return int(np.searchsorted(np.array(self.announced_on, "datetime64[D]"), np.datetime64(day)))


@dataclass(frozen=True, eq=False)
class Task:
    """One list made ready: all that may be known at its split, and the papers to be ranked after it."""

    reading_list: ReadingList
    reference: ReferenceCorpus
    known: dict[str, int]
    """Rows of `past` by id."""
    past: csr_matrix
    """Raw counts of every paper before the split."""
    papers: csr_matrix
    """Weighed rows of the papers to rank, in the space of the reference corpus."""
    picked: NDArray[np.bool_]
    weeks: NDArray[np.int64]

    @cached_property
    def library(self) -> list[int]:
        """Rows of the library in `past`, oldest first."""
        return [self.known[paper] for paper in self.reading_list.library if paper in self.known]

    def profile(self, kind: str, tuning: Tuning = DEFAULT) -> Profile:
        """Build the profile a subscriber of this list would have at the split, as it is stored."""
        rows = {"full": self.library, "recent5": self.library[-5:], "keywords": []}[kind]
        topics = [self.reading_list.topic] if kind == "keywords" else []
        return build_profile(topics, self.past[rows], self.past[[]], self.reference, tuning)


def tasks(corpus: Corpus, lists: Sequence[ReadingList]) -> list[Task]:
    """Make lists ready; lists with the same split share their reference corpus."""
    prepared: dict[date, tuple[ReferenceCorpus, csr_matrix]] = {}
    made = []
    for reading_list in lists:
        known = corpus.before(reading_list.split)
        if reading_list.split not in prepared:
            past = corpus.counts[:known]
            reference = ReferenceCorpus.build(Statistics.empty().adding(past, 1), past)
            prepared[reading_list.split] = reference, past
        reference, past = prepared[reading_list.split]
        rows = [
            row for row in range(known, len(corpus.ids)) if corpus.announced_on[row] <= reading_list.test_end
        ]
        days = sorted({corpus.announced_on[row] for row in rows})
        week = {day: index // _DAYS_A_WEEK for index, day in enumerate(days)}
        made.append(
            Task(
                reading_list,
                reference,
                {paper: index for paper, index in corpus.indexes.items() if index < known},
                past,
                reference.statistics.weigh(corpus.counts[rows]),
                np.array([corpus.ids[row] in reading_list.test for row in rows], bool),
                np.array([week[corpus.announced_on[row]] for row in rows], np.int64),
            )
        )
    return made


def as_delivered(task: Task, kind: str, tuning: Tuning = DEFAULT) -> NDArray[np.float32]:
    """Score the papers by the profile exactly as it is stored and used in delivery."""
    stored = Profile.from_bytes(task.profile(kind, tuning).to_bytes())
    values: NDArray[np.float32] = score([stored], task.papers).values[0]
    return values


def centroid(task: Task, kind: str) -> NDArray[np.float32]:
    """Score by cosine with the mean of the examples: the plain method, to compare with."""
    rows = {"full": task.library, "recent5": task.library[-5:], "keywords": []}[kind]
    counts = task.past[rows] if rows else count_terms([("", task.reading_list.topic)])
    mean = np.asarray(task.reference.statistics.weigh(counts).mean(axis=0)).ravel().astype(np.float32)
    found: NDArray[np.float32] = task.papers @ mean
    return found


SCORERS: dict[str, Scorer] = {"delivered": as_delivered, "centroid": centroid}


def measure(task: Task, scores: NDArray[np.float32]) -> Figures:
    """Return the figures of `METRICS` for one list; NaN where nothing was picked."""
    weekly = [
        _week(scores[task.weeks == week], task.picked[task.weeks == week])
        for week in np.unique(task.weeks[task.picked])
    ]
    mean = np.mean(weekly, axis=0) if weekly else np.full(3, np.nan)
    both = 0 < task.picked.sum() < len(task.picked)
    auc = float(roc_auc_score(task.picked, scores)) if both else float("nan")
    return dict(zip(METRICS, (*map(float, mean), auc), strict=True))


def _week(scores: NDArray[np.float32], picked: NDArray[np.bool_]) -> tuple[float, float, float]:
    order = picked[np.argsort(-scores, kind="stable")]
    total = int(picked.sum())
    return ndcg(order, 50), float(order[:50].sum() / min(50, total)), float(order[:20].sum() / min(20, total))


def ndcg(picked: NDArray[np.bool_], top: int) -> float:
    """Normalised discounted cumulative gain of papers in ranked order, gain 1 for a picked one."""
    discount = 1 / np.log2(np.arange(2, top + 2))
    best = discount[: int(picked.sum())].sum()
    return float((picked[:top] * discount[: len(picked[:top])]).sum() / best) if best else float("nan")


def average(figures: Sequence[Figures]) -> Figures:
    """Return the mean over lists of each figure."""
    return {name: float(np.nanmean([one[name] for one in figures])) for name in METRICS}


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one scorer is than another, over lists."""

    mean: float
    low: float
    high: float
    """Where 95 of 100 resamplings of the sources end up."""
    better: float
    """Share of resamplings in which the first is better."""


def compare(
    first: Sequence[float], second: Sequence[float], sources: Sequence[str], rounds: int = 10_000
) -> Difference:
    """Judge the difference of two scorers on the same lists by a paired bootstrap over sources."""
    gains: dict[str, list[float]] = {}
    for one, other, source in zip(first, second, sources, strict=True):
        gains.setdefault(source, []).append(one - other)
    sums = np.array([sum(gain) for gain in gains.values()])
    sizes = np.array([len(gain) for gain in gains.values()])
    drawn = np.random.default_rng(0).integers(0, len(sums), (rounds, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(float(sums.sum() / sizes.sum()), float(low), float(high), float((means > 0).mean()))


def evaluate(
    made: Sequence[Task], kinds: Sequence[str] = KINDS, scorer: Scorer = as_delivered
) -> dict[str, list[Figures]]:
    """Return the figures of every list, in order, for each kind of profile."""
    return {kind: [measure(task, scorer(task, kind)) for task in made] for kind in kinds}


def costs(made: Sequence[Task], kinds: Sequence[str] = KINDS, papers: int = 600) -> dict[str, Any]:
    """Measure what profiles cost: CPU to build one, bytes to store it, subscribers scored a second."""
    taken, profiles = [], []
    for task in made:
        for kind in kinds:
            began = process_time()
            profile = task.profile(kind)
            taken.append(1000 * (process_time() - began))
            profiles.append(profile)
    rows = made[0].papers[:papers]
    many = (profiles * (2_000 // len(profiles) + 1))[:2_000]
    began = process_time()
    score(many, rows)
    rate = len(many) / (process_time() - began)
    return {
        "build_ms": {"median": float(np.median(taken)), "p95": float(np.percentile(taken, 95))},
        "profile_bytes": {"max": max(len(profile.to_bytes()) for profile in profiles)},
        "scored_per_s": rate,
    }


def summary(
    made: Sequence[Task], figures: Mapping[str, Sequence[Figures]], spent: Mapping[str, Any]
) -> dict[str, Any]:
    """Put it all in one JSON-able record."""
    lists = [
        {
            "name": task.reading_list.name,
            "source": task.reading_list.source,
            "profiles": {kind: found[index] for kind, found in figures.items()},
        }
        for index, task in enumerate(made)
    ]
    return {"profiles": {kind: average(found) for kind, found in figures.items()}, "lists": lists, **spent}
