"""Queries that reduce old mails to the ids of their papers and to counts, and thin popularity snapshots.

Each call is meant to be a transaction of its own and changes a limited number of rows.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, delete, exists, func, null, select, update

from digest.store.conditions import one_of
from digest.store.models import cards, deliveries, picks, popularity, subscribers
from digest.store.papers import upsert
from digest.store.received import add_received
from digest.store.retention_models import delivery_counts, retention_marks

_CONTENTS = "contents"
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Page:
    """Deliveries in the order of their ids."""

    old: Sequence[Any]
    """The settled ones that are old enough."""
    after: int
    """The id after which the next page begins."""
    is_last: bool
    """Whether the page reaches deliveries that are not old enough."""


def reduce_contents(connection: Connection, before: datetime, now: datetime, limit: int) -> bool:
    """Reduce the next deliveries settled before an instant: no contents, and of the picks only the papers.

    Returns whether more may be old enough.
    """
    mark = _locked_mark(connection, _CONTENTS)
    newest = connection.execute(select(func.max(deliveries.c.id))).scalar_one() or 0
    # When all deliveries are deleted, SQLite gives their ids again.
    page = _page(connection, mark if mark <= newest else 0, before, now, limit)
    if page.old:
        _reduce_picks(connection, page.old)
        connection.execute(
            update(deliveries)
            .where(one_of(deliveries.c.id, [row.id for row in page.old]), deliveries.c.next_try_at.is_(None))
            # As a value, None is stored as JSON's null.
            .values(contents=null())
        )
    _set_mark(connection, _CONTENTS, page.after)
    return not page.is_last


def delete_deliveries(
    connection: Connection, after: int, before: datetime, now: datetime, limit: int
) -> tuple[int, int | None]:
    """Delete deliveries with an id above `after` that were settled before an instant, and count them by edition.

    Returns how many, and the `after` of the next page; None if no more are old enough.
    """
    _locked_mark(connection, _CONTENTS)
    page = _page(connection, after, before, now, limit)
    if page.old:
        _reduce_picks(connection, page.old)
        _count(connection, page.old)
        connection.execute(delete(deliveries).where(one_of(deliveries.c.id, [row.id for row in page.old])))
    return len(page.old), None if page.is_last else page.after


def _page(connection: Connection, after: int, before: datetime, now: datetime, limit: int) -> _Page:
    """Read and lock deliveries. Ids grow with time, except of those that a wrong clock planned or left open."""
    columns = deliveries.c
    query = (
        select(
            columns.id,
            columns.subscriber_id,
            columns.kind,
            columns.edition_on,
            columns.status,
            columns.reason,
            columns.due_at,
            columns.settled_at,
            columns.next_try_at,
        )
        .where(columns.id > after)
        .order_by(columns.id)
        .limit(limit)
    )
    seen = connection.execute(query).all()
    # Whoever is being erased locks the subscriber first, and then the deliveries. The same order prevents a deadlock.
    connection.execute(
        select(subscribers.c.id)
        .where(one_of(subscribers.c.id, {row.subscriber_id for row in seen}))
        .order_by(subscribers.c.id)
        .with_for_update(read=True, key_share=True)
    )
    rows = connection.execute(query.where(columns.id <= seen[-1].id).with_for_update()).all() if seen else []
    old = [row for row in rows if row.settled_at and row.settled_at < before and row.next_try_at is None]
    recent = [row.id for row in rows if before <= (row.settled_at or row.due_at) <= now + _DAY]
    if recent:
        # Mails are not sent in the order of their ids: the next page begins with the first that is not old enough.
        return _Page(old, min(recent) - 1, is_last=True)
    return _Page(old, seen[-1].id if seen else after, len(seen) < limit)


def _reduce_picks(connection: Connection, old: Sequence[Any]) -> None:
    months = {row.id: row.edition_on.replace(day=1) for row in old}
    # By subscriber, with which the primary key begins. For pairs of keys, SQLite would read the whole table.
    statement = (
        delete(picks)
        .where(
            one_of(picks.c.subscriber_id, {row.subscriber_id for row in old}),
            one_of(picks.c.delivery_id, months),
        )
        .returning(picks.c.subscriber_id, picks.c.paper_row_id, picks.c.delivery_id)
    )
    received: dict[tuple[int, date], list[int]] = defaultdict(list)
    for subscriber_id, paper_row_id, delivery_id in connection.execute(statement):
        received[subscriber_id, months[delivery_id]].append(paper_row_id)
    add_received(connection, received)


def _count(connection: Connection, old: Sequence[Any]) -> None:
    keys = [(row.edition_on, row.kind, row.status, row.reason) for row in old]
    counts = Counter(keys)
    last: dict[tuple[date, str, str, str], datetime] = {}
    for key, row in zip(keys, old, strict=True):
        last[key] = max(row.settled_at, last.get(key, row.settled_at))
    statement = upsert(connection)(delivery_counts)
    later = statement.excluded.settled_at > delivery_counts.c.settled_at
    statement = statement.on_conflict_do_update(
        index_elements=["edition_on", "kind", "status", "reason"],
        set_={
            "deliveries": delivery_counts.c.deliveries + statement.excluded.deliveries,
            "settled_at": case((later, statement.excluded.settled_at), else_=delivery_counts.c.settled_at),
        },
    )
    connection.execute(
        statement,
        [
            {
                "edition_on": edition_on,
                "kind": kind,
                "status": status,
                "reason": reason,
                "deliveries": count,
                "settled_at": last[edition_on, kind, status, reason],
            }
            for (edition_on, kind, status, reason), count in sorted(counts.items())
        ],
    )


def delete_cards(connection: Connection, before: date, limit: int) -> int:
    """Delete cards that no mail was composed with since a date; return how many. Their picks must be reduced."""
    unused = select(cards.c.id).where(cards.c.used_on < before).limit(limit)
    # The date is compared again: a worker may have used the card in the meantime.
    statement = delete(cards).where(cards.c.id.in_(unused), cards.c.used_on < before)
    return connection.execute(statement).rowcount


def thin_popularity(connection: Connection, before: datetime, *, keep_daily: bool) -> bool:
    """Thin the snapshots of the next hour that has any, up to an instant; return whether there was one.

    Of each paper the newest snapshot stays, and with `keep_daily` the last one of each day (UTC).
    """
    name = "popularity by day" if keep_daily else "popularity"
    mark = _locked_mark(connection, name)
    first = select(func.min(popularity.c.observed_at)).where(
        popularity.c.observed_at >= _EPOCH + mark * _HOUR, popularity.c.observed_at < before
    )
    observed_at: datetime | None = connection.execute(first).scalar_one()
    if observed_at is None:
        return False
    began_at = observed_at.replace(minute=0, second=0, microsecond=0)
    ended_at = began_at + _HOUR
    if ended_at > before:
        return False
    later = popularity.alias("later")
    newer = exists().where(
        later.c.paper_row_id == popularity.c.paper_row_id, later.c.observed_at > popularity.c.observed_at
    )
    if keep_daily:
        newer = newer.where(later.c.observed_at < began_at.replace(hour=0) + _DAY)
    connection.execute(
        delete(popularity).where(
            popularity.c.observed_at >= began_at, popularity.c.observed_at < ended_at, newer
        )
    )
    _set_mark(connection, name, (ended_at - _EPOCH) // _HOUR)
    return True


def _locked_mark(connection: Connection, name: str) -> int:
    """Return a mark, locked until the commit: one process at a time does this work."""
    insert = upsert(connection)(retention_marks).values(name=name, through=0).on_conflict_do_nothing()
    connection.execute(insert)
    query = select(retention_marks.c.through).where(retention_marks.c.name == name).with_for_update()
    through: int = connection.execute(query).scalar_one()
    return through


def _set_mark(connection: Connection, name: str, through: int) -> None:
    connection.execute(update(retention_marks).where(retention_marks.c.name == name).values(through=through))


def counted_deliveries(connection: Connection, since: date) -> Collection[tuple[date, str, str, str, int]]:
    """Return the counts of deleted deliveries by (edition, kind, status, reason)."""
    columns = delivery_counts.c
    query = select(
        columns.edition_on, columns.kind, columns.status, columns.reason, columns.deliveries
    ).where(columns.edition_on >= since)
    return [(row[0], row[1], row[2], row[3], row[4]) for row in connection.execute(query)]


def last_deleted_sent_at(connection: Connection) -> datetime | None:
    """Return when the last of the deleted deliveries was sent; None if there is none."""
    query = select(func.max(delivery_counts.c.settled_at)).where(delivery_counts.c.status == "sent")
    last: datetime | None = connection.execute(query).scalar_one()
    return last
