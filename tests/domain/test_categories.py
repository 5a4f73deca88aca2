"""The categories: the tables, and parsing of typed ones."""

import pytest

from digest.domain.categories import (
    ARXIV_NAMES,
    NAMES,
    arxiv_category,
    category_groups,
    field_of,
    is_within,
    known_category,
)
from digest.domain.source_categories import SOURCE_CATEGORIES, source_category
from digest.errors import BadInput


def test_the_table_has_every_category_of_the_taxonomy() -> None:
    archives = {name for name in ARXIV_NAMES if "." not in name}
    with_categories = {name.partition(".")[0] for name in ARXIV_NAMES if "." in name}
    assert len(ARXIV_NAMES) - len(with_categories) == 155
    assert with_categories <= archives
    assert NAMES["cs.CL"] == "Computation and Language"
    assert NAMES["hep-th"] == "High Energy Physics - Theory"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("cs.CL", "cs.CL"),
        ("CS.cl", "cs.CL"),
        (" astro-ph.ga ", "astro-ph.GA"),
        ("cs", "cs"),
        ("bioRxiv:Cell-Biology", "biorxiv:cell-biology"),
        ("medRxiv", "medrxiv"),
        ("rss:nature", "rss:nature"),
    ],
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
        ("neuroscience", "did you mean biorxiv:neuroscience (Neuroscience) or openalex:neuroscience"),
        ("rss:no such", "digest papers categories"),
        ("poetry", "digest papers categories"),
        ("", "digest papers categories"),
    ],
)
def test_an_unknown_category_is_refused_with_a_suggestion(typed: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        known_category(typed)
    assert said in str(refused.value)


def test_the_categories_of_other_sources_cannot_be_equal_to_those_of_arxiv() -> None:
    counts = {
        source: sum(field_of(name) == source for name in SOURCE_CATEGORIES) - 1
        for source in ("biorxiv", "medrxiv", "openalex")
    }
    assert counts == {"biorxiv": 27, "medrxiv": 51, "openalex": 26}
    assert not SOURCE_CATEGORIES.keys() & ARXIV_NAMES.keys()
    for name, title in SOURCE_CATEGORIES.items():
        if ":" in name:
            assert source_category(field_of(name), title.lower()) == name
    assert source_category("biorxiv", " - ") == ""


def test_an_archive_and_a_source_contain_their_categories() -> None:
    assert is_within("cs.CV", "cs")
    assert is_within("biorxiv:neuroscience", "biorxiv")
    assert is_within("cs.CV", "CS.cv")
    assert not is_within("cs.CV", "c")
    assert not is_within("openalex:neuroscience", "biorxiv")


def test_only_a_category_of_arxiv_is_read_from_arxiv() -> None:
    assert arxiv_category("HEP-TH") == "hep-th"
    with pytest.raises(BadInput, match="not a category of arXiv"):
        arxiv_category("biorxiv:ecology")


def test_the_groups_have_the_categories_of_the_sources_that_are_read() -> None:
    assert [title for title, _ in category_groups(("arxiv", "biorxiv"))] == ["arXiv", "bioRxiv"]
    groups = dict(category_groups(("rss:nature", "openalex")))
    assert ("hep-th", "High Energy Physics - Theory") in groups["arXiv"]
    assert ("openalex:chemistry", "Chemistry") in groups["OpenAlex"]
    assert groups["Journals and blogs"] == [("rss", "Journals and blogs"), ("rss:nature", "nature")]
