"""Queries about the papers in mails."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from digest.domain.delivery import Section
from digest.domain.pick import Card, Pick, PickReason
from digest.store.bulk import JsonText, insert_rows, update_rows
from digest.store.conditions import one_of
from digest.store.models import cards, deliveries, papers, picks
from digest.store.papers import upsert
from digest.store.received import month_received, received_long_ago
from digest.store.same_works import absorbed_rows


def received(
    connection: Connection, subscriber_ids: Collection[int], from_row_id: int, before: date | None = None
) -> dict[int, set[int]]:
    """Return the row ids, from `from_row_id` on, of the papers in each subscriber's mails, sent or planned.

    `before` restricts it to mails of editions before that date; of old mails, to those of months before it.
    """
    query = select(picks.c.subscriber_id, picks.c.paper_row_id).where(
        one_of(picks.c.subscriber_id, subscriber_ids), picks.c.paper_row_id >= from_row_id
    )
    if before is not None:
        query = query.join(deliveries, picks.c.delivery_id == deliveries.c.id)
        query = query.where(deliveries.c.edition_on < before)
    found = defaultdict(set, received_long_ago(connection, subscriber_ids, from_row_id, before))
    for subscriber_id, paper_row_id in connection.execute(query):
        found[subscriber_id].add(paper_row_id)
    return found


def save_cards(connection: Connection, shown: Mapping[str, Card], used_on: date) -> dict[str, int]:
    """Store each card once, by the SHA-256 of its content, with the last day of its use; return the ids by hash.

    Subscribers share cards: thousands of picks have a few hundred cards.
    """
    known = _card_ids(connection, shown, used_on)
    if missing := sorted(shown.keys() - known.keys()):
        # Sorted, because two workers that store the same cards in different orders can deadlock. A present card
        # is updated, so that it is not deleted in the meantime as one that is no longer used.
        statement = upsert(connection)(cards)
        statement = statement.on_conflict_do_update(
            index_elements=["content_sha256"],
            set_={"used_on": statement.excluded.used_on},
            where=cards.c.used_on < statement.excluded.used_on,
        )
        connection.execute(
            statement,
            [
                {"content_sha256": key, "contents": shown[key].to_json(), "used_on": used_on}
                for key in missing
            ],
        )
        known |= _card_ids(connection, missing, used_on)
    return known


def _card_ids(connection: Connection, hashes: Collection[str], used_on: date) -> dict[str, int]:
    query = select(cards.c.content_sha256, cards.c.id).where(
        one_of(cards.c.content_sha256, hashes), cards.c.used_on >= used_on
    )
    return dict(connection.execute(query).all())


@dataclass(frozen=True, slots=True)
class Composition:
    """The content of a mail and its picks, to be stored before the mail is sent."""

    delivery_id: int
    subscriber_id: int
    contents: dict[str, Any]
    message_id: str
    papers_after: date | None = None
    papers_through: date | None = None
    picks: Sequence[Pick] = ()


def save_compositions(connection: Connection, composed: Sequence[Composition]) -> None:
    """Store the content of the mails of a batch, and their picks.

    Raises the database's IntegrityError when a paper is already in another mail of the same subscriber.
    """
    if not composed:
        return
    is_bulk = connection.dialect.name == "postgresql"
    rows = [
        {
            "id": one.delivery_id,
            "papers_after": one.papers_after,
            "papers_through": one.papers_through,
            "contents": one.contents,
            "message_id": one.message_id,
        }
        for one in composed
    ]
    if is_bulk:
        update_rows(connection, deliveries, rows)
    else:
        statement = update(deliveries).where(deliveries.c.id == bindparam("delivery_id"))
        names: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "id"}
        connection.execute(statement.values(names), [{"delivery_id": row.pop("id"), **row} for row in rows])
    shown = {pick.card_sha256: pick.card for one in composed for pick in one.picks}
    card_ids = save_cards(connection, shown, _composed_on(composed)) if shown else {}
    pick_rows = [
        {
            "subscriber_id": one.subscriber_id,
            "paper_row_id": pick.paper_row_id,
            "delivery_id": one.delivery_id,
            "card_id": card_ids[pick.card_sha256],
            "position": position,
            "section": pick.section,
            "score": pick.score,
            "reasons": JsonText(pick.reason.stored),
        }
        for one in composed
        for position, pick in enumerate(one.picks)
    ]
    if pick_rows and is_bulk:
        insert_rows(connection, picks, pick_rows)
    elif pick_rows:
        connection.execute(
            picks.insert(), [{**row, "reasons": json.loads(str(row["reasons"]))} for row in pick_rows]
        )


def _composed_on(composed: Sequence[Composition]) -> date:
    """Return the day (UTC) on which the last of these mails was composed."""
    return max(datetime.fromisoformat(one.contents["composed_at"]).date() for one in composed)


def read_picks(connection: Connection, owners: Collection[tuple[int, int]]) -> dict[int, list[Pick]]:
    """Return stored picks by delivery, in the order of the mail; owners are (delivery, subscriber) pairs."""
    query = (
        select(
            picks.c.delivery_id,
            picks.c.paper_row_id,
            picks.c.section,
            picks.c.score,
            picks.c.reasons,
            cards.c.contents,
            cards.c.content_sha256,
        )
        .join(cards, picks.c.card_id == cards.c.id)
        .where(one_of(picks.c.subscriber_id, {subscriber for _, subscriber in owners}))
        .where(one_of(picks.c.delivery_id, {delivery for delivery, _ in owners}))
        .order_by(picks.c.delivery_id, picks.c.position)
    )
    found: dict[int, list[Pick]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.delivery_id].append(
            Pick(
                row.paper_row_id,
                Card.from_json(row.contents),
                row.content_sha256,
                Section(row.section),
                row.score,
                PickReason.from_json(row.reasons),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class ReceivedPaper:
    """A paper that was sent to a subscriber."""

    edition_on: date
    paper_id: str
    title: str
    section: Section
    score: float
    terms: tuple[str, ...]
    """The terms that contributed to the score."""
    author: str
    """The followed author who is the reason; may be empty."""


def received_papers(connection: Connection, subscriber_id: int, limit: int) -> list[ReceivedPaper]:
    """Return the last papers sent to a subscriber, the newest edition first."""
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
    return [
        ReceivedPaper(
            edition_on=row.edition_on,
            paper_id=row.paper_id,
            title=row.title,
            section=Section(row.section),
            score=row.score,
            terms=tuple(term for term, _ in row.reasons["terms"]),
            author=row.reasons["author"],
        )
        for row in connection.execute(query)
    ]


def received_on(connection: Connection, subscriber_id: int, paper_row_id: int) -> date | None:
    """Return the edition in which a paper is or will be sent to a subscriber, the first one; None if there is none.

    Of an old mail only the month is known: the result is its first day.
    """
    row_ids = [paper_row_id, *absorbed_rows(connection, [paper_row_id])]
    query = (
        select(func.min(deliveries.c.edition_on))
        .join(picks, picks.c.delivery_id == deliveries.c.id)
        .where(picks.c.subscriber_id == subscriber_id, one_of(picks.c.paper_row_id, row_ids))
    )
    edition_on: date | None = connection.execute(query).scalar_one()
    months = (month_received(connection, subscriber_id, row_id) for row_id in row_ids)
    return edition_on or min(filter(None, months), default=None)
