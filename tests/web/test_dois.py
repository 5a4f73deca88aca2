"""Papers of other sources on the pages: ids that are DOIs, further ids of a work, categories."""

from urllib.parse import quote

import pytest

from digest.domain.paper import FeedItem
from digest.papers.ingest import ingest
from digest.wiring import Container
from tests.factories import TUESDAY, at, make_paper
from tests.web.client import Client

SICI = "10.1002/(sici)1096-8644(199601)99:1<1::aid-ajpa1>3.0.co;2-1"
PREPRINT = "10.1101/2026.03.03.123456"


@pytest.fixture
def library(client: Client, container: Container) -> Client:
    """A client of an application with papers of journals."""
    preprint = make_paper(
        1,
        paper_id=PREPRINT,
        categories=("biorxiv:ecology",),
        links={"pdf": f"https://www.biorxiv.org/content/{PREPRINT}v1.full.pdf"},
    )
    old = make_paper(2, paper_id=SICI, categories=("openalex:medicine",))
    post = make_paper(3, paper_id="", links={"page": "https://gulls.example.org/fog"})
    items = [FeedItem(preprint, other_ids=("10.1038/s41586-026-1",)), FeedItem(old), FeedItem(post)]
    ingest(container.database, items, at(TUESDAY))
    return client


@pytest.mark.parametrize("paper_id", [PREPRINT, SICI, f"https://doi.org/{PREPRINT}", "10.1038/S41586-026-1"])
def test_a_paper_is_found_by_every_id(library: Client, paper_id: str) -> None:
    path = f"/papers/{quote(paper_id)}"
    page = library.get(path)
    assert page.status_code == 200
    canonical = SICI if paper_id == SICI else PREPRINT
    assert quote(canonical, safe="/:") in page.text
    assert library.get(f"/search?q={quote(paper_id)}").status_code == 200
    assert library.get(f"/api/papers/{quote(paper_id)}").json()["id"] == canonical


def test_links_lead_to_the_doi_or_the_page_of_the_feed(library: Client) -> None:
    page = library.get(f"/papers/{PREPRINT}").text
    assert f"https://doi.org/{PREPRINT}" in page
    assert f"https://www.biorxiv.org/content/{PREPRINT}v1.full.pdf" in page
    listed = library.get("/trending").text
    assert "arxiv.org" not in listed
    found = library.get("/api/papers?top=10").json()
    assert "https://gulls.example.org/fog" in str(found)


def test_citations_of_a_doi_name_it(library: Client) -> None:
    entry = library.get(f"/papers/{PREPRINT}.bib").text
    assert f"doi           = {{{PREPRINT}}}" in entry
    assert "eprint" not in entry
    assert "primaryclass" not in entry
    assert f"DO  - {PREPRINT}\r\n" in library.get(f"/papers/{PREPRINT}.ris").text


def test_a_source_is_a_category_of_the_lists(library: Client) -> None:
    for category in ("biorxiv", "biorxiv:ecology"):
        page = library.get(f"/trending?category={category}").text
        assert PREPRINT in page
        assert quote(SICI, safe="/:") not in page
