"""Choices held against topics that had no say in them, marks beside a line, and the dense scorer on both benchmarks."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from digest.evaluation.benchmark import as_delivered, tasks
from digest.evaluation.dense import Vectors, list_scores, rankers
from digest.evaluation.line_studies import MARKS, held_out, line_tunings, marks
from digest.evaluation.ticks import ticks
from digest.evaluation.topics import Benchmark, digests, evaluate, measure
from digest.ranking.terms import count_terms
from digest.ranking.training import DEFAULT
from tests.evaluation.test_benchmark import reading
from tests.evaluation.test_topics import benchmark_of, corpus_of, stream

STORED = stream()


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    return benchmark_of(STORED)


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the counts of single words in 256 buckets, of length one: a small encoder that is no model."""
    vectors = np.zeros((len(texts), 256), np.float32)
    for row, text in enumerate(texts):
        np.add.at(vectors[row], count_terms([("", text)]).indices % 256, 1)
    scaled: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return scaled


def test_a_tuning_is_judged_on_topics_that_had_no_say_in_it(benchmark: Benchmark) -> None:
    nothing_shown = replace(DEFAULT, level_of_answered=0.001, level_of_others=0.001)
    found = held_out(benchmark, {"in use": DEFAULT, "nothing": nothing_shown})
    assert found["in use"] == found["held out"]
    assert found["chosen"] == {"in use": len(benchmark.topics)}
    assert found["hindsight"]["tuning"] == "in use"
    assert found["tunings"]["nothing"]["ndcg@10"] == 0


def test_a_tuning_that_only_its_own_topic_likes_is_not_chosen_for_it(benchmark: Benchmark) -> None:
    found = held_out(
        benchmark,
        {"nothing": replace(DEFAULT, level_of_answered=0.001, level_of_others=0.001), "in use": DEFAULT},
    )
    assert found["held out"]["ndcg@10"] > found["in use"]["ndcg@10"] == 0


def test_the_neighbours_of_the_tuning_differ_from_it_in_one_matter_each() -> None:
    tunings = line_tunings()
    assert tunings.pop("in use") == DEFAULT
    assert len(set(tunings.values()) - {DEFAULT}) == len(tunings)


def test_another_tuning_makes_other_profiles_of_the_same_benchmark(benchmark: Benchmark) -> None:
    other = benchmark.tuned(replace(DEFAULT, trained=3.0))
    assert other.windows is benchmark.windows
    assert other.profiles[0].to_bytes() != benchmark.profiles[0].to_bytes()


def test_marks_beside_a_line_are_measured_one_after_the_other() -> None:
    (task,) = tasks(corpus_of(STORED), [reading()])
    found = marks(task)
    assert list(found) == [f"after {count}" for count in MARKS]
    assert all(0 < value <= 1 for value in found.values())


def test_ticks_beside_a_line_are_measured_for_each_way_to_offer_papers() -> None:
    (task,) = tasks(corpus_of(STORED), [reading()])
    found = ticks(task)
    assert list(found) == ["words", "arbitrary", "best", "spread"]
    assert all(0 < value <= 1 for value in found.values())
    assert found == ticks(task)


def test_the_dense_scorer_is_measured_beside_the_other_methods(benchmark: Benchmark) -> None:
    found = evaluate(benchmark, rankers(benchmark, Vectors(STORED, encode)))
    assert found["methods"]["digests, dense"]["ndcg@10"] >= found["methods"]["bm25"]["ndcg@10"] - 0.2
    assert found["methods"]["scores, dense"]["shown"] == found["methods"]["scores"]["shown"]


def test_vectors_that_say_nothing_leave_the_digests_as_they_are(benchmark: Benchmark) -> None:
    def same(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.zeros((len(texts), 2), np.float32)

    ranker = rankers(benchmark, Vectors(STORED, same))["digests, dense"]
    plain, fused = measure(benchmark, digests), measure(benchmark, ranker)
    assert [unit.shown.tolist() for unit in plain] == [unit.shown.tolist() for unit in fused]


def test_reading_lists_are_fused_week_by_week_and_only_for_words() -> None:
    corpus = corpus_of(STORED)
    (task,) = tasks(corpus, [reading()])
    asked: list[str] = []

    def counted(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return encode(texts)

    vectors = Vectors(STORED, counted)
    assert (list_scores(task, "recent5", corpus, vectors) == as_delivered(task, "recent5")).all()
    assert not asked
    fused = list_scores(task, "keywords", corpus, vectors)
    assert (fused != as_delivered(task, "keywords")).any()
    assert len(asked) == len(set(asked))
