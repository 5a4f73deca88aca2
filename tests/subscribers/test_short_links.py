"""Compact tokens of papers: short, deterministic, and refused when anything in them is changed."""

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from digest.errors import BadLink
from digest.papers.identifiers import canonical_id
from digest.subscribers.short_links import PaperClaim, PaperTokens

TOKENS = PaperTokens(b"a secret of the tests")
LONGEST_LINK = 60
"""Characters after the host."""

keys = st.text("0123456789abcdef", min_size=16, max_size=16)
days = st.dates(date(2001, 1, 1), date(2080, 1, 1))
new_ids = st.builds(
    lambda year, month, number: f"{year:02}{month:02}.{number:0{5 if year >= 15 else 4}}",
    st.integers(7, 60),
    st.integers(4, 12),
    st.integers(1, 9999),
)
old_ids = st.builds(
    lambda archive, number: f"{archive}/9901{number:03}",
    st.sampled_from(["math", "cond-mat", "physics", "acc-phys"]),
    st.integers(0, 999),
)
title_ids = st.text("0123456789abcdef", min_size=16, max_size=16).map(lambda digits: f"title:{digits}")
paper_ids = st.one_of(new_ids, old_ids, title_ids)


@given(keys, days, paper_ids)
def test_a_token_contains_subscriber_day_and_paper(key: str, day: date, paper_id: str) -> None:
    assert canonical_id(paper_id) == paper_id
    token = TOKENS.token(TOKENS.start(key, day), paper_id)
    assert TOKENS.read(token) == PaperClaim(key, day, paper_id)
    assert token == PaperTokens(b"a secret of the tests").token(TOKENS.start(key, day), paper_id)
    assert len(f"/f/{token}") <= LONGEST_LINK


@given(st.text(min_size=1, max_size=40), days, st.text(min_size=4, max_size=40))
def test_any_key_and_id_can_be_in_a_token(key: str, day: date, paper_id: str) -> None:
    token = TOKENS.token(TOKENS.start(key, day), paper_id)
    assert TOKENS.read(token) == PaperClaim(key, day, paper_id)


@given(keys, days, paper_ids, st.integers(0, 60), st.characters(codec="utf-8"))
def test_a_changed_character_is_refused(
    key: str, day: date, paper_id: str, position: int, character: str
) -> None:
    token = TOKENS.token(TOKENS.start(key, day), paper_id)
    position %= len(token)
    forged = token[:position] + character + token[position + 1 :]
    assume(forged != token)
    with pytest.raises(BadLink):
        TOKENS.read(forged)


@given(st.text(max_size=80))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(BadLink):
        TOKENS.read(text)


def test_a_token_of_another_installation_is_refused() -> None:
    token = PaperTokens(b"another secret").token(
        TOKENS.start("0123456789abcdef", date(2026, 3, 3)), "2603.00001"
    )
    with pytest.raises(BadLink):
        TOKENS.read(token)


@pytest.mark.parametrize(
    ("key", "paper_id", "token"),
    [
        ("0123456789abcdef", "2603.00001", "JVYBI0VniavN7xRWAAGQxDKI2OXz8SCv"),
        ("0123456789abcdef", "1412.0001", "JVYBI0VniavN7wsIAAF7xXwiNk4yrSuX"),
        ("0123456789abcdef", "math/9901001", "JVYBI0VniavN7wBtYXRoLzk5MDEwMDGRVfOla8iyVirQ"),
        ("0123456789abcdef", "title:0123456789abcdef", "JVYBI0VniavN7wEBI0VniavN78PNye0EnxizxAw"),
        ("ada", "2603.00001", "pVYDYWRhFFYAAd8P6p6Y_nBgZiU"),
        ("ada", "title:0123456789abcdef", "pVYDYWRhAQEjRWeJq83vjOBHn4ZFV6afcA"),
    ],
)
def test_the_tokens_of_sent_mails_stay_valid(key: str, paper_id: str, token: str) -> None:
    day = date(2026, 3, 3)
    assert TOKENS.token(TOKENS.start(key, day), paper_id) == token
    assert TOKENS.read(token) == PaperClaim(key, day, paper_id)
