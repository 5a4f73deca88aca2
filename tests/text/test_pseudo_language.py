"""The pseudo-language marks messages, and what is outside of them is found."""

from digest.text import languages
from digest.text.languages import use_language
from tests.pseudo_language import RIGHT_TO_LEFT, marked, unmarked, unmarked_in_html


def test_values_are_marked_but_those_in_tags_are_not() -> None:
    assert marked('Read <a href="%(url)s">%(title)s</a>') == '⟦Read <a href="%(url)s">⟪%(title)s⟫</a>⟧'


def test_text_outside_of_messages_is_found() -> None:
    assert unmarked("⟦A message⟧ and English 12") == ["and English 12"]
    assert unmarked("⟦A message with ⟪an English value⟫ in it⟧") == ["an English value"]
    assert unmarked("⟦A message with ⟪⟦another⟧ · Data⟫⟧", data=["Data"]) == []
    assert unmarked("https://papers.example.org a@example.org 12 · x") == []


def test_a_message_that_was_cut_hides_no_text_after_it() -> None:
    assert unmarked("⟦A message with ⟦a part that… ⟧ English") == []
    assert unmarked("⟦A message ⟪⟦that…⟫ ends⟧ English") == ["English"]


def test_text_of_a_page_is_found_with_its_attributes() -> None:
    page = (
        '<p>⟦Read <a href="x" title="more">this</a>⟧</p><p translate="no">Some <br> title</p><p>English</p>'
    )
    assert unmarked_in_html(page) == ["English", "more"]


def test_the_pseudo_language_can_be_chosen(pseudo_language: str) -> None:
    with use_language(pseudo_language):
        assert languages.current_language() == pseudo_language
        assert languages.text_direction() == "ltr"
    with use_language(RIGHT_TO_LEFT):
        assert languages.text_direction() == "rtl"
