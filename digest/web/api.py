"""The JSON API: papers, search and trending lists, described by OpenAPI."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, BeforeValidator, Field

from digest.domain.pick import Card, is_web_address
from digest.errors import BadInput, NotFound
from digest.store import papers as paper_store
from digest.text.formatting import one_line
from digest.web.catalogue import PER_CATEGORY, Period, trending_and_new
from digest.web.context import Context, WebContext
from digest.web.pages import paper_path
from digest.web.papers import DAY, LONGEST_QUERY

router = APIRouter(prefix="/api")
pages = APIRouter(include_in_schema=False)


def _written_as_a_day(value: object) -> object:
    """Reject seconds since 1970, which pydantic would accept as a date."""
    if isinstance(value, str) and not DAY.fullmatch(value):
        raise ValueError("write a date like 2026-11-22")
    return value


def _written_as_a_number(value: object) -> object:
    """Reject "+0.0" and "1_0", which pydantic would accept as whole numbers."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("write a whole number like 10")
    return value


# The validator comes after the bounds: before them, it would hide them from the OpenAPI document.
WHOLE = BeforeValidator(_written_as_a_number)
Top = Annotated[int, Query(ge=1, le=100, description="How many papers at most."), WHOLE]
Category = Annotated[
    str,
    Query(
        max_length=60, description="Only papers of this category (cs.CL), archive (cs) or source (biorxiv)."
    ),
]
Since = Annotated[
    date | None,
    BeforeValidator(_written_as_a_day),
    Query(description="Announced on that day or later (2026-11-22)."),
]


class PaperOut(BaseModel):
    """One paper."""

    id: str = Field(description="Canonical id: an arXiv id without version, or title: and 16 hex digits.")
    title: str
    authors: list[str]
    abstract: str
    categories: list[str] = Field(
        description="Categories of arXiv (cs.CL) and other sources (biorxiv:neuroscience), the primary one first."
    )
    announced_on: date | None
    page: str = Field(description="Its page here.")
    links: dict[str, str] = Field(description="Its pages on other sites, by kind.")
    popularity: str = Field(description="Votes or citations, in words; may be empty.")


class TrendingOut(PaperOut):
    """One paper of the trending list."""

    section: Literal["trending", "new"] = Field(description="trending: it has votes; new: it has none yet.")


class FoundOut(BaseModel):
    """A paper and its score, from 0 to 1."""

    fit: float
    paper: PaperOut


class DetailOut(PaperOut):
    """One paper with the papers most similar to it."""

    similar: list[FoundOut]


class Problem(BaseModel):
    """An error, in one sentence."""

    error: str


_NO_SUCH: dict[int | str, dict[str, Any]] = {404: {"model": Problem}, 422: {"model": Problem}}


@router.get("/papers", summary="The newest papers")
def papers(
    context: Context,
    top: Top = 30,
    since: Since = None,
) -> list[PaperOut]:
    """Return the most recently announced papers, newest first."""
    with context.container.database.read() as connection:
        stored = paper_store.newest_papers(connection, top, since)
        return [paper_out(context, card) for card in context.catalogue.cards(connection, stored)]


@router.get("/papers/{paper_id:path}", summary="One paper", responses=_NO_SUCH)
def paper(
    context: Context,
    paper_id: Annotated[str, Path(description="An arXiv id or URL, or a title id.")],
    similar: Annotated[int, Query(ge=0, le=50, description="How many similar papers to add."), WHOLE] = 0,
    category: Category = "",
    since: Since = None,
) -> DetailOut:
    """Return one paper by its id or arXiv URL; ids from before 2007 contain a slash: math/0611800.

    A category and a date filter the similar papers.
    """
    try:
        card = context.catalogue.paper(paper_id)
    except BadInput as error:
        raise NotFound(str(error)) from None
    found = context.catalogue.similar(card.paper_id, similar, since, one_line(category)) if similar else []
    return DetailOut(**paper_out(context, card).model_dump(), similar=_found(context, found))


@router.get("/search", summary="Search by words")
def search(
    context: Context,
    q: Annotated[str, Query(min_length=1, max_length=LONGEST_QUERY, description="Words to look for.")],
    category: Category = "",
    since: Since = None,
    top: Top = 30,
) -> list[FoundOut]:
    """Return the papers that match the words best, best first."""
    return _found(context, context.catalogue.search(one_line(q), top, since, one_line(category)))


@router.get("/trending", summary="What is trending")
def trending(
    context: Context,
    period: Annotated[Period, Query(description="The period.")] = "week",
    category: Category = "",
    top: Annotated[int, Query(ge=1, le=PER_CATEGORY, description="How many papers at most."), WHOLE] = 30,
) -> list[TrendingOut]:
    """Return the trending papers of a period, the most trending first.

    Papers without votes follow all others, as `new`.
    """
    cards = context.catalogue.trending(period).papers(category)[:top]
    return [
        TrendingOut(section=section, **paper_out(context, card).model_dump())
        for section, part in trending_and_new(cards)
        for card in part
    ]


def _found(context: WebContext, found: list[tuple[Card, float]]) -> list[FoundOut]:
    return [FoundOut(fit=round(fit, 4), paper=paper_out(context, card)) for card, fit in found]


def paper_out(context: WebContext, card: Card) -> PaperOut:
    """Return a paper as the API shows it; invalid URLs are left out."""
    every = (("abstract", card.abstract_url), ("pdf", card.pdf_url), *card.links)
    return PaperOut(
        id=card.paper_id,
        title=one_line(card.title),
        authors=[one_line(name) for name in card.authors],
        abstract=card.abstract,
        categories=list(card.categories),
        announced_on=card.announced_on,
        page=f"{context.base_url}{paper_path(card.paper_id)}",
        links={kind.lower(): url for kind, url in every if is_web_address(url)},
        popularity=card.popularity,
    )


@pages.get("/docs")
def docs(context: Context, request: Request) -> Response:
    """Show the documentation of the API, made from its OpenAPI document."""
    described = request.app.openapi()["paths"]
    operations = [(path, methods["get"]) for path, methods in described.items() if "get" in methods]
    return context.page("docs.html", "/docs", operations=operations)
