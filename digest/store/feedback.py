"""Queries about feedback: which papers subscribers want more or less of."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, func, literal, select, true

from digest.domain.subscriber import Verdict
from digest.store.conditions import one_of
from digest.store.models import feedback, papers, subscribers
from digest.store.papers import upsert

_CONSIDERED = 1000
"""Subscribers whose marks are compared: what they all marked is read for each view of a paper's page."""


def save_feedback(
    connection: Connection,
    subscriber_id: int,
    paper_row_id: int,
    verdict: Verdict | None,
    now: datetime,
    *,
    from_team: bool = False,
) -> None:
    """Store or replace a subscriber's verdict on a paper; None deletes it."""
    if verdict is None:
        gone = (feedback.c.subscriber_id == subscriber_id) & (feedback.c.paper_row_id == paper_row_id)
        connection.execute(delete(feedback).where(gone))
        return
    statement = upsert(connection)(feedback).values(
        subscriber_id=subscriber_id,
        paper_row_id=paper_row_id,
        verdict=verdict,
        given_at=now,
        from_team=from_team,
    )
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["subscriber_id", "paper_row_id"],
            set_={"verdict": new.verdict, "given_at": new.given_at, "from_team": new.from_team},
        )
    )


def copy_feedback(connection: Connection, source_id: int, target_id: int) -> None:
    """Copy all verdicts of a subscriber to another one, in their order; verdicts that exist are kept."""
    of_source = select(
        literal(target_id), feedback.c.paper_row_id, feedback.c.verdict, feedback.c.given_at, true()
    ).where(feedback.c.subscriber_id == source_id)
    columns = ["subscriber_id", "paper_row_id", "verdict", "given_at", "from_team"]
    connection.execute(upsert(connection)(feedback).from_select(columns, of_source).on_conflict_do_nothing())


def save_verdicts(connection: Connection, said: Iterable[tuple[int, int, Verdict]], now: datetime) -> None:
    """Store the first verdicts of new subscribers: (subscriber_id, paper_row_id, verdict)."""
    rows = [
        {"subscriber_id": subscriber_id, "paper_row_id": paper_row_id, "verdict": verdict, "given_at": now}
        for subscriber_id, paper_row_id, verdict in said
    ]
    if rows:
        connection.execute(feedback.insert(), rows)


def like_all(
    connection: Connection, liked: Iterable[tuple[int, int, datetime]], *, from_team: bool = False
) -> None:
    """Store that subscribers want more of papers: (subscriber_id, paper_row_id, given_at); a verdict that exists is kept."""
    rows = [
        {
            "subscriber_id": subscriber_id,
            "paper_row_id": row_id,
            "verdict": Verdict.MORE,
            "given_at": given_at,
            "from_team": from_team,
        }
        for subscriber_id, row_id, given_at in liked
    ]
    if rows:
        connection.execute(upsert(connection)(feedback).on_conflict_do_nothing(), rows)


def marked_since(
    connection: Connection, subscriber_ids: Collection[int], since: datetime
) -> dict[int, list[tuple[str, str]]]:
    """Return title and paper_id of the papers that subscribers wanted more of since an instant, the newest first.

    Verdicts of other members of a team do not count.
    """
    if not subscriber_ids:
        return {}
    query = (
        select(feedback.c.subscriber_id, papers.c.title, papers.c.paper_id)
        .join(papers, papers.c.id == feedback.c.paper_row_id)
        .where(
            one_of(feedback.c.subscriber_id, subscriber_ids),
            feedback.c.verdict == "more",
            ~feedback.c.from_team,
            feedback.c.given_at >= since,
        )
        .order_by(feedback.c.given_at.desc(), papers.c.id)
    )
    marked: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for row in connection.execute(query):
        marked[row.subscriber_id].append((row.title, row.paper_id))
    return dict(marked)


def marked_together(connection: Connection, paper_row_id: int, least: int, most: int) -> list[int]:
    """Return the papers that subscribers wanted more of together with this one, those of the most subscribers first.

    Papers of fewer than `least` subscribers are left out, so that no page tells what a single subscriber marked. Only
    subscribers who confirmed their address count, and of those who marked this paper the last _CONSIDERED.
    """
    count = func.count()
    here = (
        select(feedback.c.subscriber_id)
        .join(subscribers, subscribers.c.id == feedback.c.subscriber_id)
        .where(
            feedback.c.paper_row_id == paper_row_id,
            feedback.c.verdict == "more",
            subscribers.c.confirmed_at.is_not(None),
        )
        .order_by(feedback.c.given_at.desc())
        .limit(_CONSIDERED)
        .subquery()
    )
    query = (
        select(feedback.c.paper_row_id)
        .join(here, here.c.subscriber_id == feedback.c.subscriber_id)
        .where(feedback.c.verdict == "more", feedback.c.paper_row_id != paper_row_id)
        .group_by(feedback.c.paper_row_id)
        .having(count >= least)
        .order_by(count.desc(), feedback.c.paper_row_id.desc())
        .limit(most)
    )
    return list(connection.execute(query).scalars())


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
