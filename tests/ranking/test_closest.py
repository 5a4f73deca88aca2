from scipy.sparse import vstack

from digest.ranking.explain import closest
from digest.ranking.terms import Statistics, count_terms
from tests.ranking.texts import FIELDS, paper, papers

COUNTS = count_terms([text for field in FIELDS for text in papers(field, 50)])
ROWS = Statistics.empty().adding(COUNTS, 1).weigh(COUNTS)


def revised() -> tuple[str, str]:
    title, abstract = paper("speech", 7)
    return title + " revisited", abstract + " Further acoustic experiments."


def test_the_one_close_paper_is_named() -> None:
    row = Statistics.empty().adding(COUNTS, 1).weigh(count_terms([revised()]))
    found = closest(row, ROWS[150:])
    assert found is not None
    assert found[0] == 7
    assert 0.5 < found[1] <= 1


def test_none_is_named_when_none_or_several_are_close() -> None:
    row = Statistics.empty().adding(COUNTS, 1).weigh(count_terms([revised()]))
    assert closest(row, ROWS[:50]) is None
    assert closest(row, ROWS[:0]) is None
    assert closest(row, vstack([ROWS[157], ROWS[157]], format="csr")) is None
