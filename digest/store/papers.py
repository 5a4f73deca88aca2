"""Queries about papers, their terms and their popularity."""

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, Text, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from digest.domain.paper import Paper, Popularity
from digest.store.conditions import one_of
from digest.store.identifier_models import alternative_ids
from digest.store.models import paper_terms, papers, popularity

_HAS_STATED_DATE = papers.c.announced_guessed.is_(False)
# Of a work that was stored twice, only one row is a paper; see digest.store.same_works.
_IS_PAPER = papers.c.same_work_as.is_(None)
# The key of the lock: any number that no other lock uses.
_INGESTION_LOCK = 7_234_002
_MOST_BY_AUTHOR = 500
"""Papers that may have an author of a name, whose names are compared word by word."""


@dataclass(frozen=True, slots=True)
class StoredPaper:
    """A paper with the columns that only the database has."""

    row_id: int
    paper: Paper
    title_id: str
    announced_guessed: bool
    first_seen_at: datetime
    same_work_as: int | None = None
    """The row that stands for the same work; None unless the work was stored twice."""

    @property
    def announced_on(self) -> date:
        """The announcement date, or the day it was first seen while no feed has given one."""
        assert self.paper.announced_on is not None
        return self.paper.announced_on

    @property
    def stated_on(self) -> date | None:
        """The announcement date from a feed or file; None while there is only an estimate."""
        return None if self.announced_guessed else self.announced_on


class Listing(NamedTuple):
    """The day and categories under which a paper is listed."""

    row_id: int
    announced_on: date | None
    """None while no feed has given the day."""
    categories: tuple[str, ...]


def _stored(row: Row[Any]) -> StoredPaper:
    return StoredPaper(
        row_id=row.id,
        paper=Paper(
            id=row.paper_id,
            title=row.title,
            abstract=row.abstract,
            authors=tuple(row.authors),
            categories=tuple(row.categories),
            announced_on=row.announced_on,
            withdrawn=row.withdrawn,
            links=dict(row.links),
            raw_title=row.raw_title,
            raw_abstract=row.raw_abstract,
            summary=row.summary,
        ),
        title_id=row.title_id,
        announced_guessed=row.announced_guessed,
        first_seen_at=row.first_seen_at,
        same_work_as=row.same_work_as,
    )


def _columns(stored: StoredPaper) -> dict[str, Any]:
    paper = stored.paper
    return {
        "paper_id": paper.id,
        "title_id": stored.title_id,
        "title": paper.title,
        "abstract": paper.abstract,
        "authors": list(paper.authors),
        "categories": list(paper.categories),
        "announced_on": stored.announced_on,
        "announced_guessed": stored.announced_guessed,
        "withdrawn": paper.withdrawn,
        "links": dict(paper.links),
        "raw_title": paper.raw_title,
        "raw_abstract": paper.raw_abstract,
        "summary": paper.summary,
        "first_seen_at": stored.first_seen_at,
    }


def _read(connection: Connection, query: Select[Any]) -> list[StoredPaper]:
    return [_stored(row) for row in connection.execute(query)]


def lock_ingestion(connection: Connection) -> None:
    """Block other ingestions until this transaction ends: two feeds may show the same new paper."""
    # On SQLite a writing transaction blocks all other writers anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_INGESTION_LOCK)))


def find_known(connection: Connection, ids: Collection[str], title_ids: Collection[str]) -> list[StoredPaper]:
    """Return the stored papers with one of these ids (of any source) or title ids, by row id."""
    condition = or_(one_of(papers.c.paper_id, ids), one_of(papers.c.title_id, title_ids))
    found = {stored.row_id: stored for stored in _read(connection, select(papers).where(condition))}
    named = select(alternative_ids.c.paper_row_id).where(one_of(alternative_ids.c.paper_id, ids))
    others = {*connection.execute(named).scalars()}
    others |= {stored.same_work_as for stored in found.values() if stored.same_work_as is not None}
    found |= find_by_row_ids(connection, others - found.keys())
    return [found[row_id] for row_id in sorted(found) if found[row_id].same_work_as is None]


def find_by_paper_ids(connection: Connection, ids: Collection[str]) -> dict[str, StoredPaper]:
    """Return the stored papers with these ids (of any source), by the id that was asked for; unknown ids are left out."""
    row_ids = row_ids_of(connection, ids)
    found = find_by_row_ids(connection, set(row_ids.values()))
    return {paper_id: found[row_id] for paper_id, row_id in row_ids.items()}


def find_by_row_ids(connection: Connection, row_ids: Collection[int]) -> dict[int, StoredPaper]:
    """Return the stored papers with these row ids, by row id."""
    return {
        stored.row_id: stored
        for stored in _read(connection, select(papers).where(one_of(papers.c.id, row_ids)))
    }


def find_by_author(connection: Connection, name: str, limit: int) -> list[StoredPaper]:
    """Return the newest papers that have an author whose name has all words of `name`, newest first.

    A word may be typed with the accents that the name has, or with none if it has none.
    """
    words = _name_words(name)
    # Names are stored as JSON, in which accents may be escaped: the database compares what is plain, Python the rest.
    plain = re.findall("[a-z]{2,}", name.casefold())
    if not words:
        return []
    query = select(papers).order_by(papers.c.announced_on.desc(), papers.c.id.desc())
    for word in plain:
        query = query.where(func.lower(cast(papers.c.authors, Text)).contains(word, autoescape=True))
    found = [
        stored
        for stored in _read(connection, query.limit(_MOST_BY_AUTHOR))
        if any(words <= _name_words(author) for author in stored.paper.authors)
    ]
    return found[:limit]


def _name_words(name: str) -> set[str]:
    """Return the words of a name in lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return set(re.findall(r"[^\W\d_]+", plain))


def row_ids_of(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    """Return the row ids of the papers with these ids (of any source), by id; unknown ids are left out."""
    other = select(alternative_ids.c.paper_id, alternative_ids.c.paper_row_id).where(
        one_of(alternative_ids.c.paper_id, ids)
    )
    own = select(papers.c.paper_id, papers.c.id).where(one_of(papers.c.paper_id, ids), _IS_PAPER)
    return {**dict(connection.execute(other).all()), **dict(connection.execute(own).all())}


def listings(connection: Connection) -> Iterator[Listing]:
    """Yield the day and categories of each paper."""
    # All papers share a few thousand combinations of categories; each is parsed once.
    lists: dict[str, tuple[str, ...]] = {}
    query = select(
        papers.c.id, papers.c.announced_on, papers.c.announced_guessed, cast(papers.c.categories, Text)
    )
    for row_id, announced_on, is_guessed, written in connection.execute(query):
        categories = lists.get(written)
        if categories is None:
            categories = lists[written] = tuple(json.loads(written))
        yield Listing(row_id, None if is_guessed else announced_on, categories)


def announced_between(
    connection: Connection,
    after: date,
    through: date,
    seen_through: datetime | None = None,
    *,
    is_popular: bool = False,
) -> list[StoredPaper]:
    """Return the papers announced after one date and up to another, oldest row first.

    Papers whose day no feed has given are left out. `seen_through` leaves out papers first seen later, `is_popular` those
    whose popularity no source has counted.
    """
    query = select(papers).where(
        _IS_PAPER, _HAS_STATED_DATE, papers.c.announced_on > after, papers.c.announced_on <= through
    )
    if seen_through is not None:
        query = query.where(papers.c.first_seen_at <= seen_through)
    if is_popular:
        query = query.where(papers.c.id.in_(select(popularity.c.paper_row_id)))
    return _read(connection, query.order_by(papers.c.id))


def page(connection: Connection, after: int, limit: int) -> list[StoredPaper]:
    """Return a page of papers with a row id above `after`, by row id."""
    query = select(papers).where(_IS_PAPER, papers.c.id > after)
    return _read(connection, query.order_by(papers.c.id).limit(limit))


def newest_announcement(connection: Connection, through: date) -> date | None:
    """Return the latest announcement date of any stored paper that is not after `through`."""
    newest = select(func.max(papers.c.announced_on)).where(_HAS_STATED_DATE, papers.c.announced_on <= through)
    found: date | None = connection.execute(newest).scalar_one()
    return found


def announcement_days(connection: Connection, through: date, most: int) -> dict[date, int]:
    """Return the last days with announced papers up to a date, the newest first, and how many papers each has."""
    query = (
        select(papers.c.announced_on, func.count())
        .where(_HAS_STATED_DATE, papers.c.announced_on <= through)
        .group_by(papers.c.announced_on)
        .order_by(papers.c.announced_on.desc())
        .limit(most)
    )
    return dict(connection.execute(query).all())


def count_papers(connection: Connection) -> int:
    """Return how many papers are stored."""
    return connection.execute(select(func.count()).select_from(papers)).scalar_one()


def newest_papers(
    connection: Connection, top: int, since: date | None = None, through: date | None = None
) -> list[StoredPaper]:
    """Return the most recently announced papers, newest first; papers whose day no feed has given come last.

    With `since` or `through`, papers without a given day are left out.
    """
    query = select(papers).where(_IS_PAPER)
    query = query.order_by(papers.c.announced_on.desc(), papers.c.id.desc()).limit(top)
    stated = query.where(_HAS_STATED_DATE)
    if since is not None:
        stated = stated.where(papers.c.announced_on >= since)
    if through is not None:
        stated = stated.where(papers.c.announced_on <= through)
    found = _read(connection, stated)
    if since is None and through is None and len(found) < top:
        found += _read(connection, query.where(~_HAS_STATED_DATE).limit(top - len(found)))
    return found


def insert_papers(connection: Connection, new: Sequence[StoredPaper], now: datetime) -> dict[str, int]:
    """Store new papers (their `row_id` is ignored); return the row ids by paper_id."""
    if not new:
        return {}
    rows = [{**_columns(stored), "updated_at": now} for stored in new]
    statement = papers.insert().returning(papers.c.paper_id, papers.c.id, sort_by_parameter_order=True)
    return {row.paper_id: row.id for row in connection.execute(statement, rows)}


def update_papers(connection: Connection, changed: Sequence[StoredPaper], now: datetime) -> None:
    """Overwrite the rows of these papers, found by row id."""
    if not changed:
        return
    statement = update(papers).where(papers.c.id == bindparam("updated_row_id"))
    rows = [{**_columns(stored), "updated_at": now, "updated_row_id": stored.row_id} for stored in changed]
    connection.execute(statement, rows)


def upsert(connection: Connection) -> Any:
    """Return the insert construct of this database, which supports ON CONFLICT."""
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert


def save_terms(connection: Connection, counts: Mapping[int, bytes]) -> None:
    """Store the packed term counts of papers by row id; existing ones are replaced."""
    if not counts:
        return
    statement = upsert(connection)(paper_terms)
    statement = statement.on_conflict_do_update(
        index_elements=["paper_row_id"], set_={"counts": statement.excluded.counts}
    )
    connection.execute(
        statement, [{"paper_row_id": row_id, "counts": blob} for row_id, blob in counts.items()]
    )


def read_terms(connection: Connection, row_ids: Collection[int] | None = None) -> dict[int, bytes]:
    """Return packed term counts by row id, in rising order: of these papers, or of all."""
    query = select(paper_terms.c.paper_row_id, paper_terms.c.counts).order_by(paper_terms.c.paper_row_id)
    if row_ids is not None:
        query = query.where(one_of(paper_terms.c.paper_row_id, row_ids))
    return dict(connection.execute(query).all())


def newest_terms(connection: Connection, limit: int) -> dict[int, bytes]:
    """Return packed term counts of the newest papers by row id, in rising order of (announced_on, row id)."""
    newest = (
        select(paper_terms.c.counts, papers.c.announced_on, papers.c.id)
        .join(papers, papers.c.id == paper_terms.c.paper_row_id)
        .order_by(papers.c.announced_on.desc(), papers.c.id.desc())
        .limit(limit)
    )
    return {row.id: row.counts for row in reversed(connection.execute(newest).all())}


def terms_between(connection: Connection, after: int, through: int) -> dict[int, bytes]:
    """Return packed term counts of the papers with row ids in (after, through]."""
    query = (
        select(paper_terms.c.paper_row_id, paper_terms.c.counts)
        .where(paper_terms.c.paper_row_id > after, paper_terms.c.paper_row_id <= through)
        .order_by(paper_terms.c.paper_row_id)
    )
    return dict(connection.execute(query).all())


def newest_row_id(connection: Connection) -> int:
    """Return the highest row id in use; 0 for an empty table."""
    return connection.execute(select(func.max(papers.c.id))).scalar_one() or 0


def newest_snapshot(connection: Connection) -> datetime | None:
    """Return when popularity was last observed."""
    observed_at: datetime | None = connection.execute(select(func.max(popularity.c.observed_at))).scalar_one()
    return observed_at


def save_popularity(connection: Connection, snapshots: Iterable[tuple[int, Popularity]]) -> int:
    """Store snapshots by paper_row_id; an existing one of the same instant stays. Return how many are new."""
    rows = [
        {
            "paper_row_id": row_id,
            "observed_at": seen.observed_at,
            "upvotes": seen.upvotes,
            "comments": seen.comments,
            "stars": seen.stars,
            "citations": seen.citations,
        }
        for row_id, seen in snapshots
    ]
    if not rows:
        return 0
    statement = upsert(connection)(popularity).on_conflict_do_nothing().returning(popularity.c.paper_row_id)
    return len(connection.execute(statement, rows).all())


def latest_popularity(connection: Connection, row_ids: Collection[int]) -> dict[int, Popularity]:
    """Return the most recent snapshot of each of these papers, by row id."""
    newest = (
        select(popularity.c.paper_row_id, func.max(popularity.c.observed_at).label("observed_at"))
        .where(one_of(popularity.c.paper_row_id, row_ids))
        .group_by(popularity.c.paper_row_id)
        .subquery()
    )
    query = select(popularity).join(
        newest,
        (popularity.c.paper_row_id == newest.c.paper_row_id)
        & (popularity.c.observed_at == newest.c.observed_at),
    )
    return {row.paper_row_id: _snapshot(row) for row in connection.execute(query)}


def _snapshot(row: Row[Any]) -> Popularity:
    return Popularity(row.observed_at, row.upvotes, row.comments, row.stars, row.citations)


def popularity_of(
    connection: Connection, row_ids: Collection[int], until: datetime
) -> dict[int, list[Popularity]]:
    """Return the snapshots of these papers up to an instant, oldest first, by row id."""
    query = (
        select(popularity)
        .where(one_of(popularity.c.paper_row_id, row_ids), popularity.c.observed_at <= until)
        .order_by(popularity.c.paper_row_id, popularity.c.observed_at)
    )
    found: dict[int, list[Popularity]] = {}
    for row in connection.execute(query):
        found.setdefault(row.paper_row_id, []).append(_snapshot(row))
    return found
