"""From stored terms back to the words they stand for."""

import numpy as np

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.spelling import rows_with_terms, spell_terms
from digest.ranking.terms import Statistics, count_terms

PAPERS = [
    ("Robot Grasping", "A robot grasps cloth. It is robot grasping by touch, with robot grasping hands."),
    ("Speech recognition", "Recognising speech from dialects."),
    ("Learning from demonstrations", "Robots that learn from demonstration, and from robot hands."),
]


def term(words: str) -> int:
    """The bucket of one word, or of a pair of words."""
    buckets = count_terms([("", words)]).indices.tolist()
    if len(words.split()) > 1:
        parts = {one for word in words.split() for one in count_terms([("", word)]).indices.tolist()}
        buckets = [bucket for bucket in buckets if bucket not in parts]
    (only,) = buckets
    return int(only)


def test_terms_are_written_as_texts_write_them_most_often() -> None:
    wanted = [term("robot"), term("robot grasping"), term("learning demonstrations"), term("dialect")]
    assert spell_terms(wanted, PAPERS) == {
        term("robot"): "robot",
        term("robot grasping"): "robot grasping",
        term("learning demonstrations"): "Learning from demonstrations",
        term("dialect"): "dialects",
    }


def test_a_term_that_nobody_wrote_has_no_spelling() -> None:
    assert spell_terms([term("zebra")], PAPERS) == {}
    assert spell_terms([], PAPERS) == {}


def reference(count: int = len(PAPERS)) -> ReferenceCorpus:
    return ReferenceCorpus.build(Statistics.empty(), count_terms(PAPERS[:count]))


def test_every_term_stands_in_one_of_the_papers_it_is_looked_up_in() -> None:
    robots = {term("robot"): 1.0, term("grasping"): 0.5}
    assert rows_with_terms(reference(), [robots], 1) == [0]
    assert rows_with_terms(reference(), [robots, {term("speech"): 1.0}], 1) == [0, 1]
    against = {**robots, term("dialect"): -0.2, term("zebra"): -0.1}
    assert rows_with_terms(reference(), [against], 1) == [0, 1]
    assert rows_with_terms(reference(), [], 1) == rows_with_terms(reference(0), [robots], 1) == []


def test_the_paper_that_fits_best_comes_first() -> None:
    rows = Statistics.empty().weigh(count_terms(PAPERS))
    found = rows_with_terms(reference(), [{term("robot"): 1.0}], 3)
    fit = np.asarray(rows[:, [term("robot")]].todense()).ravel()
    assert found == sorted(np.flatnonzero(fit).tolist(), key=lambda row: -fit[row])
