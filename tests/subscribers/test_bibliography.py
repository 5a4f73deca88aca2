"""Pasted bibliographies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.papers.identifiers import title_id
from digest.subscribers.bibliography import MOST_PAPERS, read_pasted

TITLE = "Attention Is All You Need"

BIBTEX = """
@article{vaswani2017,
  title     = {{Attention Is {All} You Need}},
  booktitle = {Advances in Neural Information Processing Systems},
  eprint    = {1706.03762},
  year      = 2017,
}
@misc{second, Title = "Deep Residual Learning", url = "https://arxiv.org/abs/1512.03385v1"}
"""
RIS = """TY  - JOUR
TI  - Attention Is All You Need
UR  - http://arxiv.org/abs/1706.03762
ER  -
TY  - JOUR
T1  - Old style
UR  - arXiv:math/0611800v2
ER  -
"""


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("1706.03762", ("1706.03762",)),
        (
            "arXiv:1706.03762v5, math/0611800 and hep-th/9901001",
            ("1706.03762", "math/0611800", "hep-th/9901001"),
        ),
        (
            "https://arxiv.org/pdf/1706.03762v5.pdf\nhttps://arxiv.org/abs/math.GT/0309136",
            ("1706.03762", "math/0309136"),
        ),
        ("https://huggingface.co/papers/2508.13426 2508.13426", ("2508.13426",)),
        ("https://doi.org/10.48550/arXiv.2508.13426", ("2508.13426",)),
        ("pages 1234.56789-1234.56790, version 1.2345, 9999.99999", ()),
        ("dear diary", ()),
        ("", ()),
    ],
)
def test_ids_are_found_anywhere_in_the_text(text: str, ids: tuple[str, ...]) -> None:
    assert read_pasted(text).ids == ids


def test_bibtex_yields_ids_and_titles_but_no_book_titles() -> None:
    found = read_pasted(BIBTEX)
    assert found.ids == ("1706.03762", "1512.03385")
    assert found.title_ids == (title_id(TITLE), title_id("Deep Residual Learning"))


def test_ris_yields_ids_and_titles() -> None:
    found = read_pasted(RIS)
    assert found.ids == ("1706.03762", "math/0611800")
    assert found.title_ids == (title_id(TITLE), title_id("Old style"))


@given(st.text() | st.text(alphabet='title={}" @\n0123456789./v', max_size=400))
def test_reading_never_raises(text: str) -> None:
    found = read_pasted(text)
    assert len(set(found.ids)) == len(found.ids)


def test_the_number_of_papers_is_limited() -> None:
    ids = "\n".join(f"2508.{number:05}" for number in range(5000))
    assert len(read_pasted(ids).ids) == MOST_PAPERS
    assert read_pasted("title = {" * 50_000).title_ids == ()
