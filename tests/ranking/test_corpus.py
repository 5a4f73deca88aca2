"""The reference corpus: its products with weights."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.terms import Statistics, count_terms
from tests.ranking.texts import FIELDS, papers

COUNTS = count_terms([text for field in FIELDS for text in papers(field, 60)])
REFERENCE = ReferenceCorpus.build(Statistics.empty().adding(COUNTS, 1), COUNTS)


@given(st.integers(0, 2**32 - 1), st.integers(0, 130))
def test_a_few_weights_give_the_whole_product_to_the_last_bit(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    weights = np.zeros(REFERENCE.width + 5, np.float32)
    weights[random.choice(len(weights), count, replace=False)] = random.normal(size=count)
    assert np.array_equal(REFERENCE.fit(weights), REFERENCE.papers @ weights[: REFERENCE.width])
