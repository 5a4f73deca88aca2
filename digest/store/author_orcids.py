"""Queries about the ORCID iDs of authors."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, delete, func, select

from digest.store.conditions import one_of
from digest.store.identifier_models import author_orcids

Named = tuple[str, str]
"""A name of an author and their ORCID iD."""


def orcids_of(connection: Connection, row_ids: Collection[int]) -> dict[int, list[Named]]:
    """Return the names and ORCID iDs of authors by the row id of the paper, by iD; papers without any are left out."""
    query = select(author_orcids).where(one_of(author_orcids.c.paper_row_id, row_ids))
    found: dict[int, list[Named]] = defaultdict(list)
    for row in connection.execute(query.order_by(author_orcids.c.orcid)):
        found[row.paper_row_id].append((row.name, row.orcid))
    return dict(found)


def save_orcids(connection: Connection, named: Mapping[int, Sequence[Named]]) -> None:
    """Store the ORCID iDs of papers by row id, in place of those stored for these papers."""
    if not named:
        return
    known = orcids_of(connection, named.keys())
    changed = {
        row_id: pairs for row_id, pairs in named.items() if sorted(pairs) != sorted(known.get(row_id, ()))
    }
    rows = [
        {"paper_row_id": row_id, "orcid": orcid, "name": name}
        for row_id, pairs in changed.items()
        for name, orcid in pairs
    ]
    if rows:
        connection.execute(delete(author_orcids).where(one_of(author_orcids.c.paper_row_id, changed.keys())))
        connection.execute(author_orcids.insert(), rows)


def seen_names(connection: Connection, orcids: Collection[str]) -> dict[str, dict[str, int]]:
    """Return for each of these ORCID iDs the names under which it was seen, with numbers of papers, most papers first."""
    if not orcids:
        return {}
    papers = func.count()
    query = (
        select(author_orcids.c.orcid, author_orcids.c.name, papers)
        .where(one_of(author_orcids.c.orcid, orcids))
        .group_by(author_orcids.c.orcid, author_orcids.c.name)
        .order_by(papers.desc(), author_orcids.c.name)
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for orcid, name, count in connection.execute(query):
        found[orcid][name] = count
    return dict(found)
