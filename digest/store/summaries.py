"""Queries about summaries of papers, and the calls of the summary service."""

from datetime import date

from sqlalchemy import Connection, delete, func, select, update

from digest.store import papers as paper_store
from digest.store.models import papers, popularity, summary_calls
from digest.store.papers import StoredPaper, upsert


def claim_calls(connection: Connection, today: date, since: date, budget: int) -> list[StoredPaper]:
    """Write down the calls of papers announced since a day, and return those papers, the most voted first.

    A paper is returned once on a day, and not if it has a summary; at most `budget` papers on a day.
    """
    spent = connection.execute(
        select(func.count()).select_from(summary_calls).where(summary_calls.c.called_on == today)
    ).scalar_one()
    votes = (
        select(func.max(popularity.c.upvotes))
        .where(popularity.c.paper_row_id == papers.c.id)
        .scalar_subquery()
    )
    called = select(summary_calls.c.paper_row_id).where(summary_calls.c.called_on == today)
    query = (
        select(papers.c.id)
        .where(
            papers.c.announced_on >= since,
            papers.c.summary == "",
            papers.c.abstract != "",
            papers.c.withdrawn.is_(False),
            papers.c.same_work_as.is_(None),
            papers.c.id.not_in(called),
        )
        .order_by(func.coalesce(votes, 0).desc(), papers.c.announced_on.desc(), papers.c.id)
        .limit(max(0, budget - spent))
    )
    row_ids = list(connection.execute(query).scalars())
    if not row_ids:
        return []
    rows = [{"paper_row_id": row_id, "called_on": today} for row_id in row_ids]
    claim = upsert(connection)(summary_calls).on_conflict_do_nothing(
        index_elements=["paper_row_id", "called_on"]
    )
    claimed = set(connection.execute(claim.returning(summary_calls.c.paper_row_id), rows).scalars())
    found = paper_store.find_by_row_ids(connection, claimed)
    return [found[row_id] for row_id in row_ids if row_id in claimed]


def release_call(connection: Connection, paper_row_id: int) -> None:
    """Forget the newest call of a paper, which was not made."""
    newest = select(func.max(summary_calls.c.called_on)).where(summary_calls.c.paper_row_id == paper_row_id)
    connection.execute(
        delete(summary_calls).where(
            summary_calls.c.paper_row_id == paper_row_id,
            summary_calls.c.called_on == newest.scalar_subquery(),
        )
    )


def save_summary(connection: Connection, paper_row_id: int, summary: str) -> None:
    """Store the summary of a paper that has none."""
    statement = update(papers).where(papers.c.id == paper_row_id, papers.c.summary == "")
    connection.execute(statement.values(summary=summary))


def delete_calls(connection: Connection, before: date) -> None:
    """Delete the calls of earlier days."""
    connection.execute(delete(summary_calls).where(summary_calls.c.called_on < before))
