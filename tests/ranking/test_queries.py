"""A typed line: which interests it lists, which words are about the subject, which papers stand for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import Profile, build_profile
from digest.ranking.queries import joined_by_and, listed, subject, word_forms
from digest.ranking.scoring import score
from digest.ranking.terms import Statistics, count_terms
from tests.ranking.texts import FIELDS, papers

NOTHING = count_terms([])


@pytest.fixture(scope="module")
def reference() -> ReferenceCorpus:
    counts = count_terms([text for field in FIELDS for text in papers(field, 60)])
    return ReferenceCorpus.build(Statistics.empty().adding(counts, 1), counts)


def names(line: str, reference: ReferenceCorpus, *others: str) -> list[str]:
    profile = build_profile([line, *others], NOTHING, NOTHING, reference)
    return [interest.name for interest in profile.interests]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("I work on detecting hallucinations", "detecting hallucinations"),
        ("I'm looking for ways to drop visual tokens", "drop visual tokens"),
        ("My group studies whether chatbots are safe for people", "chatbots safe"),
        ("speech recognition", "speech recognition"),
        ("new papers", "new papers"),
    ],
)
def test_the_words_of_a_request_are_left_out_unless_there_are_no_others(line: str, left: str) -> None:
    assert (count_terms([("", subject(line))]) != count_terms([("", left)])).nnz <= 1
    assert count_terms([("", subject(line))]).nnz


@given(st.text(max_size=60))
def test_any_line_can_be_taken_apart(line: str) -> None:
    assert all(part == part.strip() != "" for part in listed(line))
    assert joined_by_and(line) is not None
    had, has = count_terms([("", line)]), count_terms([("", subject(line))])
    assert has.nnz <= had.nnz
    assert bool(has.nnz) == bool(had.nnz)


def test_a_line_that_lists_interests_becomes_as_many(reference: ReferenceCorpus) -> None:
    assert names("speech recognition; protein folding, object tracking", reference) == [
        "speech recognition",
        "protein folding",
        "object tracking",
    ]


def test_no_more_interests_come_of_lines_than_a_profile_holds(reference: ReferenceCorpus) -> None:
    line = "speech, protein, tracking, unlearning, voice, enzyme, camera"
    assert len(names(line, reference)) == 1
    assert len(names(line, reference, "object, target", "accent")) <= 6


def test_and_separates_what_no_stored_paper_joins(reference: ReferenceCorpus) -> None:
    assert names("speech recognition and protein folding", reference) == [
        "speech recognition",
        "protein folding",
    ]
    assert names("speech recognition and speaker accent", reference) == [
        "speech recognition and speaker accent"
    ]


def test_each_interest_of_a_list_brings_its_papers_with_scores_alike(reference: ReferenceCorpus) -> None:
    profile: Profile = build_profile(["speech recognition, protein folding"], NOTHING, NOTHING, reference)
    rows = reference.statistics.weigh(
        count_terms([*papers("speech", 10, 500), *papers("protein", 10, 500), *papers("tracking", 10, 500)])
    )
    found = score([profile], rows)
    assert found.interests[0, :10].tolist() == [0] * 10
    assert found.interests[0, 10:20].tolist() == [1] * 10
    means = found.values[0].reshape(3, 10).mean(axis=1)
    assert 0.5 < means[0] / means[1] < 2
    assert means[:2].min() > 3 * means[2]


def test_levels_do_not_depend_on_how_many_papers_were_marked(reference: ReferenceCorpus) -> None:
    """The same score says much the same of a paper whether few or many papers taught the interest."""
    tried = reference.statistics.weigh(count_terms(papers("speech", 20, 700)))
    few, many = (
        score(
            [build_profile([], count_terms(papers("speech", count)), NOTHING, reference)], tried
        ).values.mean()
        for count in (10, 25)
    )
    assert 0.5 < few / many < 2
    assert np.isfinite(few)


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("detecting", "detection"),
        ("detection", "detect"),
        ("Summaries", "summarization"),
        ("count", "counting"),
    ],
)
def test_a_word_has_other_forms(word: str, form: str) -> None:
    assert form in word_forms(word)


@given(st.text(alphabet="abceginorstuyz", max_size=12))
def test_a_form_shares_its_beginning_and_is_another_word(word: str) -> None:
    forms = word_forms(word)
    assert len(forms) == len(set(forms))
    assert all(form != word and form[:5] == word[:5] for form in forms)


def test_papers_that_write_another_form_of_a_word_stand_for_it() -> None:
    texts = [(f"Fracture detection {n}", "Fracture detection in scans.") for n in range(30)]
    counts = count_terms([*texts, *(text for field in FIELDS for text in papers(field, 30))])
    reference = ReferenceCorpus.build(Statistics.empty().adding(counts, 1), counts)
    profile = build_profile(["detecting fractures"], NOTHING, NOTHING, reference)
    rows = reference.statistics.weigh(count_terms([("Detection", ""), ("Robots", "")]))
    detection, other = score([profile], rows).values[0]
    assert detection > other
