"""Queries about feedback on papers that are not stored yet."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, literal, or_, select, true, tuple_, update

from digest.domain.subscriber import Verdict
from digest.store.bounds import keep_newest
from digest.store.conditions import one_of
from digest.store.identifier_models import alternative_ids
from digest.store.models import feedback, papers, pending_feedback
from digest.store.papers import upsert

MOST_PENDING = 2000
"""Most pending feedback of one subscriber; the oldest is deleted first."""

_pending = pending_feedback.c


def save_pending(
    connection: Connection,
    said: Iterable[tuple[int, str, Verdict]],
    now: datetime,
    *,
    from_team: bool = False,
) -> None:
    """Store (subscriber_id, paper_id, verdict); a later verdict on the same paper replaces an earlier one."""
    said = list(said)
    if not said:
        return
    rows = [
        {
            "subscriber_id": subscriber_id,
            "paper_id": paper_id,
            "verdict": verdict,
            "given_at": now,
            "from_team": from_team,
        }
        for subscriber_id, paper_id, verdict in said
    ]
    statement = upsert(connection)(pending_feedback)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["subscriber_id", "paper_id"],
        set_={"verdict": new.verdict, "given_at": new.given_at, "from_team": new.from_team},
    )
    connection.execute(statement, rows)
    owners = {subscriber_id for subscriber_id, _, _ in said}
    keep_newest(connection, pending_feedback, (_pending.given_at, _pending.paper_id), owners, MOST_PENDING)


def read_pending(
    connection: Connection, subscriber_ids: Collection[int]
) -> dict[int, list[tuple[str, Verdict]]]:
    """Return (paper_id, verdict) by subscriber, the oldest first; subscribers without any are left out."""
    query = (
        select(_pending.subscriber_id, _pending.paper_id, _pending.verdict)
        .where(one_of(_pending.subscriber_id, subscriber_ids))
        .order_by(_pending.given_at, _pending.paper_id)
    )
    said: dict[int, list[tuple[str, Verdict]]] = defaultdict(list)
    for row in connection.execute(query):
        said[row.subscriber_id].append((row.paper_id, Verdict(row.verdict)))
    return dict(said)


def copy_pending(connection: Connection, source_id: int, target_id: int) -> None:
    """Copy all pending verdicts of a subscriber to another one; verdicts that exist are kept."""
    of_source = select(
        literal(target_id), _pending.paper_id, _pending.verdict, _pending.given_at, _pending.asked_at, true()
    ).where(_pending.subscriber_id == source_id)
    columns = ["subscriber_id", "paper_id", "verdict", "given_at", "asked_at", "from_team"]
    copied = upsert(connection)(pending_feedback).from_select(columns, of_source)
    connection.execute(copied.on_conflict_do_nothing())


def ids_to_request(
    connection: Connection, given_after: datetime, asked_before: datetime, limit: int
) -> list[str]:
    """Return paper_ids rated after `given_after` and not requested from arXiv since `asked_before`, by id."""
    query = (
        select(_pending.paper_id)
        .where(
            _pending.given_at > given_after,
            or_(_pending.asked_at.is_(None), _pending.asked_at < asked_before),
            _pending.paper_id.not_like("title:%"),
            # A DOI; arXiv's own ids have at least four characters before the first dot.
            _pending.paper_id.not_like("10.%"),
        )
        .distinct()
        .order_by(_pending.paper_id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def mark_requested(connection: Connection, ids: Collection[str], now: datetime) -> None:
    """Record that these papers were requested from arXiv."""
    connection.execute(update(pending_feedback).where(_pending.paper_id.in_(ids)).values(asked_at=now))


@dataclass(frozen=True, slots=True)
class Arrival:
    """Pending feedback whose paper is stored by now."""

    subscriber_id: int
    paper_id: str
    verdict: Verdict
    given_at: datetime
    from_team: bool
    paper_row_id: int


def arrived(connection: Connection, limit: int) -> list[Arrival]:
    """Return pending feedback whose paper is stored by now."""
    own = (papers.c.paper_id == _pending.paper_id) & papers.c.same_work_as.is_(None)
    row_id = func.coalesce(papers.c.id, alternative_ids.c.paper_row_id)
    query = (
        select(
            _pending.subscriber_id,
            _pending.paper_id,
            _pending.verdict,
            _pending.given_at,
            _pending.from_team,
            row_id.label("paper_row_id"),
        )
        .outerjoin(papers, own)
        .outerjoin(alternative_ids, alternative_ids.c.paper_id == _pending.paper_id)
        .where(row_id.is_not(None))
        .order_by(_pending.subscriber_id, _pending.paper_id)
        .limit(limit)
    )
    return [
        Arrival(
            row.subscriber_id,
            row.paper_id,
            Verdict(row.verdict),
            row.given_at,
            row.from_team,
            row.paper_row_id,
        )
        for row in connection.execute(query)
    ]


def settle(connection: Connection, arrivals: Collection[Arrival]) -> None:
    """Move pending feedback to `feedback`; feedback that exists there is kept."""
    said = [
        {
            "subscriber_id": one.subscriber_id,
            "paper_row_id": one.paper_row_id,
            "verdict": one.verdict,
            "given_at": one.given_at,
            "from_team": one.from_team,
        }
        for one in arrivals
    ]
    connection.execute(upsert(connection)(feedback).on_conflict_do_nothing(), said)
    keys = [(one.subscriber_id, one.paper_id) for one in arrivals]
    gone = tuple_(_pending.subscriber_id, _pending.paper_id).in_(keys)
    connection.execute(delete(pending_feedback).where(gone))
