"""The words a mail opens with: a subject that is never cut badly, a preheader that continues it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.mail.content import DigestContent
from digest.mail.opening import (
    SUBJECT_TITLE,
    lead_first,
    lead_of,
    padding,
    preheader,
    reading_time,
    subject_title,
    with_others,
)


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("A short title", "A short title"),
        (
            "Towards Reducible Uncertainty Modeling for Reliable Large Language Model Agents",
            "Towards Reducible Uncertainty Modeling",
        ),
        (
            "Towards Safer Mobile Agents: Scalable Generation and Evaluation of Diverse Scenarios for VLMs",
            "Towards Safer Mobile Agents",
        ),
        (
            "Can LLMs Identify Critical Limitations within Scientific Research? A Systematic Evaluation on Papers",
            "Can LLMs Identify Critical Limitations within Scientific Research?",
        ),
        (
            "HTTM: Head-wise Temporal Token Merging for Much Faster Visual Geometry Grounded Transformers",
            "HTTM: Head-wise Temporal Token Merging",
        ),
        ("word " * 30, "word word word word word word word word word word word word word…"),
        ("x" * 100, "x" * (SUBJECT_TITLE - 1) + "…"),
    ],
)
def test_a_title_is_whole_or_cut_where_it_reads_as_one(title: str, shown: str) -> None:
    assert subject_title(title) == shown


@given(st.text(max_size=2000))
def test_any_title_gives_a_line_within_the_limit(title: str) -> None:
    shown = subject_title(title)
    assert len(shown) <= SUBJECT_TITLE
    assert len(shown.splitlines()) <= 1


def test_the_count_follows_the_title() -> None:
    assert with_others("A", 1) == "A"
    assert with_others("A", 10) == "A, and 9 more"


@pytest.mark.parametrize(
    ("papers", "line"),
    [
        (1, "1 paper, 1 minute"),
        (5, "5 papers, 2 minutes"),
        (10, "10 papers, 4 minutes"),
        (0, "0 papers, 1 minute"),
    ],
)
def test_the_reading_time_is_in_whole_minutes(papers: int, line: str) -> None:
    assert reading_time(papers) == line


def test_the_lead_is_the_personal_paper_that_fits_best(make_content: Callable[..., DigestContent]) -> None:
    picks = make_content(3, 2).picks
    best = replace(picks[2], score=2.0)
    changed = (*picks[:2], best, replace(picks[3], score=9.0), picks[4])
    assert lead_of(changed) is best
    assert lead_first(changed)[0] is best
    assert lead_first(changed)[1:] == (*picks[:2], *changed[3:])
    assert lead_of(picks[3:]) in picks[3:]
    assert lead_of(()) is None


def test_votes_decide_between_papers_that_fit_alike(make_content: Callable[..., DigestContent]) -> None:
    first, second = make_content(2, 0).picks
    first = replace(first, card=replace(first.card, popularity=""), score=0.5)
    assert lead_of((first, replace(second, score=0.49))) == replace(second, score=0.49)
    assert lead_of((first, replace(second, score=0.4))) is first


def test_the_preheader_continues_the_subject_and_fills_the_line() -> None:
    titles = ["A first title", "A second title: with more", "x " * 100, "A fourth title"]
    line = preheader(titles)
    assert line.startswith("A first title; A second title")
    assert len(line) <= 140
    assert preheader([]) == ""
    assert padding(line).replace("&#847; ", "") == ""
    assert len(line) + 2 * padding(line).count("&#847;") >= 149
    assert padding("x" * 200) == ""
