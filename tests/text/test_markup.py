"""Plain text from the markup of journals."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.text.markup import (
    has_tex,
    plain_line,
    plain_paragraphs,
    plain_text,
    without_typesetting,
)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<i>Escherichia coli</i> in CO<sub>2</sub>", "Escherichia coli in CO2"),
        ("p<q and r>s, n < 5, x > 3", "p<q and r>s, n < 5, x > 3"),
        ("Gulls &amp; fog &#8212; &lt;10", "Gulls & fog — <10"),
        ('<a href="https://example.org/?a=1&amp;b=2">Gulls</a><img src="x.gif"/>', "Gulls"),
        ("<script>alert('p')</script>Gulls<!-- <p>fog</p> -->", "Gulls"),
        ("<jats:p>Gulls <jats:italic>count</jats:italic>.</jats:p>", "\nGulls count.\n"),
        ("<p>First.</p><p>Second.<br/>Third.</p>", "\nFirst.\n\nSecond.\nThird.\n"),
        ("<mml:math><mml:mi>x</mml:mi></mml:math> rises", "x rises"),
    ],
)
def test_elements_are_removed_and_comparisons_stay(markup: str, text: str) -> None:
    assert plain_text(markup) == text


def test_the_marks_of_biorxiv_are_removed() -> None:
    text = (
        "TGF-{beta} at 5 {micro}M. O_SCPLOWDNAC_SCPLOW and {unknown}. O_LIFirstC_LI O_LISecondC_LI "
        'O_FIG O_LINKSMALLFIG WIDTH=200 SRC="FIGDIR/small/1.gif" ALT="Figure 1"> View larger C_FIG End.'
    )
    assert plain_line(without_typesetting(text)) == "TGF-β at 5 µM. DNA and {unknown}. First Second End."


def test_ordinary_signs_are_no_tex() -> None:
    assert not has_tex("about ~50% of $5 and $10 at C:\\x")
    assert has_tex(r"the \alpha of gulls")


def test_each_line_with_text_is_a_paragraph() -> None:
    assert plain_paragraphs("\n Gulls  count.\n\n~50 of\u200b them \n") == "Gulls count.\n~50 of them"


@given(st.text())
def test_any_text_gives_a_text(text: str) -> None:
    assert isinstance(plain_paragraphs(without_typesetting(plain_text(text))), str)


@pytest.mark.parametrize(
    "bad",
    [
        "<p ",
        "<!--",
        "<script>",
        "&",
        "{a",
        "O_FIG",
        "<a =",
        "<a  =",
        "O_FIGC_TBL",
        "<a:",
        "<p" + " " * 50,
        "-->",
        "<",
    ],
)
def test_the_worst_markup_takes_little_time(bad: str) -> None:
    started = time.perf_counter()
    without_typesetting(plain_text(bad * (50_000 // len(bad))))
    assert time.perf_counter() - started < 1
