"""The papers offered to somebody who has typed a few words."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from digest.ranking.starters import spread


def rows(*themes: int) -> csr_matrix:
    """Return a row for each paper; those of a theme are alike."""
    table = np.zeros((len(themes), max(themes, default=0) + len(themes) + 1), np.float32)
    for paper, theme in enumerate(themes):
        table[paper, theme] = 0.9
        table[paper, max(themes) + 1 + paper] = np.sqrt(1 - 0.81)
    return csr_matrix(table)


def test_every_theme_is_offered_before_one_is_offered_again_the_largest_first() -> None:
    themes = [1, 0, 0, 0, 1, 2, 0, 0]
    chosen = spread(rows(*themes), 3)
    assert [themes[place] for place in chosen] == [0, 1, 2]


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(0, 12))
def test_any_papers_give_different_ones(themes: list[int], count: int) -> None:
    chosen = spread(rows(*themes), count)
    assert len(set(chosen)) == len(chosen) == min(count, len(themes))
