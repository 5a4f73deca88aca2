"""Two scorers make one order, and a score keeps what it means."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digest.domain.reason_line import RATED
from digest.ranking.candidates import Candidates
from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import Profile, build_profile
from digest.ranking.scorers import FusedScorer, TfidfScorer
from digest.ranking.terms import Statistics, count_terms
from tests.factories import make_paper
from tests.ranking.texts import FIELDS, papers

TEXTS = [text for field in FIELDS for text in papers(field, 40)]
COUNTS = count_terms(TEXTS)
STATISTICS = Statistics.empty().adding(COUNTS, 1)
REFERENCE = ReferenceCorpus.build(STATISTICS, COUNTS)
NOTHING = count_terms([])
CANDIDATES = Candidates.build(
    [make_paper(number, title=title, abstract=text) for number, (title, text) in enumerate(TEXTS)],
    COUNTS,
    [STATISTICS],
    np.zeros(len(TEXTS), np.float32),
)
TOPIC = build_profile(["speech recognition"], NOTHING, NOTHING, REFERENCE)
MARKED = build_profile([], count_terms(papers("protein", 4)), NOTHING, REFERENCE)


def about(places: NDArray[np.intp]) -> FusedScorer:
    """Return a scorer whose vectors say that the line means these papers."""
    vectors = np.tile(np.array([1, 0], np.float32), (len(TEXTS), 1))
    vectors[places] = [0, 1]
    return FusedScorer(vectors, lambda lines: np.tile(np.array([0, 1], np.float32), (len(lines), 1)))


def test_the_default_is_tf_idf_alone() -> None:
    found, plain = TfidfScorer().score(CANDIDATES, [TOPIC, MARKED]), CANDIDATES.score([TOPIC, MARKED])
    assert (found.values == plain.values).all()
    assert (found.interests == plain.interests).all()


def test_what_the_vectors_favour_rises_and_the_scores_stay_the_same_set() -> None:
    plain = CANDIDATES.score([TOPIC]).values[0]
    order = np.argsort(-plain, kind="stable")
    favoured = order[8:10]
    fused = about(favoured).score(CANDIDATES, [TOPIC]).values[0]
    ranks = np.argsort(np.argsort(-fused, kind="stable"))
    assert (ranks[favoured] < 8).all()
    assert np.sort(fused) == pytest.approx(np.sort(plain) * 1.03, rel=1e-5)
    assert fused.max() <= 1


def test_an_interest_of_marked_papers_is_ranked_by_tf_idf() -> None:
    assert MARKED.interests[0].name == RATED
    found = about(np.arange(5)).score(CANDIDATES, [MARKED]).values
    assert (found == CANDIDATES.score([MARKED]).values).all()


@pytest.mark.parametrize("profiles", [[], [Profile(0, ())], [TOPIC, Profile(0, ()), MARKED]])
def test_without_vectors_nothing_changes(profiles: list[Profile]) -> None:
    empty = FusedScorer(
        np.zeros((len(TEXTS), 0), np.float32), lambda lines: np.zeros((len(lines), 0), np.float32)
    )
    assert (empty.score(CANDIDATES, profiles).values == CANDIDATES.score(profiles).values).all()


def test_a_paper_without_a_vector_does_not_gain_by_it() -> None:
    plain = CANDIDATES.score([TOPIC]).values[0]
    last = int(np.argsort(-plain, kind="stable")[9])
    scorer = about(np.arange(len(TEXTS)))
    scorer.vectors[last] = 0
    fused = scorer.score(CANDIDATES, [TOPIC]).values[0]
    assert (fused > fused[last]).sum() >= (plain > plain[last]).sum()


def test_each_line_is_scored_alike_alone_and_in_a_batch() -> None:
    other = build_profile(["protein folding", "object tracking"], NOTHING, NOTHING, REFERENCE)
    scorer = about(np.arange(0, len(TEXTS), 3))
    batch = scorer.score(CANDIDATES, [TOPIC, other, MARKED]).values
    for row, profile in enumerate([TOPIC, other, MARKED]):
        assert (scorer.score(CANDIDATES, [profile]).values[0] == batch[row]).all()
