"""Queries about deliveries: the ledger of every mail, from plan to answer."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from digest.delivery.claimed import Claimed, Kind, Stream
from digest.delivery.schedule import LONGEST_WAIT
from digest.store.bulk import insert_rows, update_rows
from digest.store.models import cards, deliveries, papers, picks, subscribers
from digest.store.papers import upsert


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A promise to be kept: one mail for one reader and edition."""

    subscriber_id: int
    edition_on: date
    due_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPick:
    """One paper of one mail, as recorded."""

    delivery_id: int
    subscriber_id: int
    paper_number: int
    card_id: int
    position: int
    section: str
    score: float
    reasons: dict[str, Any]


def plan(connection: Connection, kind: Kind, new: Collection[NewDelivery]) -> int:
    """Write a planned row for each; one that exists for reader, kind and edition stays. Return how many are new."""
    if not new:
        return 0
    statement = upsert(connection)(deliveries).on_conflict_do_nothing(
        index_elements=["subscriber_id", "kind", "edition_on"]
    )
    rows = [
        {
            "subscriber_id": one.subscriber_id,
            "kind": kind,
            "edition_on": one.edition_on,
            "status": "planned",
            "due_at": one.due_at,
            "next_try_at": one.due_at,
        }
        for one in new
    ]
    # PostgreSQL's driver does not count the rows of many inserts; the ids that come back can be counted.
    return len(connection.execute(statement.returning(deliveries.c.id), rows).all())


def claim(
    connection: Connection,
    now: datetime,
    lease: timedelta,
    limit: int,
    only: int | None = None,
    stream: Stream | None = None,
) -> list[Claimed]:
    """Take on open deliveries whose time has come, the longest waiting first.

    Whoever claims has them alone until the lease is over; then a crash is assumed, and they may be
    claimed again. `only` and `stream` keep to one reader and one stream.
    """
    ready = (
        select(
            deliveries.c.id,
            deliveries.c.subscriber_id,
            deliveries.c.kind,
            deliveries.c.edition_on,
            deliveries.c.due_at,
            deliveries.c.attempts,
            deliveries.c.status,
            deliveries.c.contents,
        )
        .where(deliveries.c.next_try_at <= now)
        .order_by(deliveries.c.next_try_at, deliveries.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if only is not None:
        ready = ready.where(deliveries.c.subscriber_id == only)
    if stream is not None:
        ready = ready.where(_in_stream(stream))
    rows = connection.execute(ready).all()
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_([row.id for row in rows]))
        .values(status="claimed", attempts=deliveries.c.attempts + 1, next_try_at=now + lease, reason="")
    )
    claimed = [
        Claimed(
            id=row.id,
            subscriber_id=row.subscriber_id,
            kind=row.kind,
            edition_on=row.edition_on,
            due_at=row.due_at,
            attempts=row.attempts + 1,
            contents=row.contents,
            in_flight=row.status == "claimed" and row.contents is not None,
        )
        for row in rows
    ]
    return sorted(claimed, key=lambda one: (one.kind == "digest", one.due_at, one.id))


def count_sent(connection: Connection, since: datetime) -> int:
    """Count the mails that a server took since an instant."""
    query = select(func.count()).where(deliveries.c.settled_at >= since, deliveries.c.status == "sent")
    return connection.execute(query).scalar_one()


def count_ready(connection: Connection, now: datetime, most: int, stream: Stream | None = None) -> int:
    """Count the deliveries that could be claimed, up to `most`."""
    ready = select(deliveries.c.id).where(deliveries.c.next_try_at <= now)
    if stream is not None:
        ready = ready.where(_in_stream(stream))
    query = select(func.count()).select_from(ready.limit(most).subquery())
    return connection.execute(query).scalar_one()


def _in_stream(stream: Stream) -> ColumnElement[bool]:
    # Written out, so that the small index of open transactional mails is found.
    digest = literal("digest", literal_execute=True)
    return deliveries.c.kind == digest if stream == "digest" else deliveries.c.kind != digest


@dataclass(frozen=True, slots=True)
class LastEdition:
    """Where a reader's last settled digest stopped."""

    papers_through: date
    settled_at: datetime


def last_editions(
    connection: Connection, subscriber_ids: Collection[int], before: date
) -> dict[int, LastEdition]:
    """Return where each reader's newest finished digest of an earlier edition stopped.

    Finished is sent, or skipped because there was nothing; one that was dropped or failed left its
    papers to the next.
    """
    query = (
        select(
            deliveries.c.subscriber_id,
            func.max(deliveries.c.papers_through).label("papers_through"),
            func.max(deliveries.c.settled_at).label("settled_at"),
        )
        .where(
            deliveries.c.subscriber_id.in_(subscriber_ids),
            deliveries.c.kind == "digest",
            deliveries.c.edition_on < before,
            deliveries.c.papers_through.is_not(None),
            deliveries.c.status.in_(("sent", "skipped")),
        )
        .group_by(deliveries.c.subscriber_id)
    )
    return {
        row.subscriber_id: LastEdition(row.papers_through, row.settled_at)
        for row in connection.execute(query)
    }


def newer_editions(connection: Connection, subscriber_ids: Collection[int], today: date) -> dict[int, date]:
    """Return the newest planned digest edition of each reader, as far ahead as their schedule reaches.

    What a clock that was ahead has planned for later days must not count as newer than today's.
    """
    near = or_(
        subscribers.c.frequency == "off",
        *(
            and_(subscribers.c.frequency == frequency, deliveries.c.edition_on <= today + longest)
            for frequency, longest in LONGEST_WAIT.items()
        ),
    )
    query = (
        select(deliveries.c.subscriber_id, func.max(deliveries.c.edition_on))
        .join(subscribers, deliveries.c.subscriber_id == subscribers.c.id)
        .where(deliveries.c.subscriber_id.in_(subscriber_ids), deliveries.c.kind == "digest", near)
        .group_by(deliveries.c.subscriber_id)
    )
    return dict(connection.execute(query).all())


def sent_editions(
    connection: Connection, subscriber_ids: Collection[int], most: int
) -> dict[int, list[date]]:
    """Return the editions of the last digests that each reader was sent, the newest first."""
    if not subscriber_ids:
        return {}
    rank = func.row_number().over(
        partition_by=deliveries.c.subscriber_id, order_by=deliveries.c.edition_on.desc()
    )
    sent = (
        select(deliveries.c.subscriber_id, deliveries.c.edition_on, rank.label("rank"))
        .where(
            deliveries.c.subscriber_id.in_(subscriber_ids),
            deliveries.c.kind == "digest",
            deliveries.c.status == "sent",
        )
        .subquery()
    )
    query = select(sent.c.subscriber_id, sent.c.edition_on).where(sent.c.rank <= most).order_by(sent.c.rank)
    found: dict[int, list[date]] = defaultdict(list)
    for subscriber_id, edition_on in connection.execute(query):
        found[subscriber_id].append(edition_on)
    return found


def planned_editions(connection: Connection, subscriber_ids: Collection[int]) -> set[tuple[int, date]]:
    """Return the (reader, edition) pairs for which these readers have a digest in the ledger."""
    query = select(deliveries.c.subscriber_id, deliveries.c.edition_on).where(
        deliveries.c.subscriber_id.in_(subscriber_ids), deliveries.c.kind == "digest"
    )
    return set(connection.execute(query).all())


def received(
    connection: Connection, subscriber_ids: Collection[int], from_number: int, before: date | None = None
) -> dict[int, set[int]]:
    """Return the papers (row numbers, from one on) that are in each reader's mails, sent or on their way.

    `before` keeps to mails of earlier editions: what a reader had received by then.
    """
    query = select(picks.c.subscriber_id, picks.c.paper_id).where(
        picks.c.subscriber_id.in_(subscriber_ids), picks.c.paper_id >= from_number
    )
    if before is not None:
        query = query.join(deliveries, picks.c.delivery_id == deliveries.c.id)
        query = query.where(deliveries.c.edition_on < before)
    found: dict[int, set[int]] = defaultdict(set)
    for subscriber_id, paper_id in connection.execute(query):
        found[subscriber_id].add(paper_id)
    return found


def save_cards(connection: Connection, shown: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Keep cards by digest, each once; return their row numbers by digest."""
    if not shown:
        return {}
    statement = upsert(connection)(cards).on_conflict_do_nothing(index_elements=["digest"])
    # In one order for all: two workers that keep the same cards the other way round would wait for each other.
    rows = [{"digest": key, "contents": shown[key]} for key in sorted(shown)]
    connection.execute(statement, rows)
    query = select(cards.c.digest, cards.c.id).where(cards.c.digest.in_(shown))
    return dict(connection.execute(query).all())


@dataclass(frozen=True, slots=True)
class Composition:
    """What a mail says, to be kept before it is sent."""

    delivery_id: int
    papers_after: date | None
    papers_through: date | None
    contents: dict[str, Any]
    message_id: str


def save_compositions(
    connection: Connection, composed: Sequence[Composition], chosen: Sequence[StoredPick]
) -> None:
    """Keep what the mails of a batch say and the papers they carry.

    Raises the database's IntegrityError when a paper is in another mail of the same reader already.
    """
    said = [
        {
            "id": one.delivery_id,
            "papers_after": one.papers_after,
            "papers_through": one.papers_through,
            "contents": one.contents,
            "message_id": one.message_id,
        }
        for one in composed
    ]
    carried = [
        {
            "subscriber_id": pick.subscriber_id,
            "paper_id": pick.paper_number,
            "delivery_id": pick.delivery_id,
            "card_id": pick.card_id,
            "position": pick.position,
            "section": pick.section,
            "score": pick.score,
            "reasons": pick.reasons,
        }
        for pick in chosen
    ]
    is_bulk = connection.dialect.name == "postgresql"
    if said and is_bulk:
        update_rows(connection, deliveries, said)
    elif said:
        statement = update(deliveries).where(deliveries.c.id == bindparam("row_number"))
        names: dict[str, Any] = {name: bindparam(name) for name in said[0] if name != "id"}
        connection.execute(statement.values(names), [{"row_number": row.pop("id"), **row} for row in said])
    if carried and is_bulk:
        insert_rows(connection, picks, carried)
    elif carried:
        connection.execute(picks.insert(), carried)


def read_picks(
    connection: Connection, owners: Collection[tuple[int, int]]
) -> dict[int, list[Row[*tuple[Any, ...]]]]:
    """Return recorded picks by delivery, in the order of the mail; owners are (delivery, subscriber) pairs.

    A row has (delivery_id, paper_id, section, score, reasons, card).
    """
    query = (
        select(
            picks.c.delivery_id,
            picks.c.paper_id,
            picks.c.section,
            picks.c.score,
            picks.c.reasons,
            cards.c.contents.label("card"),
        )
        .join(cards, picks.c.card_id == cards.c.id)
        .where(picks.c.subscriber_id.in_({subscriber for _, subscriber in owners}))
        .where(picks.c.delivery_id.in_({delivery for delivery, _ in owners}))
        .order_by(picks.c.delivery_id, picks.c.position)
    )
    found: dict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.delivery_id].append(row)
    return found


def held(connection: Connection, work: Collection[Claimed]) -> set[int]:
    """Return those of these deliveries (row numbers) that are still this worker's, locked until it commits.

    Whoever sleeps through a lease finds that another worker has taken over, and must leave them alone.
    """
    query = (
        select(deliveries.c.id, deliveries.c.attempts)
        .where(deliveries.c.id.in_([one.id for one in work]), deliveries.c.status == "claimed")
        .order_by(deliveries.c.id)
        .with_for_update()
    )
    attempts = {one.id: one.attempts for one in work}
    return {row.id for row in connection.execute(query) if row.attempts == attempts[row.id]}


def record_skipped(
    connection: Connection,
    delivery_id: int,
    reason: str,
    papers_after: date,
    papers_through: date,
    now: datetime,
) -> None:
    """Note that there was nothing to send, and why; the papers looked at count as dealt with."""
    _settle(
        connection,
        delivery_id,
        status="skipped",
        reason=reason,
        papers_after=papers_after,
        papers_through=papers_through,
        now=now,
    )


def record_unknown(connection: Connection, delivery_id: int, reason: str, now: datetime) -> None:
    """Note that nobody knows whether a mail was sent; its papers count as received."""
    _settle(connection, delivery_id, status="failed", reason=reason, now=now)


def record_dropped(
    connection: Connection,
    delivery_id: int,
    reason: str,
    now: datetime,
    *,
    failed: bool = False,
    answer: str = "",
) -> None:
    """Note that a mail will not be sent, and why; its papers are free for the reader's next one."""
    connection.execute(delete(picks).where(picks.c.delivery_id == delivery_id, _same_reader(delivery_id)))
    _settle(
        connection,
        delivery_id,
        status="failed" if failed else "skipped",
        reason=reason,
        smtp_answer=answer or None,
        papers_through=None,
        contents=None,
        now=now,
    )


def _same_reader(delivery_id: int) -> Any:
    # The key of picks starts with the reader; naming them turns a scan into a look-up.
    owner = select(deliveries.c.subscriber_id).where(deliveries.c.id == delivery_id)
    return picks.c.subscriber_id == owner.scalar_subquery()


def _settle(connection: Connection, delivery_id: int, *, now: datetime, **values: Any) -> None:
    statement = update(deliveries).where(deliveries.c.id == delivery_id)
    connection.execute(statement.values(next_try_at=None, settled_at=now, **values))


def put_off(connection: Connection, delivery_id: int, until: datetime, reason: str, answer: str = "") -> None:
    """Give a claimed delivery back, to be taken up again at an instant."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(status="planned", next_try_at=until, reason=reason, smtp_answer=answer or None)
    )


def give_back(connection: Connection, delivery_ids: Collection[int], now: datetime) -> None:
    """Return claimed deliveries that were not tried, ready at once and not counted as an attempt."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(delivery_ids), deliveries.c.status == "claimed")
        .values(status="planned", next_try_at=now, attempts=deliveries.c.attempts - 1)
    )


def retry(connection: Connection, delivery_ids: Collection[int], now: datetime) -> int:
    """Open failed or skipped deliveries again, due now; return how many."""
    statement = (
        update(deliveries)
        .where(deliveries.c.id.in_(delivery_ids), deliveries.c.status.in_(("failed", "skipped")))
        .values(status="planned", next_try_at=now, due_at=now, attempts=0, reason="", settled_at=None)
    )
    return connection.execute(statement).rowcount


def find(
    connection: Connection,
    *,
    subscriber_id: int | None = None,
    kind: Kind | None = None,
    status: str | None = None,
    edition_on: date | None = None,
    limit: int = 50,
) -> list[Row[*tuple[Any, ...]]]:
    """Return deliveries with their reader's address, the newest edition first."""
    query = (
        select(deliveries, subscribers.c.address, subscribers.c.key)
        .join(subscribers, deliveries.c.subscriber_id == subscribers.c.id)
        .order_by(deliveries.c.edition_on.desc(), deliveries.c.id.desc())
        .limit(limit)
    )
    wanted = {"subscriber_id": subscriber_id, "kind": kind, "status": status, "edition_on": edition_on}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(deliveries.c[column] == value)
    return list(connection.execute(query))


def find_one(connection: Connection, delivery_id: int) -> Row[*tuple[Any, ...]] | None:
    """Return one delivery with its reader's address and key."""
    query = (
        select(deliveries, subscribers.c.address, subscribers.c.key)
        .join(subscribers, deliveries.c.subscriber_id == subscribers.c.id)
        .where(deliveries.c.id == delivery_id)
    )
    return connection.execute(query).one_or_none()


def tally(connection: Connection, since: date) -> list[tuple[date, str, str, str, int]]:
    """Count deliveries since an edition by (edition, kind, status, reason), the newest first."""
    columns = (deliveries.c.edition_on, deliveries.c.kind, deliveries.c.status, deliveries.c.reason)
    query = (
        select(*columns, func.count())
        .where(deliveries.c.edition_on >= since)
        .group_by(*columns)
        .order_by(deliveries.c.edition_on.desc(), deliveries.c.kind, deliveries.c.status)
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in connection.execute(query)]


def paper_titles(connection: Connection, subscriber_id: int, limit: int) -> list[Row[*tuple[Any, ...]]]:
    """Return what a reader got lately: (edition_on, canonical_id, title, section, score, reasons)."""
    query = (
        select(
            deliveries.c.edition_on,
            papers.c.canonical_id,
            papers.c.title,
            picks.c.section,
            picks.c.score,
            picks.c.reasons,
        )
        .join(picks, picks.c.delivery_id == deliveries.c.id)
        .join(papers, papers.c.id == picks.c.paper_id)
        .where(picks.c.subscriber_id == subscriber_id, deliveries.c.status == "sent")
        .order_by(deliveries.c.edition_on.desc(), picks.c.position)
        .limit(limit)
    )
    return list(connection.execute(query))


def received_on(connection: Connection, subscriber_id: int, paper_number: int) -> date | None:
    """Return the edition in which a reader got a paper, or will; None if they did not."""
    query = (
        select(deliveries.c.edition_on)
        .join(picks, picks.c.delivery_id == deliveries.c.id)
        .where(picks.c.subscriber_id == subscriber_id, picks.c.paper_id == paper_number)
    )
    edition_on: date | None = connection.execute(query).scalar_one_or_none()
    return edition_on
