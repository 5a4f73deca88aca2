import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer

from digest.ranking.terms import (
    DIMENSIONS,
    STEP,
    Statistics,
    count_terms,
    occurrences,
    pack_counts,
    unpack_counts,
)
from tests.ranking.texts import FIELDS, papers

TEXTS = st.tuples(st.text(max_size=200), st.text(max_size=2000))
# Letters that fold to one letter each, so that a place in the folded text is a place in the text.
LETTERS = st.text(alphabet="abcdefgsGPTéüñ .,;:-()'\n019\u4f60", max_size=300)


def same(one: csr_matrix, other: csr_matrix) -> bool:
    return bool(
        one.shape == other.shape
        and (one.indptr == other.indptr).all()
        and (one.indices == other.indices).all()
        and (one.data == other.data).all()
    )


def buckets(text: str) -> set[int]:
    return set(count_terms([("", text)]).indices.tolist())


@given(st.lists(TEXTS, max_size=5))
@settings(deadline=None)
def test_any_text_is_counted_packed_and_unpacked_without_loss(texts: list[tuple[str, str]]) -> None:
    counts = count_terms(texts)
    assert counts.shape == (len(texts), DIMENSIONS)
    assert same(unpack_counts(pack_counts(counts)), counts)


@given(st.tuples(LETTERS, LETTERS))
@settings(deadline=None)
def test_every_counted_term_occurs_in_the_text_and_no_other(text: tuple[str, str]) -> None:
    found = occurrences(*text)
    assert {*found.words[:, 0].tolist(), *found.pairs[:, 0].tolist()} == set(
        count_terms([text]).indices.tolist()
    )


def test_a_paper_counts_the_same_alone_and_among_others() -> None:
    texts = papers("tracking", 2100)
    together = count_terms(texts)
    assert same(together[2070], count_terms([texts[2070]]))


def test_words_of_the_title_count_three_times() -> None:
    counts = count_terms([("Tracking", "tracking")])
    assert counts.data.tolist() == [4]


def test_plurals_capitals_accents_and_hyphens_fold() -> None:
    assert buckets("Models") == buckets("model")
    assert buckets("Poincaré") == buckets("poincare")
    assert buckets("long-context") == buckets("long context")


def test_stop_words_and_numbers_say_nothing() -> None:
    assert not buckets("the of and 2024 we")


def test_pairs_do_not_span_sentences_or_brackets() -> None:
    without_shared_words = buckets("protein folding. speech audio")
    assert len(without_shared_words) == 6
    assert not without_shared_words & (buckets("folding speech") - buckets("folding") - buckets("speech"))


def test_a_joint_name_is_itself_and_its_parts() -> None:
    assert buckets("MotionGPT") == buckets("motiongpt") | buckets("motion gpt")


def test_terms_are_found_where_the_paper_writes_them() -> None:
    found = occurrences("Long-Context MotionGPT", "évaluations of LLMs")
    places = [*found.words[:, 1:3].tolist(), *found.pairs[:, 1:3].tolist()]
    written = {found.text[start:end] for start, end in places}
    assert {"Long-Context", "MotionGPT", "Motion", "GPT", "évaluations of LLMs"} <= written


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:10], lambda _: b""])
def test_a_damaged_blob_is_refused(damage: Callable[[bytes], bytes]) -> None:
    blob = pack_counts(count_terms(papers("speech", 1)))[0]
    with pytest.raises(ValueError, match="blob"):
        unpack_counts([blob, damage(blob)])


def test_statistics_are_counted_bit_by_bit_and_survive_storage() -> None:
    counts = count_terms([text for field in FIELDS for text in papers(field, 20)])
    at_once = Statistics.empty().adding(counts, 3)
    in_parts = Statistics.empty().adding(counts[:30], 2).adding(counts[30:], 3)
    stored = Statistics.from_bytes(in_parts.to_bytes())
    assert (stored.version, stored.papers) == (3, 80) == (at_once.version, at_once.papers)
    assert (stored.frequencies == at_once.frequencies).all()
    assert stored.frequencies.max() <= 80


@pytest.mark.parametrize("blob", [b"", b"x" * 40])
def test_damaged_statistics_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        Statistics.from_bytes(blob)


def test_weights_are_those_of_tf_idf() -> None:
    counts = count_terms([text for field in FIELDS for text in papers(field, 20)])
    statistics = Statistics.empty().adding(counts, 1)
    oracle = TfidfTransformer(sublinear_tf=True).fit(counts.astype(np.float64)).transform(counts)
    assert abs(statistics.weigh(counts) - oracle).max() < 4 * STEP


def test_weights_are_whole_steps_so_that_sums_are_exact() -> None:
    counts = count_terms(papers("protein", 30))
    weighed = Statistics.empty().adding(counts, 1).weigh(counts)
    assert (weighed.data / STEP == np.rint(weighed.data / STEP)).all()
    assert np.allclose(np.sqrt(weighed.multiply(weighed).sum(axis=1)), 1, atol=0.01)


def test_with_many_papers_a_term_of_only_one_weighs_nothing() -> None:
    counts = count_terms([*papers("speech", 600), ("Zyzzyva", "")])
    weighed = Statistics.empty().adding(counts, 1).weigh(counts)
    assert weighed[600].nnz == 0
    assert weighed[0].nnz > 0


def test_no_statistics_weigh_every_term_alike() -> None:
    row = Statistics.empty().weigh(count_terms([("", "protein folding")]))
    assert np.allclose(row.data, 1 / math.sqrt(3), atol=STEP)
    assert Statistics.empty().weigh(count_terms([("", "")])).nnz == 0
    assert Statistics.empty().weigh(count_terms([])).shape == (0, DIMENSIONS)
