"""The page of one paper, its citation files, and search by words or by a paper's id."""

import re
from datetime import date
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from digest.domain.pick import Card
from digest.errors import BadInput, NotFound
from digest.papers.identifiers import canonical_id
from digest.papers.search import find_paper
from digest.store import feedback as feedback_store
from digest.store import papers as paper_store
from digest.text.formatting import one_line
from digest.text.languages import gettext
from digest.web.citations import bibtex, ris
from digest.web.context import Context, WebContext
from digest.web.pages import paper_path
from digest.web.sign_up_form import sign_up_fields

router = APIRouter(include_in_schema=False)
FOUND = 30
SIMILAR = 10
MARKED_SHOWN = 5
LEAST_SUBSCRIBERS = 3
"""Subscribers who must have marked two papers before a page says that they belong together: see docs/privacy.md."""
LONGEST_QUERY = 1000
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@router.get("/search")
async def search(
    context: Context,
    q: Annotated[str, Query(max_length=20_000)] = "",
    category: str = "",
    since: str = "",
) -> Response:
    """Find papers by words, or similar papers by an id or URL. A category and a date filter both."""
    query = _Query(one_line(q[:LONGEST_QUERY]), one_line(category[:60]), day_from(since))
    cached = context.search_cache.get(query, context.catalogue.revision_if_known())
    if cached is not None:
        return cached
    return await run_in_threadpool(_search, context, query)


class _Query(NamedTuple):
    words: str
    category: str
    since: date | None


def day_from(text: str) -> date | None:
    """Return a date typed like 2026-11-22; None for an empty field. Raises BadInput."""
    if not (text := one_line(text[:40])):
        return None
    try:
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadInput(gettext("%(text)s is not a date; write it like 2026-11-22.", text=repr(text)))


def _search(context: WebContext, query: _Query) -> Response:
    words, category, since = query
    revision = context.catalogue.revision()
    is_fresh = context.catalogue.is_search_fresh()
    named = _named(context, words)
    if named is not None:
        found = context.catalogue.similar(named.paper_id, FOUND, since, category)
    else:
        found = context.catalogue.search(words, FOUND, since, category) if words else []
    given = {"q": words, "category": category, "since": since}
    page = context.page(
        "search.html",
        f"/search?{urlencode({name: value for name, value in given.items() if value})}"
        if words
        else "/search",
        query=words,
        category=category,
        since=since,
        categories=context.catalogue.trending("week").categories,
        named=named,
        found=found,
    )
    if is_fresh:
        context.search_cache.put(query, revision, page)
    return page


def _named(context: WebContext, words: str) -> Card | None:
    try:
        return context.catalogue.paper(canonical_id(words))
    except (BadInput, NotFound):
        return None


@router.get("/papers/{paper_id:path}.bib")
def as_bibtex(context: Context, paper_id: str) -> Response:
    """Return a paper as a BibTeX entry."""
    return _file(bibtex(_card(context, paper_id)), "application/x-bibtex", "bib")


@router.get("/papers/{paper_id:path}.ris")
def as_ris(context: Context, paper_id: str) -> Response:
    """Return a paper as a RIS record."""
    return _file(ris(_card(context, paper_id)), "application/x-research-info-systems", "ris")


@router.get("/papers/{paper_id:path}")
def paper(context: Context, paper_id: str) -> Response:
    """Show one paper and the papers most similar to it."""
    card = _card(context, paper_id)
    with context.container.database.read() as connection:
        stored = find_paper(connection, card.paper_id)
        curve, votes = context.catalogue.votes(connection, stored)
        together = feedback_store.marked_together(connection, stored.row_id, LEAST_SUBSCRIBERS, MARKED_SHOWN)
        found = paper_store.find_by_row_ids(connection, together)
        marked = context.catalogue.cards(connection, [found[row_id] for row_id in together])
    return context.page(
        "paper.html",
        paper_path(card.paper_id),
        card=card,
        curve=curve,
        votes=votes,
        marked=marked,
        similar=[one for one, _ in context.catalogue.similar(card.paper_id, SIMILAR)],
        bibtex=bibtex(card),
        fields=sign_up_fields(like=card.paper_id),
    )


def _card(context: WebContext, paper_id: str) -> Card:
    try:
        return context.catalogue.paper(paper_id)
    except (BadInput, NotFound):
        raise NotFound(
            gettext("We do not have this paper; try the search, or look at what is trending.")
        ) from None


def _file(content: str, media_type: str, ending: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="paper.{ending}"'}
    return Response(content, media_type=f"{media_type}; charset=utf-8", headers=headers)
