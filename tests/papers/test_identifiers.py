from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import BadInput
from digest.papers.identifiers import (
    abstract_url,
    canonical_id,
    id_month,
    is_title_id,
    normalised_title,
    pdf_url,
    sort_key,
    title_id,
)

_months = st.integers(1, 12).map(lambda month: f"{month:02}")


@st.composite
def new_ids(draw: st.DrawFn) -> str:
    year = draw(st.integers(7, 60))
    month = draw(_months)
    if (year, month) < (7, "04"):
        month = "04"
    digits = 4 if year <= 14 else draw(st.integers(5, 6))
    return f"{year:02}{month}.{draw(st.integers(1, 9999)):0{digits}}"


@st.composite
def old_ids(draw: st.DrawFn) -> str:
    archive = draw(st.sampled_from(["math", "hep-th", "astro-ph", "cs", "quant-ph", "cond-mat", "cmp-lg"]))
    year = draw(st.sampled_from([91, 95, 99, 0, 3, 6]))
    return f"{archive}/{year:02}{draw(_months)}{draw(st.integers(1, 999)):03}"


def written_forms(paper_id: str) -> list[str]:
    return [
        paper_id,
        f"  {paper_id}\n",
        f"{paper_id}v1",
        f"{paper_id}v12",
        f"arXiv:{paper_id}",
        f"arxiv:{paper_id}v3",
        f"arXiv: {paper_id}",
        f"ARXIV.{paper_id}",
        f"oai:arXiv.org:{paper_id}v1",
        f"abs/{paper_id}",
        f"http://arxiv.org/abs/{paper_id}v2",
        f"https://arxiv.org/abs/{paper_id}?context=cs",
        f"https://www.arxiv.org/abs/{paper_id}#top",
        f"https://arxiv.org/pdf/{paper_id}",
        f"https://arxiv.org/pdf/{paper_id}v2.pdf",
        f"https://arxiv.org/pdf/{paper_id}.PDF",
        f"https://arxiv.org/html/{paper_id}v1/",
        f"export.arxiv.org/abs/{paper_id}",
        f"https://huggingface.co/papers/{paper_id}",
        f"https://www.alphaxiv.org/abs/{paper_id}",
        f"https://doi.org/10.48550/arXiv.{paper_id}",
        f"doi:10.48550/arXiv.{paper_id}",
        f"<https://arxiv.org/abs/{paper_id}>",
        f"[{paper_id}],",
        f"arXiv:{paper_id}v1 [cs.CL]",
    ]


@given(new_ids() | old_ids())
def test_every_form_of_an_id_gives_the_same_canonical_id(paper_id: str) -> None:
    assert {canonical_id(form) for form in written_forms(paper_id)} == {paper_id}


@pytest.mark.parametrize(
    ("text", "paper_id"),
    [
        ("math.CA/0611800", "math/0611800"),
        ("Math.CA/0611800v2", "math/0611800"),
        ("arXiv:cond-mat.mes-hall/9901001", "cond-mat/9901001"),
        ("https://arxiv.org/abs/astro-ph.CO/0601001v1", "astro-ph/0601001"),
        ("title:0123456789abcdef", "title:0123456789abcdef"),
        ("2508.134261", "2508.134261"),
    ],
)
def test_ids_are_canonical(text: str, paper_id: str) -> None:
    assert canonical_id(text) == paper_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "gulls",
        "2508",
        "2508.1342",  # four digits until 2014
        "1412.12345",  # five digits since 2015
        "0703.1234",
        "2513.12345",
        "2500.12345",
        "2508.13426w1",
        "2508.1342678",
        "gulls/0611800",
        "math/0713800",
        "math/0704001",  # the new form was in use already
        "title:0123",
        "https://example.org/about",
        "２５０８.13426",  # noqa: RUF001 - digits of another script
        "2508.13426\n2508.13427",
    ],
)
def test_an_invalid_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match=r"give one like 2508\.13426"):
        canonical_id(text)


@given(st.text() | st.text(alphabet="0123456789./v:arXiv-[]() ", max_size=60))
def test_any_text_is_an_id_or_is_refused(text: str) -> None:
    try:
        paper_id = canonical_id(text)
    except BadInput:
        return
    assert canonical_id(paper_id) == paper_id


def test_a_refusal_of_a_long_text_stays_short() -> None:
    with pytest.raises(BadInput) as refusal:
        canonical_id("2508.13426/" * 50_000)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("listing", "arxiv"),
    [
        ("DM^2S^2: Deep Multi-Modal Sequence Sets", r"DM$^2$S$^2$: Deep Multi-Modal Sequence  Sets"),
        ("NÜWA: Visual Synthesis", r"N\"UWA: Visual Synthesis"),
        ("NÜWA: Visual Synthesis", "NU\u0308WA: Visual Synthesis"),
        ("\N{GREEK SMALL LETTER ALPHA}-GAN for “Gulls”", r"$\alpha$-GAN for ``Gulls''"),
        ("OCC-Alpha:Empowering Models", "OCC-Alpha: Empowering\n  Models"),
        ("Gulls — an Overview", "GULLS -- An overview"),
        ("Ze\u200bro\u00ad-Width", "Zero Width"),
        ("Straße der Möwen", "STRASSE DER MÖWEN"),
        ("A Benchmark", r"\textsc{A} \textbf{Benchmark}"),
    ],
)
def test_different_renderings_of_a_title_have_the_same_id(listing: str, arxiv: str) -> None:
    assert title_id(listing) == title_id(arxiv)
    assert is_title_id(title_id(listing))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Gulls I", "Gulls II"),
        ("C++ for Gulls", "D++ for Gulls"),
        ("深度学习", "深度研究"),
        ("कक्षा", "कक्षी"),
        ("???", "!!!"),
    ],
)
def test_different_titles_have_different_ids(one: str, other: str) -> None:
    assert title_id(one) != title_id(other)


@pytest.mark.parametrize("title", ["", "  \n", "\u200b\u200e", "$$"])
def test_a_title_without_a_visible_character_has_no_id(title: str) -> None:
    with pytest.raises(BadInput, match="needs a title"):
        title_id(title)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_normalising_a_title_is_idempotent(title: str) -> None:
    once = normalised_title(title)
    assert normalised_title(once) == once


def test_arxiv_ids_have_pages_and_title_ids_have_none() -> None:
    assert abstract_url("2508.13426") == "https://arxiv.org/abs/2508.13426"
    assert pdf_url("math/0611800") == "https://arxiv.org/pdf/math/0611800"
    assert abstract_url(title_id("Gulls")) == pdf_url(title_id("Gulls")) == ""


def test_old_and_new_ids_sort_by_their_month() -> None:
    ordered = [
        "title:0123456789abcdef",
        "hep-th/9901001",
        "math/0611800",
        "0704.0001",
        "1412.9999",
        "1501.00001",
        "2508.13426",
    ]
    assert sorted(set(ordered), key=sort_key) == ordered


def test_an_id_contains_its_month() -> None:
    assert id_month("2508.13426") == (2025, 8)
    assert id_month("hep-th/9901001") == (1999, 1)
    assert id_month(title_id("Gulls")) is None


@given(new_ids() | old_ids())
def test_the_month_of_an_id_must_be_valid(paper_id: str) -> None:
    month = id_month(paper_id)
    assert month
    assert date(1991, 1, 1) <= date(*month, 1) < date(2091, 1, 1)
