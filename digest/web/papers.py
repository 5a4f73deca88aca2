"""One paper and its like; search by words, or by a paper's id."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from digest.errors import BadInput, NotFound
from digest.mail.letter import Card
from digest.mail.wording import one_line
from digest.papers.identifiers import canonical_id
from digest.web.citing import bibtex, ris
from digest.web.site import OnSite, Site

router = APIRouter(include_in_schema=False)
FOUND = 30
SIMILAR = 10
LONGEST_QUERY = 1000


@router.get("/search")
def search(
    site: OnSite, q: Annotated[str, Query(max_length=20_000)] = "", category: Annotated[str, Query()] = ""
) -> Response:
    """Find papers by words; a paper's id or address finds it and its like."""
    words, of_category = one_line(q[:LONGEST_QUERY]), one_line(category[:60])
    named = _named(site, words)
    if named is not None:
        found = site.catalogue.similar(named.paper_id, FOUND)
    else:
        found = site.catalogue.search(words, FOUND, of_category) if words else []
    return site.page(
        "search.html",
        query=words,
        category=of_category,
        categories=site.catalogue.trending("week").categories,
        named=named,
        found=found,
    )


def _named(site: Site, words: str) -> Card | None:
    try:
        return site.catalogue.paper(canonical_id(words))
    except (BadInput, NotFound):
        return None


@router.get("/papers/{paper_id:path}.bib")
def as_bibtex(site: OnSite, paper_id: str) -> Response:
    """Return a paper as a BibTeX entry."""
    return _file(bibtex(_card(site, paper_id)), "application/x-bibtex", "bib")


@router.get("/papers/{paper_id:path}.ris")
def as_ris(site: OnSite, paper_id: str) -> Response:
    """Return a paper as a RIS record."""
    return _file(ris(_card(site, paper_id)), "application/x-research-info-systems", "ris")


@router.get("/papers/{paper_id:path}")
def paper(site: OnSite, paper_id: str) -> Response:
    """Show one paper and those most like it."""
    card = _card(site, paper_id)
    similar = [one for one, _ in site.catalogue.similar(card.paper_id, SIMILAR)]
    return site.page("paper.html", card=card, similar=similar)


def _card(site: Site, paper_id: str) -> Card:
    try:
        return site.catalogue.paper(paper_id)
    except (BadInput, NotFound):
        raise NotFound("We do not have this paper; try the search, or look at what is trending.") from None


def _file(content: str, media_type: str, ending: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="paper.{ending}"'}
    return Response(content, media_type=f"{media_type}; charset=utf-8", headers=headers)
