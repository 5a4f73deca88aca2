"""Libraries in the formats of many programs. The files are written after the programs' documented formats."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.subscribers.library_files.entry import MOST_ENTRIES, Entry
from digest.subscribers.library_files.read import Library, read_library

FOLDER = Path(__file__).parent / "libraries"
FILES = {path.name: path for path in sorted(FOLDER.iterdir())}
# The number of entries, and of those that have no title and no id.
EXPECTED = {
    "acm.bib": (3, 0), "arxiv.bib": (3, 0), "better-bibtex.bib": (4, 0), "biorxiv.ris": (2, 0), "citavi.ris": (3, 0),
    "cnki.enw": (3, 0), "crossref.bib": (3, 0), "dblp.bib": (4, 0), "endnote.enw": (4, 0), "endnote.ris": (4, 0),
    "endnote.xml": (3, 0), "google-scholar.bib": (5, 0), "hal.bib": (3, 0), "ieee.ris": (3, 0), "jabref.bib": (5, 0),
    "mendeley.bib": (5, 1), "nasa-ads.bib": (3, 0), "pasted.txt": (8, 0), "pubmed.nbib": (3, 0), "readcube.bib": (3, 0),
    "scielo.ris": (2, 0), "scopus.csv": (3, 0), "semantic-scholar.bib": (3, 0), "web-of-science.txt": (3, 0),
    "zotero.bib": (5, 0), "zotero.csv": (5, 0), "zotero.json": (4, 0), "zotero.rdf": (4, 0), "zotero.ris": (5, 1),
}  # fmt: skip


def library(name: str) -> Library:
    return read_library(FILES[name].read_bytes())


def entry(name: str, index: int) -> Entry:
    return library(name).understood[index]


def test_every_file_has_an_expectation() -> None:
    assert EXPECTED.keys() == FILES.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_entries_of_every_program_are_understood(name: str) -> None:
    found = library(name)
    assert (found.size, len(found.not_understood)) == EXPECTED[name]


def test_of_all_entries_98_of_100_are_understood() -> None:
    found = [library(name) for name in FILES]
    assert sum(len(one.understood) for one in found) >= 0.98 * sum(one.size for one in found)


@pytest.mark.parametrize(
    ("name", "index", "title", "paper_id", "doi"),
    [
        ("zotero.bib", 0, "Attention Is All You Need", "1706.03762", ""),
        ("zotero.bib", 1, "Réseaux de neurones sur les graphes d'Erdős\u2013Rényi", "", "10.1145/3442188.3445922"),
        ("zotero.bib", 2, "50% fewer parameters & the same accuracy", "", ""),
        ("better-bibtex.bib", 3, "Invariante Variationsprobleme: Über Symmetrien und Erhaltungssätze", "", ""),
        ("zotero.ris", 1, "Deep Residual Learning for Image Recognition", "1512.03385", ""),
        ("zotero.json", 1, "Deep learning of representations in vivo", "", "10.1038/nature14539"),
        ("zotero.rdf", 0, "Adam: A Method for Stochastic Optimization", "1412.6980", ""),
        ("zotero.rdf", 1, "Reducing the Dimensionality of Data with Neural Networks", "", "10.1126/science.1127647"),
        ("zotero.rdf", 2, "Une méthode variationnelle pour la segmentation d\u2019images", "", "10.1007/978-3-540-00000-1_7"),
        ("zotero.csv", 4, "Größere Modelle, kleinere Fehler", "", "10.1145/3219819.3219823"),
        ("mendeley.bib", 0, "Efficient Estimation of Word Representations in Vector Space", "1301.3781", ""),
        ("endnote.ris", 3, "Señales débiles: detección de ondas en ruido", "", ""),
        ("endnote.enw", 0, "Playing Atari with Deep Reinforcement Learning", "1312.5602", ""),
        ("endnote.xml", 0, "Mastering the game of Go with deep neural networks", "", "10.1038/nature16961"),
        ("endnote.xml", 2, "", "1707.06347", ""),
        ("jabref.bib", 1, "Learning Transferable Visual Models From Natural Language Supervision", "", ""),
        ("jabref.bib", 3, "", "", "10.1000/xyz123"),
        ("jabref.bib", 4, "The Entry after a Broken One", "", ""),
        ("readcube.bib", 1, "High-Resolution Image Synthesis with Latent Diffusion Models", "2112.10752", ""),
        ("google-scholar.bib", 1, "Llama: Open and efficient foundation language models", "2302.13971", ""),
        ("semantic-scholar.bib", 0, "Chain of Thought Prompting Elicits Reasoning in Large Language Models", "2201.11903", ""),
        ("dblp.bib", 1, "LoRA: Low-Rank Adaptation of Large Language Models", "2106.09685", ""),
        ("ieee.ris", 2, "Focal Loss for Dense Object Detection", "", "10.1109/iccv.2017.324"),
        ("arxiv.bib", 1, "The entropy formula for the Ricci flow and its geometric applications", "math/0211159", ""),
        ("biorxiv.ris", 1, "Single-cell maps of ageing in Mus musculus", "", "10.1101/661728"),
        ("pubmed.nbib", 0, "Highly accurate protein structure prediction with AlphaFold.", "", "10.1038/s41586-021-03819-2"),
        ("web-of-science.txt", 1, "SUPPORT-VECTOR NETWORKS", "", "10.1007/bf00994018"),
        ("scopus.csv", 2, "Aprendizaje profundo para señales sísmicas", "", "10.31349/revmexfis.66.1"),
        ("nasa-ads.bib", 1, "Observational Evidence from Supernovae for an Accelerating Universe and a Cosmological Constant",
         "astro-ph/9805201", "10.1086/300499"),
        ("crossref.bib", 2, "BART: Denoising Sequence-to-Sequence Pre-training", "", "10.18653/v1/2020.acl-main.703"),
        ("citavi.ris", 0, "Maschinelles Lernen für die Prüfung von Schweißnähten", "", "10.1515/teme-2017-0123"),
        ("cnki.enw", 0, "基于深度学习的图像语义分割方法综述", "", "10.13328/j.cnki.jos.005659"),
        ("hal.bib", 2, "Sur la convergence de SGD dans les réseaux larges", "2001.04413", ""),
        ("scielo.ris", 0, "Redes neuronales para la predicción de la calidad del aire en Bogotá", "",
         "10.19053/01211129.v29.n54.2020.10503"),
        ("pasted.txt", 3, "", "", "10.1126/science.abq1158"),
        ("pasted.txt", 4, "Scaling laws for neural language models", "", ""),
    ],
)  # fmt: skip
def test_an_entry_is_read_as_it_is_meant(name: str, index: int, title: str, paper_id: str, doi: str) -> None:
    found = entry(name, index)
    assert (found.title, found.paper_id, found.doi) == (title, paper_id, doi)


@pytest.mark.parametrize(
    ("name", "index", "abstract"),
    [
        ("zotero.csv", 0, 'Two networks compete: one generates, "the other" judges.'),
        ("zotero.ris", 1, "Layers learn residual functions of their inputs, and so networks may be much deeper."),
        ("mendeley.bib", 0, "Vectors of words are learned from ~1.6 billion words in a day & tested on analogies."),
        ("pubmed.nbib", 0, "Proteins fold. A network predicts how, and its errors are as small as those of experiments."),
        ("web-of-science.txt", 0, "Many trees vote. Each sees a part of the data and of the features."),
        ("endnote.enw", 0, "One network plays seven games from pixels alone."),
        ("scopus.csv", 1, ""),
    ],
)  # fmt: skip
def test_an_abstract_is_read_as_one_text(name: str, index: int, abstract: str) -> None:
    assert entry(name, index).abstract == abstract


def test_what_is_not_understood_is_named() -> None:
    assert library("mendeley.bib").not_understood == ("Untitled",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_a_file_is_decoded_without_being_told_how(encoding: str) -> None:
    text = FILES["zotero.csv"].read_bytes().decode("utf-8-sig")
    assert read_library(text.encode(encoding)).understood == library("zotero.csv").understood


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("1706.03762", ["1706.03762"]),
        ("arXiv:1706.03762v5, math/0611800 and hep-th/9901001", ["1706.03762", "math/0611800", "hep-th/9901001"]),
        ("https://arxiv.org/pdf/1706.03762v5.pdf\nhttps://arxiv.org/abs/math.GT/0309136", ["1706.03762", "math/0309136"]),
        ("https://huggingface.co/papers/2508.13426 2508.13426", ["2508.13426"]),
        ("https://doi.org/10.48550/arXiv.2508.13426", ["2508.13426"]),
        ("(doi:10.1016/S0092-8674(00)81683-9).", ["10.1016/s0092-8674(00)81683-9"]),
        ("https://www.biorxiv.org/content/10.1101/2022.07.20.500902v3", ["10.1101/2022.07.20.500902"]),
        ("@misc{a, title={One Two Three}}\nhttps://arxiv.org/abs/2603.00002v4", ["", "2603.00002"]),
        ("version 1.2345, 9999.99999", []),
        ("dear diary", []),
        ("https://example.org/blog/no-paper-here", []),
        ("", []),
    ],
)  # fmt: skip
def test_ids_are_found_anywhere_in_a_list(text: str, ids: list[str]) -> None:
    assert [one.paper_id or one.doi for one in read_library(text).understood] == ids


def test_a_paper_that_is_there_twice_counts_once() -> None:
    ris = "TY  - JOUR\nTI  - One Title\nER  - \n"
    assert read_library(ris + ris.replace("One Title", "{One} title.")).size == 1


def test_the_number_of_entries_is_limited() -> None:
    found = read_library("\n".join(f"2508.{number:05}" for number in range(5000)))
    assert len(found.understood) == MOST_ENTRIES
    assert found.is_cut
    assert read_library("title = {" * 50_000).size == 1


_PIECES = st.sampled_from(
    ["@misc{", "title={", "}", '"', "# x,", "TY  - ", "\nTI  - a b c\n", "ER  -\n", "PMID- 1\n", "%0 a\n%T ", "{", "[", ":",
     "<rdf:RDF>", "<xml>", "</xml>", "<record>", "title,doi\n", ",", "10.1000/a", "2508.13426", "\\'e", "\x00", "\ufeff", "\r\n"]
)  # fmt: skip


@given(st.binary(max_size=200) | st.text(max_size=200) | st.lists(_PIECES | st.text(max_size=9)).map("".join))
def test_reading_never_raises_and_loses_no_entry_silently(content: bytes | str) -> None:
    found = read_library(content)
    assert all(one.is_understood and len(one.title) <= 500 for one in found.understood)
    assert all(len(label) <= 100 for label in found.not_understood)


@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_damaged_file_never_raises(name: str, data: st.DataObject) -> None:
    content = FILES[name].read_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 50)))
    read_library(content[:start] + data.draw(st.binary(max_size=8)) + content[end:])
