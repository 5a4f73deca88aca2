"""arXiv's categories: the table, and parsing of typed ones."""

import pytest

from digest.domain.categories import NAMES, known_category
from digest.errors import BadInput


def test_the_table_has_every_category_of_the_taxonomy() -> None:
    archives = {name for name in NAMES if "." not in name}
    with_categories = {name.partition(".")[0] for name in NAMES if "." in name}
    assert len(NAMES) - len(with_categories) == 155
    assert with_categories <= archives
    assert NAMES["cs.CL"] == "Computation and Language"
    assert NAMES["hep-th"] == "High Energy Physics - Theory"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("cs.CL", "cs.CL"), ("CS.cl", "cs.CL"), (" astro-ph.ga ", "astro-ph.GA"), ("cs", "cs")],
)
def test_a_category_is_accepted_in_any_case(typed: str, meant: str) -> None:
    assert known_category(typed) == meant


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("cs.XX", "cs has cs.AI, cs.AR"),
        ("robotics", "did you mean cs.RO (Robotics)?"),
        ("cs-CL", "cs.CL (Computation and Language)"),
        ("hepth", "hep-th"),
        ("poetry", "digest papers categories"),
        ("", "digest papers categories"),
    ],
)
def test_an_unknown_category_is_refused_with_a_suggestion(typed: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        known_category(typed)
    assert said in str(refused.value)
