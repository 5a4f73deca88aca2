"""Queries about feedback: which papers subscribers want more or less of."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, select

from digest.domain.subscriber import Verdict
from digest.store.conditions import one_of
from digest.store.models import feedback, papers
from digest.store.papers import upsert


def save_feedback(
    connection: Connection, subscriber_id: int, paper_row_id: int, verdict: Verdict | None, now: datetime
) -> None:
    """Store or replace a subscriber's verdict on a paper; None deletes it."""
    if verdict is None:
        gone = (feedback.c.subscriber_id == subscriber_id) & (feedback.c.paper_row_id == paper_row_id)
        connection.execute(delete(feedback).where(gone))
        return
    statement = upsert(connection)(feedback).values(
        subscriber_id=subscriber_id, paper_row_id=paper_row_id, verdict=verdict, given_at=now
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["subscriber_id", "paper_row_id"],
            set_={"verdict": statement.excluded.verdict, "given_at": statement.excluded.given_at},
        )
    )


def save_verdicts(connection: Connection, said: Iterable[tuple[int, int, Verdict]], now: datetime) -> None:
    """Store the first verdicts of new subscribers: (subscriber_id, paper_row_id, verdict)."""
    rows = [
        {"subscriber_id": subscriber_id, "paper_row_id": paper_row_id, "verdict": verdict, "given_at": now}
        for subscriber_id, paper_row_id, verdict in said
    ]
    if rows:
        connection.execute(feedback.insert(), rows)


def like_all(connection: Connection, liked: Iterable[tuple[int, int, datetime]]) -> None:
    """Store that subscribers want more of papers: (subscriber_id, paper_row_id, given_at); a verdict that exists is kept."""
    rows = [
        {
            "subscriber_id": subscriber_id,
            "paper_row_id": row_id,
            "verdict": Verdict.MORE,
            "given_at": given_at,
        }
        for subscriber_id, row_id, given_at in liked
    ]
    if rows:
        connection.execute(upsert(connection)(feedback).on_conflict_do_nothing(), rows)


def marked_since(
    connection: Connection, subscriber_ids: Collection[int], since: datetime
) -> dict[int, list[tuple[str, str]]]:
    """Return title and paper_id of the papers that subscribers wanted more of since an instant, the newest first."""
    if not subscriber_ids:
        return {}
    query = (
        select(feedback.c.subscriber_id, papers.c.title, papers.c.paper_id)
        .join(papers, papers.c.id == feedback.c.paper_row_id)
        .where(
            one_of(feedback.c.subscriber_id, subscriber_ids),
            feedback.c.verdict == "more",
            feedback.c.given_at >= since,
        )
        .order_by(feedback.c.given_at.desc(), papers.c.id)
    )
    marked: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for row in connection.execute(query):
        marked[row.subscriber_id].append((row.title, row.paper_id))
    return dict(marked)


def read_feedback(
    connection: Connection, subscriber_ids: Collection[int]
) -> dict[int, list[tuple[int, Verdict]]]:
    """Return (paper_row_id, verdict) by subscriber, the oldest first; subscribers without feedback are left out."""
    query = (
        select(feedback.c.subscriber_id, feedback.c.paper_row_id, feedback.c.verdict)
        .where(one_of(feedback.c.subscriber_id, subscriber_ids))
        .order_by(feedback.c.given_at, feedback.c.paper_row_id)
    )
    said: dict[int, list[tuple[int, Verdict]]] = defaultdict(list)
    for row in connection.execute(query):
        said[row.subscriber_id].append((row.paper_row_id, Verdict(row.verdict)))
    return dict(said)
