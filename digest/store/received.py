"""The papers of old mails, as lists of row ids: one list for each subscriber and month of editions.

A paper takes one to two bytes: ids are sorted, and each is stored as its distance from the one before, seven bits in
a byte. A pick takes some 300 bytes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date

from sqlalchemy import Connection, select

from digest.store.conditions import one_of
from digest.store.models import papers
from digest.store.papers import upsert
from digest.store.retention_models import received_papers


def pack(row_ids: Iterable[int]) -> bytes:
    """Return a list of ids as bytes; `unpack` returns them sorted, each once."""
    packed, before = bytearray(), 0
    for row_id in sorted(set(row_ids)):
        distance, before = row_id - before, row_id
        while distance >= 0x80:
            packed.append(distance & 0x7F | 0x80)
            distance >>= 7
        packed.append(distance)
    return bytes(packed)


def unpack(packed: bytes) -> list[int]:
    """Return the ids that `pack` stored."""
    row_ids: list[int] = []
    row_id = distance = shift = 0
    for byte in packed:
        distance |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            row_id += distance
            row_ids.append(row_id)
            distance = shift = 0
    return row_ids


def add_received(connection: Connection, received: Mapping[tuple[int, date], Collection[int]]) -> None:
    """Add row ids of papers to the lists of (subscriber id, first day of the month)."""
    if not received:
        return
    present = {
        (row.subscriber_id, row.month_on): unpack(row.paper_row_ids)
        for row in connection.execute(
            select(received_papers).where(
                one_of(received_papers.c.subscriber_id, {subscriber_id for subscriber_id, _ in received}),
                received_papers.c.month_on.in_({month_on for _, month_on in received}),
            )
        )
    }
    statement = upsert(connection)(received_papers)
    statement = statement.on_conflict_do_update(
        index_elements=["subscriber_id", "month_on"],
        set_={name: statement.excluded[name] for name in ("through_row_id", "paper_row_ids")},
    )
    rows = []
    for (subscriber_id, month_on), row_ids in sorted(received.items()):
        merged = {*present.get((subscriber_id, month_on), ()), *row_ids}
        rows.append(
            {
                "subscriber_id": subscriber_id,
                "month_on": month_on,
                "through_row_id": max(merged),
                "paper_row_ids": pack(merged),
            }
        )
    connection.execute(statement, rows)


def received_long_ago(
    connection: Connection, subscriber_ids: Collection[int], from_row_id: int, before: date | None = None
) -> dict[int, set[int]]:
    """Return the row ids, from `from_row_id` on, in the lists of each subscriber.

    `before` restricts it to the lists of months that began before that date.
    """
    query = select(received_papers.c.subscriber_id, received_papers.c.paper_row_ids).where(
        one_of(received_papers.c.subscriber_id, subscriber_ids),
        received_papers.c.through_row_id >= from_row_id,
    )
    if before is not None:
        query = query.where(received_papers.c.month_on < before)
    found: dict[int, set[int]] = defaultdict(set)
    for subscriber_id, packed in connection.execute(query):
        found[subscriber_id].update(row_id for row_id in unpack(packed) if row_id >= from_row_id)
    return found


def month_received(connection: Connection, subscriber_id: int, paper_row_id: int) -> date | None:
    """Return the first day of the month in which a paper was sent to a subscriber; None if it is in no list."""
    query = select(received_papers.c.month_on, received_papers.c.paper_row_ids).where(
        received_papers.c.subscriber_id == subscriber_id, received_papers.c.through_row_id >= paper_row_id
    )
    months = [month_on for month_on, packed in connection.execute(query) if paper_row_id in unpack(packed)]
    return min(months, default=None)


def paper_ids_received(connection: Connection, subscriber_id: int) -> list[str]:
    """Return the ids of all papers in a subscriber's lists, sorted."""
    row_ids = received_long_ago(connection, [subscriber_id], 0).get(subscriber_id, set())
    query = select(papers.c.paper_id).where(one_of(papers.c.id, row_ids)).order_by(papers.c.paper_id)
    return list(connection.execute(query).scalars())
