"""The one sentence of an abstract that a mail shows."""

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.text.latex import one_line, paragraphs
from digest.text.summary import LIMIT, fitted, summary

SHARED = Path(__file__).parents[3] / "shared" / "data" / "papers.jsonl.gz"


def test_the_contribution_is_preferred_to_motivation_details_and_results() -> None:
    abstract = (
        "Large language models are increasingly used for planning. However, they often fail on long tasks. "
        "We propose PlanNet, a planner that repairs its own plans. More specifically, we study three variants. "
        "Extensive experiments show that our method outperforms all baselines by 12%. Code is available at "
        "https://code.example.org."
    )
    assert summary(abstract) == "We propose PlanNet, a planner that repairs its own plans."


@pytest.mark.parametrize(
    "opening",
    [
        "To address these challenges, ",
        "To this end, ",
        "In this paper, ",
        "In this work, ",
        "Here, ",
        "Motivated by these findings, ",
        "To bridge this gap between theory and practice, ",
    ],
)
def test_an_opening_that_connects_is_removed(opening: str) -> None:
    sentence = "we present a parser that reads tables of any size without a schema."
    assert summary(f"Tables are everywhere. {opening}{sentence}") == sentence.capitalize()


@pytest.mark.parametrize(
    "opening",
    ["However, it", "This", "These results", "It", "Such models", "They"],
)
def test_a_sentence_that_needs_another_is_not_chosen(opening: str) -> None:
    abstract = (
        f"{opening} propose a new way of doing everything at once for robots. "
        "Graph search of long plans is studied with a new bound on the number of expansions."
    )
    assert summary(abstract).startswith("Graph search")


def test_an_end_that_refers_to_another_sentence_is_cut() -> None:
    abstract = "Plans fail. We introduce YOLA (YOLA), a real-time detection model that jointly solves these two tasks."
    assert summary(abstract) == "We introduce YOLA (YOLA), a real-time detection model."


def test_the_name_in_the_title_is_preferred() -> None:
    abstract = "We introduce a dataset of 10,000 dialogues for testing. We present DARA, a two-stage planner of budgets."
    assert summary(abstract, "DARA: Few-shot Budget Allocation").startswith("We present DARA")


def test_labels_of_structured_abstracts_are_removed() -> None:
    abstract = "Objective. We develop a novel algorithm for simulating the vision of patients with implants."
    assert summary(abstract).startswith("We develop a novel algorithm")


def test_a_long_sentence_is_cut_after_a_clause() -> None:
    sentence = (
        "We propose a framework for robot planning that reads maps, which combines a graph of places with a language "
        "model that was trained on a very large number of descriptions of rooms in houses all over the world."
    )
    assert fitted(sentence, 120) == "We propose a framework for robot planning that reads maps."


def test_a_long_sentence_without_a_clause_is_cut_between_words() -> None:
    assert fitted("Word " * 100, 50).endswith("Word…")


def test_an_empty_abstract_has_no_summary() -> None:
    assert summary("") == ""
    assert summary(" \n ") == ""


@given(st.text(max_size=3000), st.text(max_size=100))
def test_any_text_gives_a_line_within_the_limit(abstract: str, title: str) -> None:
    found = summary(abstract, title)
    assert len(found) <= LIMIT
    assert found == summary(abstract, title)
    assert "\n" not in found


DEPENDENT = re.compile(
    r"(?:However|Moreover|Furthermore|Additionally|More specifically|Specifically|It|They|This (?!(?:\w+ ){0,3}"
    r"(?:paper|work|article|study|thesis|survey|report|review|research|dissertation|tutorial|chapter|manuscript|letter|"
    r"note|contribution))|These|Such|But|And|Thus|Therefore|Then|Finally)\b"
)


def test_few_summaries_of_real_abstracts_start_with_a_reference() -> None:
    if not SHARED.exists():
        pytest.skip("the real abstracts are not on this machine")
    with gzip.open(SHARED) as file:
        records = [json.loads(line) for number, line in enumerate(file) if number % 97 == 0]
    assert len(records) > 400
    found = [summary(paragraphs(one["abstract"]), one_line(one["title"])) for one in records]
    assert all(0 < len(one) <= LIMIT for one in found)
    assert sum(bool(DEPENDENT.match(one)) for one in found) <= len(found) * 0.01
    assert sum(one.endswith("…") for one in found) <= len(found) * 0.12
