"""Queries about the dense vectors of papers, which only an installation with DIGEST_DENSE_MODEL has."""

from collections.abc import Collection, Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, select

from digest.store.conditions import one_of
from digest.store.models import paper_vectors, papers
from digest.store.papers import upsert

_STORED = np.dtype("<f2")
"""Half precision: it changes no rank that matters, and halves the table."""


def papers_without_vector(
    connection: Connection, model: str, announced_after: date, limit: int
) -> list[tuple[int, str, str]]:
    """Return (row id, title, abstract) of papers announced after a day that this model has no vector of."""
    known = select(paper_vectors.c.paper_row_id).where(paper_vectors.c.model == model)
    query = (
        select(papers.c.id, papers.c.title, papers.c.abstract)
        .where(papers.c.announced_on > announced_after, papers.c.id.not_in(known))
        .order_by(papers.c.id)
        .limit(limit)
    )
    return [(row.id, row.title, row.abstract) for row in connection.execute(query)]


def save_vectors(connection: Connection, model: str, vectors: Mapping[int, NDArray[np.float32]]) -> None:
    """Store vectors by row id of the paper; one that is there already stays, as it is the same."""
    if not vectors:
        return
    statement = upsert(connection)(paper_vectors).on_conflict_do_nothing(
        index_elements=["paper_row_id", "model"]
    )
    rows = [
        {"paper_row_id": row_id, "model": model, "vector": vector.astype(_STORED).tobytes()}
        for row_id, vector in vectors.items()
    ]
    connection.execute(statement, rows)


def read_vectors(
    connection: Connection, model: str, row_ids: Collection[int]
) -> dict[int, NDArray[np.float32]]:
    """Return the vectors of papers by row id; papers without one are left out."""
    query = select(paper_vectors.c.paper_row_id, paper_vectors.c.vector).where(
        paper_vectors.c.model == model, one_of(paper_vectors.c.paper_row_id, row_ids)
    )
    return {
        row.paper_row_id: np.frombuffer(row.vector, _STORED).astype(np.float32)
        for row in connection.execute(query)
    }


def delete_other_vectors(connection: Connection, model: str) -> int:
    """Delete the vectors of other models; return how many."""
    return connection.execute(delete(paper_vectors).where(paper_vectors.c.model != model)).rowcount
