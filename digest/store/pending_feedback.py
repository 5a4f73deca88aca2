"""Queries about what subscribers said of papers that are not stored yet."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, Row, delete, func, or_, select, tuple_, update

from digest.store.models import feedback, papers, pending_feedback
from digest.store.papers import upsert

MOST_PENDING = 2000
"""Of one subscriber; the oldest give way."""

_pending = pending_feedback.c


def save_pending(connection: Connection, said: Iterable[tuple[int, str, str]], now: datetime) -> None:
    """Keep (subscriber, canonical id, verdict) over earlier ones of the same paper."""
    rows = [
        {"subscriber_id": number, "canonical_id": paper_id, "verdict": verdict, "given_at": now}
        for number, paper_id, verdict in said
    ]
    if not rows:
        return
    statement = upsert(connection)(pending_feedback)
    statement = statement.on_conflict_do_update(
        index_elements=["subscriber_id", "canonical_id"],
        set_={"verdict": statement.excluded.verdict, "given_at": statement.excluded.given_at},
    )
    connection.execute(statement, rows)
    _bound(connection, {row["subscriber_id"] for row in rows})


def _bound(connection: Connection, subscriber_ids: Collection[int]) -> None:
    counted = select(_pending.subscriber_id, func.count()).where(_pending.subscriber_id.in_(subscriber_ids))
    for number, count in connection.execute(counted.group_by(_pending.subscriber_id)).all():
        if count > MOST_PENDING:
            oldest = (
                select(_pending.canonical_id)
                .where(_pending.subscriber_id == number)
                .order_by(_pending.given_at, _pending.canonical_id)
                .limit(count - MOST_PENDING)
            )
            gone = (_pending.subscriber_id == number) & _pending.canonical_id.in_(oldest)
            connection.execute(delete(pending_feedback).where(gone))


def read_pending(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """Return (canonical id, verdict) by subscriber, the oldest first; who has none is left out."""
    query = (
        select(_pending.subscriber_id, _pending.canonical_id, _pending.verdict)
        .where(_pending.subscriber_id.in_(subscriber_ids))
        .order_by(_pending.given_at, _pending.canonical_id)
    )
    said: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for row in connection.execute(query):
        said[row.subscriber_id].append((row.canonical_id, row.verdict))
    return dict(said)


def ids_to_ask_for(
    connection: Connection, given_after: datetime, asked_before: datetime, limit: int
) -> list[str]:
    """Return the ids marked after one instant that arXiv was not asked for since another, in their order."""
    query = (
        select(_pending.canonical_id)
        .where(
            _pending.given_at > given_after,
            or_(_pending.asked_at.is_(None), _pending.asked_at < asked_before),
            _pending.canonical_id.not_like("title:%"),
        )
        .distinct()
        .order_by(_pending.canonical_id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def mark_asked(connection: Connection, ids: Collection[str], now: datetime) -> None:
    """Note that arXiv was asked for these papers."""
    connection.execute(update(pending_feedback).where(_pending.canonical_id.in_(ids)).values(asked_at=now))


def arrived(connection: Connection, limit: int) -> list[Row[tuple[int, str, str, datetime, int]]]:
    """Return rows (subscriber_id, canonical_id, verdict, given_at, paper_id) whose paper is stored by now."""
    query = (
        select(pending_feedback.c["subscriber_id", "canonical_id", "verdict", "given_at"], papers.c.id)
        .join(papers, papers.c.canonical_id == _pending.canonical_id)
        .order_by(_pending.subscriber_id, _pending.canonical_id)
        .limit(limit)
    )
    return list(connection.execute(query).all())


def settle(connection: Connection, rows: Collection[Row[tuple[int, str, str, datetime, int]]]) -> None:
    """Turn rows of `arrived` into feedback. What was said of the stored paper since then holds."""
    said = [
        {"subscriber_id": number, "paper_id": paper, "verdict": verdict, "given_at": given_at}
        for number, _, verdict, given_at, paper in rows
    ]
    connection.execute(upsert(connection)(feedback).on_conflict_do_nothing(), said)
    keys = [(row.subscriber_id, row.canonical_id) for row in rows]
    gone = tuple_(_pending.subscriber_id, _pending.canonical_id).in_(keys)
    connection.execute(delete(pending_feedback).where(gone))
