"""The judged topic lines as a benchmark: the metrics by hand, the baselines, and what a profile may know."""

from dataclasses import replace
from datetime import date, timedelta
from math import log2
from typing import Any

import numpy as np
import pytest

from digest.domain.paper import Paper
from digest.errors import BadInput
from digest.evaluation.benchmark import Corpus
from digest.evaluation.topics import (
    BASELINES,
    RANKERS,
    Benchmark,
    Unit,
    evaluate,
    figures,
    graded_ndcg,
    judged_topics,
    measure,
)
from tests.ranking.texts import FIELDS, papers

START = date(2026, 1, 1)
SIGN_UP = START + timedelta(days=60)


def stream() -> dict[str, Paper]:
    found = {}
    for field in FIELDS:
        for day, (title, abstract) in enumerate(papers(field, 70)):
            paper = Paper(f"{field}-{day}", title, abstract, announced_on=START + timedelta(days=day))
            found[paper.id] = paper
    return found


def record() -> dict[str, Any]:
    grades = {
        "speech": {f"speech-{day}": 2 if day % 2 else 1 for day in range(60, 65)} | {"protein-60": 0},
        "protein": {f"protein-{day}": 2 for day in range(60, 65)},
    }
    lines = {"speech": "I work on speech recognition", "protein": "protein folding, enzyme docking"}
    return {
        "windows": {
            "W1": [str(SIGN_UP), str(SIGN_UP + timedelta(days=4))],
            "W2": [str(SIGN_UP + timedelta(days=5)), str(SIGN_UP + timedelta(days=9))],
        },
        "topics": [
            {"id": name, "kind": name[:1], "line": lines[name], "grades": grades[name]} for name in grades
        ],
    }


def corpus_of(stored: dict[str, Paper]) -> Corpus:
    return Corpus.build([(p.id, p.announced_on or START, p.title, p.abstract) for p in stored.values()])


def benchmark_of(stored: dict[str, Paper]) -> Benchmark:
    return Benchmark.build(corpus_of(stored), stored, *judged_topics(record()))


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    return benchmark_of(stream())


def test_graded_ndcg_is_that_of_the_definition() -> None:
    grades = np.array([2, 1, 0, -1])
    ideal = 3 + 1 / log2(3)
    assert graded_ndcg(np.array([2, 1]), grades) == pytest.approx(1)
    assert graded_ndcg(np.array([1, -1, 2]), grades) == pytest.approx((1 + 3 / 2) / ideal)
    assert np.isnan(graded_ndcg(np.array([0]), np.array([0, -1])))
    assert graded_ndcg(np.array([], int), grades) == 0


def test_precision_divides_by_five_and_ten_and_a_window_without_right_papers_counts_what_was_shown(
    benchmark: Benchmark,
) -> None:
    units = [
        Unit(0, 0.5, np.array([2, 0, -1], np.int8)),
        Unit(1, float("nan"), np.array([0, 0], np.int8)),
    ]
    found = figures(benchmark, units)
    assert found["ndcg@10"] == 0.5
    assert found["p@5"] == pytest.approx(1 / 5 / 2)
    assert found["p@10"] == pytest.approx(1 / 10 / 2)
    assert found["precision_of_shown"] == pytest.approx(1 / 5)
    assert (found["shown"], found["shown_where_nothing_is_right"], found["ungraded_shown"]) == (5, 2, 1)


def test_every_method_finds_what_the_lines_ask_for(benchmark: Benchmark) -> None:
    found = evaluate(benchmark)
    assert set(found["methods"]) == set(RANKERS)
    assert all(figures["ndcg@10"] > 0.7 for figures in found["methods"].values())
    assert set(found["digests_against"]) == set(BASELINES)
    assert [line["id"] for line in found["lines"]] == ["speech", "protein"]
    # The second window has no graded paper: what is shown there is shown for nothing.
    assert found["methods"]["bm25"]["shown_where_nothing_is_right"] == 20


def test_a_profile_knows_nothing_of_the_windows(benchmark: Benchmark) -> None:
    stored = stream()
    later = {
        name: replace(paper, title="Speech recognition", abstract="protein folding " * 30)
        for name, paper in stored.items()
        if paper.announced_on and paper.announced_on >= SIGN_UP
    }
    other = benchmark_of(stored | later)
    assert [p.to_bytes() for p in other.profiles] == [p.to_bytes() for p in benchmark.profiles]


def test_a_digest_shows_no_more_than_ten_and_nothing_below_the_floor(benchmark: Benchmark) -> None:
    for unit, shown in zip(
        measure(benchmark, RANKERS["digests"]), measure(benchmark, RANKERS["scores"]), strict=True
    ):
        assert len(unit.shown) <= 10
        assert len(unit.shown) <= len(shown.shown)


@pytest.mark.parametrize(
    "garbled",
    [
        None,
        {},
        {"windows": {}, "topics": []},
        {"windows": {"a": ["soon", "x"]}, "topics": []},
        {"windows": []},
    ],
)
def test_garbled_topics_are_refused(garbled: object) -> None:
    with pytest.raises(BadInput):
        judged_topics(garbled)


def test_a_window_without_papers_is_refused() -> None:
    stored = {
        name: paper for name, paper in stream().items() if not name.endswith(("65", "66", "67", "68", "69"))
    }
    with pytest.raises(BadInput, match="W2"):
        benchmark_of(stored)
