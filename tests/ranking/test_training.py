"""The parts that learning a profile is made of, each against a plainer way to the same numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array

from digest.ranking import training
from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.logistic_regression import Table, fit
from digest.ranking.profile import Interest, Profile, build_profile
from digest.ranking.scoring import score
from digest.ranking.terms import DIMENSIONS, Statistics, count_terms
from digest.ranking.training import largest
from tests.ranking.texts import FIELDS, papers

NOTHING = count_terms([])


@pytest.fixture(scope="module")
def reference() -> ReferenceCorpus:
    counts = count_terms([text for field in FIELDS for text in papers(field, 60)])
    return ReferenceCorpus.build(Statistics.empty().adding(counts, 1), counts)


def some_rows(rows: int, columns: int, seed: int) -> csr_matrix:
    return csr_matrix(random_array((rows, columns), density=0.2, rng=np.random.default_rng(seed)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.sampled_from([0, 50, 19_999, 20_000, 60_000]))
def test_the_largest_values_are_found_wherever_they_stand(seed: int, limit: int, count: int) -> None:
    random = np.random.default_rng(seed)
    values = np.round(np.abs(random.normal(size=count)), 1) * (random.random(count) < random.random())
    places = largest(values, limit)
    assert places.tolist() == sorted(places.tolist())
    assert (values[places] > 0).all()
    assert sorted(values[places]) == sorted(np.sort(values)[::-1][:limit][np.sort(values)[::-1][:limit] > 0])


def test_columns_of_the_background_are_its_terms_the_commonest_first(reference: ReferenceCorpus) -> None:
    counts = count_terms([text for field in FIELDS for text in papers(field, 60)])
    rows = reference.statistics.weigh(counts)
    held = np.diff(reference.papers.tocsc().indptr)
    assert (np.diff(held) <= 0).all()
    assert held.min() > 0
    assert (rows[:, reference.terms] != reference.papers).nnz == 0
    assert reference.indexes[reference.terms].tolist() == list(range(reference.width))
    assert (reference.indexes >= 0).sum() == reference.width == len(np.unique(rows.indices))


def test_what_is_learned_of_directions_is_the_same_when_folded_into_terms(reference: ReferenceCorpus) -> None:
    latent_space = reference.latent_space
    weights = np.random.default_rng(1).normal(size=len(latent_space))
    terms = latent_space.folded(weights)
    along = reference.latent @ weights + latent_space.centre @ weights
    assert np.allclose(along, reference.papers[:, : len(terms)] @ terms, atol=1e-4)


def test_directions_tell_fields_apart(reference: ReferenceCorpus) -> None:
    """Papers of one field lie closer together along the directions than their terms alone say."""
    fields = np.repeat(np.arange(len(FIELDS)), 60)
    same = fields[:, None] == fields[None]
    along = reference.latent[:, : len(FIELDS)]
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    fits = along @ along.T
    assert fits[same].mean() > 0.8
    assert fits[~same].mean() < 0.2


def test_directions_are_found_in_the_smallest_background() -> None:
    counts = count_terms([("Robots", "")])
    small = ReferenceCorpus.build(Statistics.empty().adding(counts, 1), counts)
    assert len(small.latent_space) == 1
    liked = count_terms(papers("speech", 30))
    assert build_profile([], liked, NOTHING, small).interests


def test_a_topic_is_learned_from_papers_with_most_of_its_words_not_with_some_of_them_often() -> None:
    often = [(f"Molecules {number}", "Molecules. Dialects. Molecules. Molecules.") for number in range(60)]
    all_of_it = [
        (f"Zeolite {number}", f"Of molecules. With graphs. {papers('protein', 1, number)[0][1]}")
        for number in range(60)
    ]
    others = [text for field in FIELDS for text in papers(field, 60)]
    counts = count_terms([*often, *all_of_it, *others])
    stored = ReferenceCorpus.build(Statistics.empty().adding(counts, 1), counts)
    profile = build_profile(["graphs of molecules"], NOTHING, NOTHING, stored)
    tried = stored.statistics.weigh(count_terms([("Zeolite", ""), ("Dialects", "")]))
    zeolite, dialects = score([profile], tried).values[0]
    assert zeolite > dialects == 0


def test_neighbours_are_close_to_several_examples_rather_than_to_one() -> None:
    rows = csr_matrix(np.array([[0.5, 0.5], [1.0, 0.0]], np.float32))
    examples = csr_matrix(np.eye(2, dtype=np.float32))
    assert training._closeness(rows, examples).tolist() == pytest.approx([0.5, 0.25])


def test_the_words_of_many_liked_papers_weigh_what_they_bring(reference: ReferenceCorpus) -> None:
    """From thirty liked papers on directions take part: the field they share stays on top."""
    liked = count_terms(papers("speech", 40, 1000))
    profile = build_profile([], liked, NOTHING, reference)
    values = score([profile], reference.statistics.weigh(count_terms(papers("speech", 30, 5000)))).values[0]
    others = score([profile], reference.statistics.weigh(count_terms(papers("protein", 30, 5000)))).values[0]
    assert (values > others.max()).mean() > 0.9


@given(st.integers(0, 2**32 - 1))
def test_a_table_multiplies_as_one_matrix(seed: int) -> None:
    random = np.random.default_rng(seed)
    sparse, dense = some_rows(7, 5, seed), random.normal(size=(7, 3)).astype(np.float32)
    whole = np.hstack([sparse.toarray(), dense])
    table = Table(sparse, dense)
    weights, of_rows = random.normal(size=8), random.normal(size=7)
    assert table.shape == whole.shape
    assert np.allclose(table.times(weights), whole @ weights, atol=1e-5)
    assert np.allclose(table.sums(of_rows), of_rows @ whole, atol=1e-5)
    assert np.allclose(table.squared().sums(of_rows), of_rows @ whole**2, atol=1e-5)


def test_the_regression_ends_where_no_small_step_is_better() -> None:
    random = np.random.default_rng(3)
    rows = some_rows(60, 12, 3)
    labels = np.where(rows.toarray() @ random.normal(size=12) > 0.2, 1.0, -1.0)
    sample_weight, prior = random.random(60) + 0.5, random.normal(size=12) / 4
    found = fit(Table(rows), labels, sample_weight, 10.0, prior)

    def loss(weights: np.ndarray, bias: float) -> float:
        margins = rows @ weights + bias
        change = weights - prior
        return float(change @ change / 20 + sample_weight @ np.logaddexp(0, -labels * margins))

    bias = min(np.linspace(-10, 10, 4001), key=lambda tried: loss(found, tried))
    here = loss(found, bias)
    for step in random.normal(size=(200, 12)) * 0.05:
        assert loss(found + step, bias) > here - 1e-3


@pytest.mark.parametrize("count", [1, 255, 257, 600])
def test_scores_are_those_of_plain_products_however_many_subscribers_there_are(
    count: int, reference: ReferenceCorpus
) -> None:
    random = np.random.default_rng(count)
    rows = reference.statistics.weigh(count_terms(papers("speech", 20) + papers("protein", 5)))
    profiles = []
    for _ in range(count):
        terms = np.sort(random.choice(DIMENSIONS, 300, replace=False)).astype(np.int32)
        known = random.choice(np.unique(rows.indices), 40, replace=False)
        terms = np.unique(np.concatenate([terms, known])).astype(np.int32)
        weights = random.normal(size=len(terms)).astype(np.float32)
        profiles.append(Profile(1, (Interest.rounded("", terms, weights),)))
    values = score(profiles, rows).values
    for profile, found in zip(profiles, values, strict=True):
        dense = np.zeros(DIMENSIONS, np.float32)
        dense[profile.interests[0].terms] = profile.interests[0].weights
        products = np.maximum(rows @ dense, 0)
        high = products > 0.5
        products[high] = 1 - np.float32(0.25) / products[high]
        assert np.array_equal(found, products)


def test_papers_without_a_word_score_nothing(reference: ReferenceCorpus) -> None:
    profile = build_profile(["speech"], NOTHING, NOTHING, reference)
    assert not score([profile], count_terms([("", ""), ("The", "of")]).astype(np.float32)).values.any()
