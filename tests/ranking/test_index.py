import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.index import TermIndex, best
from digest.ranking.terms import Statistics, count_terms
from tests.ranking.texts import FIELDS, papers

COUNTS = count_terms([text for field in FIELDS for text in papers(field, 50)])
STATISTICS = Statistics.empty().adding(COUNTS, 1)
INDEX = TermIndex.build(STATISTICS, [COUNTS[:70], COUNTS[70:71], COUNTS[71:]])


def test_search_finds_the_field_of_the_words() -> None:
    hits = INDEX.search("speech recognition", 10)
    assert len(hits) == 10
    assert all(150 <= hit.row < 200 for hit in hits)
    assert all(0 < hit.score <= 1 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_paper_with_all_the_words_comes_before_one_with_some_of_them_often() -> None:
    often = ("Phoneme", "Phoneme. Phoneme. Phoneme.")
    both = ("Notes", "A phoneme. With docking. Forgetting, privacy, removal, knowledge, retain.")
    counts = count_terms([often, both, *(text for field in FIELDS for text in papers(field, 50))])
    index = TermIndex.build(Statistics.empty().adding(counts, 1), [counts])
    among = np.arange(counts.shape[0]) < 2
    assert [hit.row for hit in index.search("phoneme docking", 2, among)] == [1, 0]
    assert [hit.row for hit in index.similar(count_terms([("", "phoneme docking")]), 2, among)] == [0, 1]


def test_similar_finds_the_field_of_the_paper_and_leaves_out_what_is_masked() -> None:
    others = np.arange(COUNTS.shape[0]) != 60
    hits = INDEX.similar(COUNTS[60], 10, others)
    assert all(50 <= hit.row < 100 and hit.row != 60 for hit in hits)
    assert INDEX.similar(COUNTS[60], 1)[0].row == 60


def test_nothing_is_found_for_words_nobody_wrote() -> None:
    assert INDEX.search("zyzzyva the") == []
    assert INDEX.search("speech", 0) == []
    assert TermIndex.build(Statistics.empty(), []).search("speech") == []


def test_scores_are_those_of_the_whole_product_to_the_last_bit() -> None:
    papers_ = STATISTICS.weigh(COUNTS)
    for asked in (COUNTS[3], COUNTS[120], count_terms([("", "speech recognition of noisy robots")])):
        fit = (papers_ @ STATISTICS.weigh(asked).T).toarray()[:, 0]
        hits = INDEX.similar(asked, 40)
        assert [hit.row for hit in hits] == best(fit, 40).tolist()
        assert [hit.score for hit in hits] == [min(1.0, float(score)) for score in fit[best(fit, 40)]]


def test_a_mask_shows_what_lies_behind_better_papers() -> None:
    wanted = np.zeros(COUNTS.shape[0], np.bool_)
    worst = INDEX.search("speech recognition", 1000)[-1]
    wanted[worst.row] = True
    assert INDEX.search("speech recognition", 1, wanted) == [worst]


def test_the_best_come_first_and_ties_in_order_of_place() -> None:
    assert best(np.array([1, 3, 0, 3, 2], np.float32), 3).tolist() == [1, 3, 4]
    assert best(np.array([0, -1, 0.5], np.float32), 3).tolist() == [2]


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(-1, 70))
def test_the_best_are_those_of_a_whole_sort(seed: int, count: int, limit: int) -> None:
    scores = np.random.default_rng(seed).integers(-3, 6, count).astype(np.float32)
    order = [place for place in np.argsort(-scores, kind="stable").tolist() if scores[place] > 0]
    assert best(scores, limit).tolist() == order[: max(0, limit)]


def test_a_vector_finds_the_papers_with_the_highest_products() -> None:
    row = STATISTICS.weigh(COUNTS[60])
    weights = row.data * np.linspace(-1, 1, row.nnz, dtype=np.float32)
    expected = STATISTICS.weigh(COUNTS) @ np.bincount(row.indices, weights, COUNTS.shape[1])
    hits = INDEX.fitting(row.indices, weights, 5)
    assert [hit.row for hit in hits] == list(np.argsort(-expected, kind="stable")[:5])
