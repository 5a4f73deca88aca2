"""Quoted-printable, decoded by the standard library."""

import quopri

from hypothesis import example, given
from hypothesis import strategies as st

from digest.mail.quoted_printable import quoted_printable, transferred_size

TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=500)
    | st.text("ab =.\t\r\n\x00\x0c", max_size=500)
    | st.text("ab=\n", min_size=60, max_size=400)
)


@given(TEXTS)
@example("=" * 200)
@example("x" * 75 + "=")
@example("x" * 74 + "=")
@example("x" * 76 + " \n")
@example("x" * 75 + "\t")
@example("é" * 100)
@example(".\n..\n")
@example("\r\r\n\n")
def test_encoded_text_decodes_to_the_same_and_lines_are_short(text: str) -> None:
    encoded = quoted_printable(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    assert quopri.decodestring(encoded) == ("\r\n".join(lines) + "\r\n").encode()
    assert encoded.isascii()
    assert encoded.endswith(b"\r\n")
    for line in encoded.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.endswith((b" ", b"\t"))
        assert b"\n" not in line
        assert b"\r" not in line


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert quoted_printable("a\ud800b") == b"a?b\r\n"


@given(TEXTS, st.integers(0, 3000))
def test_the_size_is_never_underestimated(text: str, limit: int) -> None:
    size = transferred_size(text, limit)
    exact = len(quoted_printable(text))
    assert size == exact or exact <= size < limit
