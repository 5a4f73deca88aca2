"""Queries about works that have several ids, and works that were stored twice before a source said that they are one.

The second row of a work stays, because mails refer to it; `same_work_as` names the row that stands for the work. It is
in no list and no search, and all its ids lead to the other row.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, delete, literal, select, update

from digest.store.conditions import one_of
from digest.store.identifier_models import alternative_ids, author_orcids
from digest.store.models import feedback, paper_terms, paper_vectors, papers, popularity
from digest.store.papers import upsert


def ids_of_rows(connection: Connection, row_ids: Collection[int]) -> dict[int, list[str]]:
    """Return the alternative ids of papers by row id; papers without any are left out."""
    query = select(alternative_ids).where(one_of(alternative_ids.c.paper_row_id, row_ids))
    found: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(query.order_by(alternative_ids.c.paper_id)):
        found[row.paper_row_id].append(row.paper_id)
    return found


def save_ids(connection: Connection, ids: Mapping[str, int]) -> None:
    """Store alternative ids with their rows; an id that is stored already stays with its row."""
    if not ids:
        return
    statement = upsert(connection)(alternative_ids).on_conflict_do_nothing()
    rows = [{"paper_id": paper_id, "paper_row_id": row_id} for paper_id, row_id in sorted(ids.items())]
    connection.execute(statement, rows)


def join_rows(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Make the second paper of each pair (row ids) stand for the work of both.

    Its votes and feedback include those of the other from then on; what one subscriber said of the remaining paper
    takes precedence. Mails still refer to the other row.
    """
    for absorbed, kept in pairs:
        former = select(papers.c.id).where((papers.c.id == absorbed) | (papers.c.same_work_as == absorbed))
        connection.execute(update(papers).where(papers.c.id.in_(former)).values(same_work_as=kept))
        for table in (popularity, feedback, author_orcids):
            names = [column.name for column in table.columns if column.name != "paper_row_id"]
            moved = select(literal(kept), *(table.c[name] for name in names))
            insert = upsert(connection)(table).from_select(
                ["paper_row_id", *names], moved.where(table.c.paper_row_id == absorbed)
            )
            connection.execute(insert.on_conflict_do_nothing())
            connection.execute(delete(table).where(table.c.paper_row_id == absorbed))
        # Neither search nor the reference corpus sees a work twice.
        for terms in (paper_terms, paper_vectors):
            connection.execute(delete(terms).where(terms.c.paper_row_id == absorbed))
        connection.execute(
            update(alternative_ids)
            .where(alternative_ids.c.paper_row_id == absorbed)
            .values(paper_row_id=kept)
        )


def absorbed_rows(connection: Connection, row_ids: Collection[int]) -> dict[int, int]:
    """Return the further rows of these papers: their row ids to those of the papers."""
    query = select(papers.c.id, papers.c.same_work_as).where(one_of(papers.c.same_work_as, row_ids))
    return dict(connection.execute(query).all())
