"""Queries over the stored papers: by id, words, similarity and trending score."""

from datetime import date

import pytest

from digest.domain.votes import Votes
from digest.errors import BadInput, NotFound
from digest.papers.search import Library, find_paper, read_found, trending_papers
from digest.store.database import Connection, Database
from digest.store.papers import StoredPaper
from tests.factories import DAY, MONDAY, TUESDAY, WEDNESDAY, add_papers, at, make_paper, make_papers


def filled(database: Database) -> Database:
    add_papers(database, *make_papers(40, announced_on=MONDAY))
    add_papers(database, *make_papers(40, first=100, categories=("math.CO", "stat.ML")))
    return database


@pytest.mark.parametrize(
    "form", ["2603.00004", "arXiv:2603.00004v9", "https://arxiv.org/pdf/2603.00004v1.pdf"]
)
def test_a_paper_is_found_by_any_form_of_its_id(database: Database, form: str) -> None:
    with filled(database).read() as connection:
        assert find_paper(connection, form).paper.id == "2603.00004"


def test_an_unknown_paper_and_an_invalid_id_are_reported(database: Database) -> None:
    with database.read() as connection:
        with pytest.raises(NotFound, match=r"2603\.00004"):
            find_paper(connection, "2603.00004v1")
        with pytest.raises(BadInput):
            find_paper(connection, "gaussian splatting")


def search(
    connection: Connection, query: str, top: int, since: date | None = None, category: str | None = None
) -> list[tuple[StoredPaper, float]]:
    return read_found(connection, Library(connection).search(query, top, since, category))


def test_search_returns_matching_papers_best_first(database: Database) -> None:
    with filled(database).read() as connection:
        found = search(connection, "tactile grasping robots", 12)
    assert len(found) == 12
    assert all("Robot" in stored.paper.title for stored, _ in found)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1.001


def test_unknown_words_match_nothing(database: Database) -> None:
    with filled(database).read() as connection:
        library = Library(connection)
    assert library.search("quokka husbandry", 5) == []
    assert library.search("", 5) == []
    assert library.search("the of and", 5) == []


def test_a_search_can_be_filtered_by_day_and_category(database: Database) -> None:
    with filled(database).read() as connection:
        late = search(connection, "gaussian splatting", 50, since=TUESDAY)
        maths = search(connection, "gaussian splatting", 50, category="math")
        cross = search(connection, "gaussian splatting", 50, category="stat.ML")
        early_maths = search(connection, "gaussian splatting", 50, MONDAY, "math.CO")
        none = search(connection, "gaussian splatting", 50, since=WEDNESDAY)
        part_of_a_name = search(connection, "gaussian splatting", 50, category="mat")
    assert len(late) == len(maths) == len(cross) == len(early_maths) == 10
    assert all(stored.announced_on == TUESDAY for stored, _ in late)
    assert none == []
    assert part_of_a_name == []


def test_a_rare_category_is_found_below_many_better_matches(database: Database) -> None:
    add_papers(database, *(make_paper(number, "splats") for number in range(1, 60)))
    lonely = make_paper(
        99,
        title="A remark",
        abstract=f"{'Of quite other things, among them splatting. ' * 5}",
        categories=("hep-th",),
    )
    add_papers(database, lonely)
    with database.read() as connection:
        found = search(connection, "gaussian splatting", 1, category="hep-th")
        number = find_paper(connection, "2603.00001").row_id
        alike = Library(connection).similar(connection, number, 1, category="hep-th")
    assert [stored.paper.id for stored, _ in found] == ["2603.00099"]
    assert [one.row_id for one in alike] == [found[0][0].row_id]


def test_similar_papers_exclude_the_paper_itself_and_can_be_filtered(database: Database) -> None:
    with filled(database).read() as connection:
        number = find_paper(connection, "2603.00004").row_id
        library = Library(connection)
        found = read_found(connection, library.similar(connection, number, 6))
        late = read_found(connection, library.similar(connection, number, 6, TUESDAY, "math.CO"))
    assert len(found) == 6
    assert "2603.00004" not in {stored.paper.id for stored, _ in found}
    assert all("splatting" in stored.paper.title for stored, _ in found)
    assert len(late) == 6
    assert all(stored.announced_on == TUESDAY for stored, _ in late)


def test_an_empty_index_returns_nothing(database: Database) -> None:
    with database.read() as connection:
        assert Library(connection).search("gaussian splatting", 5, TUESDAY, "cs") == []
        assert trending_papers(connection, at(TUESDAY), None, None, 5) == []


def test_trending_papers_have_the_highest_score_first(database: Database) -> None:
    for number, votes in ((1, 5), (2, 50), (3, 15)):
        add_papers(database, make_paper(number), now=at(TUESDAY, 6), upvotes=votes)
    add_papers(database, make_paper(4, withdrawn=True), now=at(TUESDAY, 6), upvotes=900)
    add_papers(database, make_paper(5, announced_on=TUESDAY - 8 * DAY), now=at(TUESDAY, 6), upvotes=900)
    add_papers(database, make_paper(6, announced_on=WEDNESDAY), now=at(TUESDAY, 6), upvotes=900)
    add_papers(database, make_paper(7, categories=("math.CO",)), now=at(TUESDAY, 6), upvotes=10)
    with database.read() as connection:
        hot = trending_papers(connection, at(TUESDAY), None, None, 10)
        maths = trending_papers(connection, at(TUESDAY), None, "math", 10)
        since = trending_papers(connection, at(TUESDAY), TUESDAY, None, 2)
        earlier = trending_papers(connection, at(TUESDAY, 5), None, None, 10)
    assert [stored.paper.id[-1] for stored, _, _ in hot] == ["2", "3", "7", "1"]
    assert hot[0][2] == Votes(50)
    assert [stored.paper.id[-1] for stored, _, _ in maths] == ["7"]
    assert [stored.paper.id[-1] for stored, _, _ in since] == ["2", "3"]
    assert all(votes is None for _, _, votes in earlier), "nobody had voted yet"
