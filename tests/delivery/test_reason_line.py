"""The sentence under a paper: what matched, in the subscriber's words, and nothing that is not true."""

import json

import pytest

from digest.domain.pick import PickReason
from digest.domain.reason_line import RATED, is_explained_by_paper, reason_line
from digest.ranking.typed_words import interest_in_words
from digest.text.emphasis import emphasised


@pytest.mark.parametrize(
    ("interest", "terms", "is_typed", "liked", "line"),
    [
        (
            "robot manipulation",
            [("robot manipulation", 0.4), ("policies", 0.1), ("grasping", 0.1)],
            True,
            "",
            "Matches *robot manipulation* — policies, grasping.",
        ),
        ("robots", [("robots", 0.3)], True, "", "Matches *robots* and related terms."),
        ("robots", [("grasping", 0.3)], False, "", "Close to *robots* — grasping and related terms."),
        ("robots", [], False, "", "Close to *robots*."),
        (RATED, [("grasping", 0.6)], False, "", "Matches *papers you marked* — grasping."),
        (RATED, [("grasping", 0.6)], False, "Grasp *all*", "Like *Grasp all*, which you marked."),
    ],
)
def test_one_sentence_says_why(
    interest: str, terms: list[tuple[str, float]], is_typed: bool, liked: str, line: str
) -> None:
    assert reason_line(interest, terms, is_typed=is_typed, liked=liked) == line


def test_a_marked_paper_is_named_where_terms_explain_less_than_half() -> None:
    assert is_explained_by_paper(RATED, [("grasping", 0.9)])
    assert is_explained_by_paper("robots", [("grasping", 0.4)])
    assert not is_explained_by_paper("robots", [("grasping", 0.6)])
    assert not is_explained_by_paper("", [])


def test_words_of_a_request_are_not_repeated() -> None:
    assert interest_in_words("I work on robot  manipulation") == "robot manipulation"
    assert interest_in_words(RATED) == RATED


def test_html_marks_the_emphasis_and_escapes_the_rest() -> None:
    assert emphasised("Like *A <b> & c*, which you marked.") == (
        "Like <em>A &lt;b&gt; &amp; c</em>, which you marked."
    )
    assert emphasised("5 * 3 <") == "5 * 3 &lt;"


def test_a_reason_recorded_by_an_earlier_version_keeps_its_words() -> None:
    reason = PickReason.from_json({"terms": [["splats", 0.4], ["rooms", 0.2]], "author": ""})
    assert reason.line == "Because of: splats, rooms"
    assert PickReason.from_json(json.loads(reason.stored)) == reason
