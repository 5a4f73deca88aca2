"""Formatting of texts from feeds."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.text import formatting, languages

WILD = st.text(st.characters(), max_size=400) | st.text("ab \n\r\t\u202e\u200b\u200d.,é👩🏽", max_size=400)


@given(WILD)
def test_one_line_is_one_clean_line(text: str) -> None:
    line = formatting.one_line(text)
    assert line.splitlines() in ([], [line])
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in line)
    assert line == " ".join(line.split())
    line.encode()


def test_one_line_removes_invisible_and_direction_characters() -> None:
    assert formatting.one_line("safe\u202etxt.exe\u202c\ufeff\u200b \x00name") == "safetxt.exe name"
    assert formatting.one_line("torn\ufffd and\ufffc joined") == "torn and joined"


def test_one_line_keeps_joiners_that_scripts_and_emoji_need() -> None:
    for text in ("\u0645\u06cc\u200c\u062e\u0648\u0631", "👩\u200d🔬"):
        assert formatting.one_line(text) == text


@given(WILD, st.integers(1, 80))
def test_shorten_never_exceeds_its_limit(text: str, limit: int) -> None:
    short = formatting.shorten(text, limit)
    assert len(short) <= limit
    assert short == formatting.one_line(text) or short.endswith("…")


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("Attention is all you need", 25, "Attention is all you need"),
        ("Attention is all you need", 24, "Attention is all you…"),
        ("Attention, is all", 11, "Attention…"),
        ("x" * 10_000, 5, "xxxx…"),
        ("", 5, ""),
    ],
)
def test_shorten_cuts_between_words(text: str, limit: int, expected: str) -> None:
    assert formatting.shorten(text, limit) == expected


@given(WILD, st.integers(20, 400))
def test_an_excerpt_never_exceeds_its_limit(text: str, limit: int) -> None:
    assert len(formatting.excerpt(text, limit)) <= limit


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (200, "We place splats, e.g. along edges. Jones et al. did not. It saves 3.5 GB. Nothing is lost."),
        (80, "We place splats, e.g. along edges. Jones et al. did not. It saves 3.5 GB."),
        (60, "We place splats, e.g. along edges. Jones et al. did not."),
        (50, "We place splats, e.g. along edges."),
        (30, "We place splats, e.g. along…"),
    ],
)
def test_an_excerpt_ends_with_a_sentence(limit: int, expected: str) -> None:
    abstract = "We place splats, e.g. along\n edges. Jones et al. did not. It saves 3.5 GB. Nothing is lost."
    assert formatting.excerpt(abstract, limit) == expected


REFERENCE = "Rooms are hard to render. Many photographs are needed, and much memory. "
DEED = "In this paper we propose sparse splats. They halve the memory."


def test_an_excerpt_prefers_the_contribution_to_the_motivation() -> None:
    assert formatting.excerpt(REFERENCE + DEED, 80) == f"… {DEED}"
    assert formatting.excerpt(REFERENCE + DEED, 120) == f"{REFERENCE}{DEED.partition(' They')[0]}"
    assert formatting.excerpt(REFERENCE + DEED, 200) == REFERENCE + DEED
    assert formatting.excerpt(REFERENCE * 2, 80) == REFERENCE.strip()


@pytest.mark.parametrize(
    ("authors", "expected"),
    [
        ((), ""),
        (("A",), "A"),
        (("A", "B"), "A and B"),
        (("A", "B", "C"), "A, B and C"),
        (("A", "B", "C", "D"), "A, B, C and D"),
        (tuple("ABCDEFGHIJKL"), "A, B, C and 9 more"),
    ],
)
def test_a_limited_number_of_authors_is_named(authors: tuple[str, ...], expected: str) -> None:
    assert formatting.author_line(authors) == expected


@pytest.mark.parametrize(
    ("for_you", "everyone", "considered", "expected"),
    [
        (7, 3, 612, "7 for you · 3 everyone reads, out of 612 new papers"),
        (7, 0, 1612, "7 for you, out of 1,612 new papers"),
        (0, 3, 3, "3 everyone reads, out of 3 new papers"),
        (0, 0, 1, "1 new paper looked at"),
    ],
)
def test_the_header_counts_the_papers_of_the_mail(
    for_you: int, everyone: int, considered: int, expected: str
) -> None:
    assert formatting.holdings(for_you, everyone, considered) == expected


def test_days_are_english_whatever_the_locale() -> None:
    on = date(2025, 11, 2)
    assert (formatting.day(on), formatting.short_day(on), formatting.weekday(on)) == (
        "2 November 2025",
        "2 Nov",
        "Sunday",
    )


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", ("2 November 2025", "2 Nov", "Sunday", "Sunday, 2 November 2025", "Sunday 2 Nov", "7:00")),
        ("de", ("2. November 2025", "2. Nov.", "Sonntag", "Sonntag, 2. November 2025", "So., 2. Nov.", "07:00")),
        ("fr", ("2 novembre 2025", "2 nov.", "dimanche", "dimanche 2 novembre 2025", "dim. 2 nov.", "07:00")),
        ("zh-Hans", ("2025年11月2日", "11月2日", "星期日", "2025年11月2日星期日", "11月2日周日", "07:00")),
    ],
)  # fmt: skip
def test_dates_and_times_are_those_of_the_language(
    monkeypatch: pytest.MonkeyPatch, tag: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setitem(languages.LANGUAGES, tag, tag)
    on = date(2025, 11, 2)
    with languages.use_language(tag):
        said = [formatting.day(on), formatting.short_day(on), formatting.weekday(on), formatting.full_day(on)]
        assert (*said, formatting.short_full_day(on), formatting.clock(7)) == expected


CLOSING = "\uff0c\u3002\uff09"
"""A comma, a full stop and a closing bracket."""


def test_chinese_text_is_broken_at_any_character_but_not_before_a_mark() -> None:
    text = (
        "我们研究" * 20
        + CLOSING[0]
        + "https://papers.example.org/a-long-address "
        + f"机器人\uff08抓取{CLOSING[2]}" * 9
    )
    lines = formatting.wrapped(text, 4).splitlines()
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(
        line.startswith("    ") and formatting.columns(line) <= formatting.TEXT_WIDTH for line in lines
    )
    assert all(line.strip()[0] not in CLOSING for line in lines)
    assert len(lines) == 5


def test_columns_are_filled_up_with_at_least_one_space() -> None:
    assert [formatting.padded(text, 6) for text in ("No:", "是\uff1a", "A long label:")] == [
        "No:   ",
        "是\uff1a  ",
        "A long label: ",
    ]
