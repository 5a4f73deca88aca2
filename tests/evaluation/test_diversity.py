"""The measures of diversity by hand, and on lists with sections."""

from dataclasses import replace
from math import log2

import numpy as np
import pytest

from digest.evaluation.benchmark import tasks
from digest.evaluation.diversity import alpha_ndcg, diversity, sectioned, subtopic_recall
from tests.evaluation.test_benchmark import reading
from tests.evaluation.test_topics import corpus_of, stream

TWO = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], bool)


def test_subtopic_recall_counts_the_sections_that_are_offered() -> None:
    assert subtopic_recall(TWO, [0, 1]) == 0.5
    assert subtopic_recall(TWO, [0, 2]) == 1
    assert subtopic_recall(np.array([[1, 0], [0, 0]], bool), [0]) == 1


def test_a_second_paper_of_a_section_gains_half() -> None:
    ideal = 1 + 1 / log2(3) + 0.5 / 2
    assert alpha_ndcg(TWO, [0, 2, 1]) == pytest.approx(1)
    assert alpha_ndcg(TWO, [0, 1, 2]) == pytest.approx((1 + 0.5 / log2(3) + 1 / 2) / ideal)
    assert alpha_ndcg(TWO, [3]) == 0
    assert np.isnan(alpha_ndcg(np.zeros((2, 2), bool), [0]))


def test_only_lists_with_three_sections_are_measured() -> None:
    stored = stream()
    corpus = corpus_of(stored)
    whole = replace(reading(), name="speech")
    picks = sorted(whole.test)
    parts = [replace(whole, name=f"speech#{part}", test=frozenset(picks[part::3])) for part in range(3)]
    made = tasks(corpus, [whole, *parts, reading("protein")])
    ((task, sections),) = sectioned(made)
    assert task.reading_list.name == "speech"
    found = diversity(task, sections, corpus, stored, "full")
    assert set(found) == {
        f"{name} {metric}" for name in ("digests", "scores") for metric in ("subtopic recall", "alpha-ndcg")
    }
    assert all(0.5 < value <= 1 for value in found.values())
