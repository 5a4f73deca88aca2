"""Header fields, decoded by the standard library's parser."""

from email import message_from_string, policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.mail.encoding import encoded_words, structured, unstructured

WILD = st.text(st.characters(), max_size=300) | st.text('a b=?_\r\n:é漢👩<>"\\,;', max_size=300)
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=120)


def read(field: str) -> EmailMessage:
    message = message_from_string(field + "\r\n\r\n", policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def clean(value: str) -> str:
    printable = "".join(
        " "
        if ord(content) < 32
        or 127 <= ord(content) < 160
        or content in "\u2028\u2029"
        or "\ud800" <= content <= "\udfff"
        else content
        for content in value
    )
    return " ".join(printable.split())


@given(WILD)
@example("=?utf-8?q?forged?=")
@example("word " * 60)
@example("x" * 2000)
@example("Papers\r\nBcc: everyone@example.net\r\n\r\nbody")
@example("\u00a0\u3000 spaces that are none")
def test_an_encoded_subject_decodes_to_its_text_and_starts_no_other_field(value: str) -> None:
    field = unstructured("Subject", value)
    message = read(field)
    assert message.keys() == ["Subject"]
    assert message["Subject"] == clean(value)
    assert field.isascii()
    assert all(len(line) <= 78 for line in field.split("\r\n"))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300), st.integers(24, 75))
def test_encoded_words_are_short_and_have_whole_characters(text: str, first: int) -> None:
    words = encoded_words(text, first)
    assert all(len(word) <= 75 for word in words)
    assert len(words[0]) <= max(first, 24) + 12
    for word in words:
        assert "\ufffd" not in str(read(f"Subject: {word}")["Subject"]) or "\ufffd" in text


@given(st.lists(WORDS.filter(bool), max_size=12).map(" ".join))
def test_a_folded_structured_value_is_unchanged(value: str) -> None:
    field = structured("X-List", value)
    assert field.replace("\r\n", "") == f"X-List: {value}"
    assert read(field).keys() == ["X-List"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nBcc: b"),
        ("X-A", "a\nb"),
        ("X-A", "tab\there"),
        ("X-A", "é"),
        ("X-A", "x" * 999),
        ("X A", "b"),
        ("X-A:", "b"),
        ("", "b"),
        ("X-A\r\nBcc", "b"),
    ],
)
def test_an_invalid_header_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header field"):
        structured(name, value)
