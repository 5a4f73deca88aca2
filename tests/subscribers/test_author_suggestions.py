"""Which authors are suggested to a subscriber who marked papers."""

from hypothesis import given
from hypothesis import strategies as st

from digest.domain.paper import Paper
from digest.subscribers.author_suggestions import LEAST_PAPERS, MOST_SUGGESTED, suggest_authors


def liked(*authors: tuple[str, ...]) -> list[Paper]:
    return [Paper(f"2601.{number:05}", "A title", "", authors=names) for number, names in enumerate(authors)]


def test_authors_of_several_liked_papers_are_suggested_the_most_liked_first() -> None:
    papers = liked(("Ada Byron", "Wei Li"), ("Ada Byron", "Jo Doe"), ("Jo Doe", "Ada Byron"), ("Kim Poe",))
    assert suggest_authors(papers, ()) == [("Ada Byron", 3), ("Jo Doe", 2)]


def test_of_equal_numbers_the_newest_rating_comes_first() -> None:
    papers = liked(("Ada Byron",), ("Ada Byron",), ("Jo Doe",), ("Jo Doe",))
    assert [name for name, _ in suggest_authors(papers, ())] == ["Jo Doe", "Ada Byron"]


def test_spellings_of_a_name_count_as_one_author_and_the_longest_is_shown() -> None:
    papers = liked(("A. Byron",), ("Ada Byron",), ("Ada L. Byron",))
    assert suggest_authors(papers, ()) == [("Ada L. Byron", 3)]


def test_followed_authors_are_not_suggested_under_any_of_their_names() -> None:
    papers = liked(("Jane Doe", "Ada Byron"), ("J. Smith", "Ada Byron"), ("Jane Doe",), ("J. Smith",))
    assert suggest_authors(papers, ("Jane Doe|Jane Smith",)) == [("Ada Byron", 2)]


def test_collaborations_and_names_of_one_word_suggest_nobody() -> None:
    many = tuple(f"Author{letter}{number} Name{number}" for letter in "ab" for number in range(40))
    papers = liked(many, many, ("OpenAI",), ("OpenAI",))
    assert suggest_authors(papers, ()) == []


@given(
    st.lists(st.lists(st.text(max_size=12), max_size=6).map(tuple), max_size=12),
    st.lists(st.text(max_size=12), max_size=3),
)
def test_any_names_give_few_different_authors_who_have_several_papers(
    authors: list[tuple[str, ...]], followed: list[str]
) -> None:
    found = suggest_authors(liked(*authors), followed)
    assert len(found) <= MOST_SUGGESTED
    assert len(dict(found)) == len(found)
    assert all(LEAST_PAPERS <= count <= len(authors) for _, count in found)
    printed = {name for names in authors for name in names}
    assert {name for name, _ in found} <= printed
