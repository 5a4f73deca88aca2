from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import BadInput
from digest.papers.identifiers import (
    abstract_url,
    canonical_id,
    id_month,
    is_arxiv_id,
    is_doi,
    is_title_id,
    known_ids,
    may_be_same_work,
    normalised_title,
    pdf_url,
    preferred_id,
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
        "10.12/gulls",  # a registrant has four digits at least
        "10.1234/",
        "10.1234/two words",
        "10.1234/möwe",
        "10.48550/gulls",  # the DOIs of arXiv contain arXiv ids
        "10.1234/" + "9" * 300,
        "２５０８.13426",  # noqa: RUF001 - digits of another script
        "2508.13426\n2508.13427",
    ],
)
def test_an_invalid_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match=r"give one like 2508\.13426"):
        canonical_id(text)


BIORXIV = "10.1101/2024.01.16.575895"
SICI = "10.1002/(sici)1096-8644(199601)99:1<1::aid-ajpa1>3.0.co;2-1"


@pytest.mark.parametrize(
    ("text", "paper_id"),
    [
        (BIORXIV, BIORXIV),
        (f"doi:{BIORXIV}", BIORXIV),
        (f"DOI: {BIORXIV}.", BIORXIV),
        (f"info:doi/{BIORXIV}", BIORXIV),
        (f"https://doi.org/{BIORXIV}", BIORXIV),
        (f"dx.doi.org/{BIORXIV}", BIORXIV),
        (f"{BIORXIV}v2", BIORXIV),
        (f"https://www.biorxiv.org/content/{BIORXIV}v2.full.pdf", BIORXIV),
        (f"https://www.biorxiv.org/content/{BIORXIV}v1?rss=1", BIORXIV),
        ("https://www.medrxiv.org/content/10.64898/2026.01.14.26344001v1", "10.64898/2026.01.14.26344001"),
        ("10.1038/S41586-024-00001-1", "10.1038/s41586-024-00001-1"),
        ("https://link.springer.com/article/10.1007/s00125-024-1/", "10.1007/s00125-024-1"),
        ("(see 10.1234/abc(1))"[5:], "10.1234/abc(1)"),
        ("(10.1234/abc).", "10.1234/abc"),
        (SICI.upper(), SICI),
        ("https://doi.org/10.1002%2F(SICI)1096-8644(199601)99:1%3C1::AID-AJPA1%3E3.0.CO;2-1", SICI),
    ],
)
def test_every_form_of_a_doi_gives_the_same_canonical_id(text: str, paper_id: str) -> None:
    assert canonical_id(text) == paper_id
    assert canonical_id(paper_id) == paper_id
    assert canonical_id(abstract_url(paper_id)) == paper_id


def test_kinds_of_ids_are_told_apart() -> None:
    title = title_id("Gulls")
    assert [is_doi(one) for one in (BIORXIV, "1001.1234", "math/0611800", title)] == [
        True,
        False,
        False,
        False,
    ]
    assert [is_arxiv_id(one) for one in (BIORXIV, "1001.1234", "math/0611800", title)] == [
        False,
        True,
        True,
        False,
    ]
    assert known_ids(["", "NA", BIORXIV, f"doi:{BIORXIV}", "2508.13426v2"]) == (BIORXIV, "2508.13426")


def test_an_arxiv_id_is_preferred_to_a_doi_and_a_doi_to_a_title_id() -> None:
    title = title_id("Gulls")
    assert preferred_id([title, BIORXIV, "2508.13426"]) == "2508.13426"
    assert preferred_id([title, BIORXIV, "10.1038/x"]) == BIORXIV
    assert preferred_id([title]) == title


@pytest.mark.parametrize(
    ("one", "other", "is_possible"),
    [
        ("2508.13426", "2508.13427", False),
        ("2508.13426", BIORXIV, True),
        (BIORXIV, "10.1101/2024.01.16.575896", False),
        (BIORXIV, "10.1038/s41586-024-00001-1", True),
        ("10.21203/rs.3.rs-1/v1", "10.21203/rs.3.rs-1/v2", True),
        ("10.20944/preprints202401.0001.v1", "10.20944/preprints202401.0002.v1", False),
        ("2508.13426", "title:0123456789abcdef", True),
    ],
)
def test_an_archive_or_publisher_gives_a_work_one_id(one: str, other: str, *, is_possible: bool) -> None:
    assert may_be_same_work(one, other) is may_be_same_work(other, one) is is_possible


@given(st.text() | st.text(alphabet="0123456789./v:arXiv-[]()<> ", max_size=60).map("10.1101/".__add__))
def test_any_doi_is_canonical_once_read(text: str) -> None:
    for paper_id in known_ids([text]):
        assert canonical_id(paper_id) == paper_id


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
    assert (
        abstract_url(SICI)
        == "https://doi.org/10.1002/(sici)1096-8644(199601)99:1%3C1::aid-ajpa1%3E3.0.co;2-1"
    )
    assert pdf_url(BIORXIV) == ""


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
