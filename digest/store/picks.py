"""Queries about the papers in mails."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    select,
    update,
)

from digest.store.bulk import insert_rows, update_rows
from digest.store.models import cards, deliveries, papers, picks
from digest.store.papers import upsert


@dataclass(frozen=True, slots=True)
class PickRow:
    """One paper of one mail, as recorded."""

    delivery_id: int
    subscriber_id: int
    paper_row_id: int
    card_id: int
    position: int
    section: str
    score: float
    reasons: dict[str, Any]


def received(
    connection: Connection, subscriber_ids: Collection[int], from_row_id: int, before: date | None = None
) -> dict[int, set[int]]:
    """Return the row ids, from `from_row_id` on, of the papers in each subscriber's mails, sent or planned.

    `before` restricts it to mails of editions before that date.
    """
    query = select(picks.c.subscriber_id, picks.c.paper_row_id).where(
        picks.c.subscriber_id.in_(subscriber_ids), picks.c.paper_row_id >= from_row_id
    )
    if before is not None:
        query = query.join(deliveries, picks.c.delivery_id == deliveries.c.id)
        query = query.where(deliveries.c.edition_on < before)
    found: dict[int, set[int]] = defaultdict(set)
    for subscriber_id, paper_row_id in connection.execute(query):
        found[subscriber_id].add(paper_row_id)
    return found


def save_cards(connection: Connection, shown: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Store cards by the SHA-256 of their content, each once; return their ids by hash."""
    if not shown:
        return {}
    statement = upsert(connection)(cards).on_conflict_do_nothing(index_elements=["content_sha256"])
    # Sorted, because two workers that insert the same cards in different orders can deadlock.
    rows = [{"content_sha256": key, "contents": shown[key]} for key in sorted(shown)]
    connection.execute(statement, rows)
    query = select(cards.c.content_sha256, cards.c.id).where(cards.c.content_sha256.in_(shown))
    return dict(connection.execute(query).all())


@dataclass(frozen=True, slots=True)
class ComposedRow:
    """The content of a composed mail, stored before the mail is sent."""

    delivery_id: int
    papers_after: date | None
    papers_through: date | None
    contents: dict[str, Any]
    message_id: str


def save_compositions(
    connection: Connection, composed: Sequence[ComposedRow], new_picks: Sequence[PickRow]
) -> None:
    """Store the content of the mails of a batch, and their picks.

    Raises the database's IntegrityError when a paper is already in another mail of the same subscriber.
    """
    mails = [
        {
            "id": one.delivery_id,
            "papers_after": one.papers_after,
            "papers_through": one.papers_through,
            "contents": one.contents,
            "message_id": one.message_id,
        }
        for one in composed
    ]
    pick_rows = [
        {
            "subscriber_id": pick.subscriber_id,
            "paper_row_id": pick.paper_row_id,
            "delivery_id": pick.delivery_id,
            "card_id": pick.card_id,
            "position": pick.position,
            "section": pick.section,
            "score": pick.score,
            "reasons": pick.reasons,
        }
        for pick in new_picks
    ]
    is_bulk = connection.dialect.name == "postgresql"
    if mails and is_bulk:
        update_rows(connection, deliveries, mails)
    elif mails:
        statement = update(deliveries).where(deliveries.c.id == bindparam("delivery_id"))
        names: dict[str, Any] = {name: bindparam(name) for name in mails[0] if name != "id"}
        connection.execute(statement.values(names), [{"delivery_id": row.pop("id"), **row} for row in mails])
    if pick_rows and is_bulk:
        insert_rows(connection, picks, pick_rows)
    elif pick_rows:
        connection.execute(picks.insert(), pick_rows)


def read_picks(
    connection: Connection, owners: Collection[tuple[int, int]]
) -> dict[int, list[Row[*tuple[Any, ...]]]]:
    """Return recorded picks by delivery, in the order of the mail; owners are (delivery, subscriber) pairs.

    A row has (delivery_id, paper_row_id, section, score, reasons, card).
    """
    query = (
        select(
            picks.c.delivery_id,
            picks.c.paper_row_id,
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


def paper_titles(connection: Connection, subscriber_id: int, limit: int) -> list[Row[*tuple[Any, ...]]]:
    """Return the last papers sent to a subscriber: (edition_on, paper_id, title, section, score, reasons)."""
    query = (
        select(
            deliveries.c.edition_on,
            papers.c.paper_id,
            papers.c.title,
            picks.c.section,
            picks.c.score,
            picks.c.reasons,
        )
        .join(picks, picks.c.delivery_id == deliveries.c.id)
        .join(papers, papers.c.id == picks.c.paper_row_id)
        .where(picks.c.subscriber_id == subscriber_id, deliveries.c.status == "sent")
        .order_by(deliveries.c.edition_on.desc(), picks.c.position)
        .limit(limit)
    )
    return list(connection.execute(query))


def received_on(connection: Connection, subscriber_id: int, paper_row_id: int) -> date | None:
    """Return the edition in which a paper is or will be sent to a subscriber; None if there is none."""
    query = (
        select(deliveries.c.edition_on)
        .join(picks, picks.c.delivery_id == deliveries.c.id)
        .where(picks.c.subscriber_id == subscriber_id, picks.c.paper_row_id == paper_row_id)
    )
    edition_on: date | None = connection.execute(query).scalar_one_or_none()
    return edition_on
