"""Titles without abstracts: recognised, given a context, and compared with titles."""

import numpy as np
import pytest

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import build_profile
from digest.ranking.scoring import score
from digest.ranking.sparse_rows import widened
from digest.ranking.terms import Statistics, count_terms
from digest.ranking.titles import are_titles, as_titles, with_context
from tests.ranking.texts import FIELDS, papers

TEXTS = [text for field in FIELDS for text in papers(field, 60)]
COUNTS = count_terms(TEXTS)
REFERENCE = ReferenceCorpus.build(Statistics.empty().adding(COUNTS, 1), COUNTS)


def titles(field: str, count: int) -> list[tuple[str, str]]:
    return [(title, "") for title, _ in papers(field, count, start=500)]


def test_a_title_alone_is_recognised() -> None:
    counts = count_terms([TEXTS[0], (TEXTS[0][0], ""), ("", TEXTS[0][1]), ("", "")])
    assert are_titles(counts).tolist() == [False, True, False, False]


def test_the_context_of_a_title_is_of_its_field() -> None:
    rows = widened(REFERENCE.papers[:2], REFERENCE.width + 3)
    found = with_context(rows, np.array([True, False]), REFERENCE)
    assert found.shape == rows.shape
    assert (found[1] != rows[1]).nnz == 0
    fits = REFERENCE.papers @ found[0].T[: REFERENCE.width]
    assert np.argsort(-fits.toarray().ravel())[:10].max() < 60


def test_a_stored_paper_is_reduced_to_its_title() -> None:
    reduced = as_titles(REFERENCE.papers, 1.0, REFERENCE)
    title = REFERENCE.statistics.weigh(count_terms([(TEXTS[0][0], "")]))
    held = set(REFERENCE.terms[reduced[0].indices].tolist())
    assert held >= set(title.indices.tolist())
    assert reduced[0].nnz < REFERENCE.papers[0].nnz / 2
    assert np.allclose(np.sqrt(np.asarray(reduced.multiply(reduced).sum(axis=1))), 1)


def test_a_share_of_the_papers_is_reduced() -> None:
    reduced = as_titles(REFERENCE.papers, 0.25, REFERENCE)
    same = np.diff(reduced.indptr) == np.diff(REFERENCE.papers.indptr)
    assert same.mean() == 0.75


@pytest.mark.parametrize("count", [3, 40])
@pytest.mark.parametrize("topics", [[], ["protein folding"]])
def test_titles_bring_papers_of_their_field(topics: list[str], count: int) -> None:
    new = REFERENCE.statistics.weigh(
        count_terms([text for field in FIELDS for text in papers(field, 20, 800)])
    )
    counts = count_terms(titles("protein", count))
    profile = build_profile(topics, counts, COUNTS[[]], REFERENCE)
    scores = score([profile], new).values[0]
    assert (np.argsort(-scores)[:20] // 20 == list(FIELDS).index("protein")).mean() >= 0.9
    assert (scores > 0).sum() >= 15
    assert build_profile(topics, counts, COUNTS[[]], REFERENCE).to_bytes() == profile.to_bytes()


def test_titles_of_two_fields_are_two_interests() -> None:
    both = count_terms(titles("protein", 30) + titles("speech", 30))
    assert len(build_profile([], both, COUNTS[[]], REFERENCE).interests) == 2
