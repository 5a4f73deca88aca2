"""Queries about the editions of subscribers."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    Connection,
    and_,
    func,
    or_,
    select,
)

from digest.domain.delivery import PAPER_KINDS, PLANNED_KINDS
from digest.domain.schedule import LONGEST_WAIT
from digest.store.conditions import one_of
from digest.store.models import deliveries, subscribers


@dataclass(frozen=True, slots=True)
class LastEdition:
    """The end of a subscriber's last settled digest."""

    papers_through: date
    settled_at: datetime


def last_editions(
    connection: Connection, subscriber_ids: Collection[int], before: date
) -> dict[int, LastEdition]:
    """Return the end of each subscriber's newest finished digest of an earlier edition.

    A digest is finished if it was sent, or skipped because there was nothing to send. The papers of a cancelled or
    failed digest are candidates of the next one.
    """
    query = (
        select(
            deliveries.c.subscriber_id,
            func.max(deliveries.c.papers_through).label("papers_through"),
            func.max(deliveries.c.settled_at).label("settled_at"),
        )
        .where(
            one_of(deliveries.c.subscriber_id, subscriber_ids),
            deliveries.c.kind.in_(PAPER_KINDS),
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
    """Return the newest planned digest edition of each subscriber, up to the end of their schedule's range.

    Later editions, which a clock that was ahead has planned, are ignored.
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
        .where(one_of(deliveries.c.subscriber_id, subscriber_ids), deliveries.c.kind.in_(PLANNED_KINDS), near)
        .group_by(deliveries.c.subscriber_id)
    )
    return dict(connection.execute(query).all())


def sent_editions(
    connection: Connection, subscriber_ids: Collection[int], most: int
) -> dict[int, list[date]]:
    """Return the editions of the last digests that each subscriber was sent, the newest first."""
    if not subscriber_ids:
        return {}
    rank = func.row_number().over(
        partition_by=deliveries.c.subscriber_id, order_by=deliveries.c.edition_on.desc()
    )
    sent = (
        select(deliveries.c.subscriber_id, deliveries.c.edition_on, rank.label("rank"))
        .where(
            one_of(deliveries.c.subscriber_id, subscriber_ids),
            deliveries.c.kind.in_(PAPER_KINDS),
            deliveries.c.status == "sent",
        )
        .subquery()
    )
    query = select(sent.c.subscriber_id, sent.c.edition_on).where(sent.c.rank <= most).order_by(sent.c.rank)
    found: dict[int, list[date]] = defaultdict(list)
    for subscriber_id, edition_on in connection.execute(query):
        # A welcome and a digest can have the same date.
        if edition_on not in found[subscriber_id][-1:]:
            found[subscriber_id].append(edition_on)
    return found


def planned_editions(connection: Connection, subscriber_ids: Collection[int]) -> set[tuple[int, date]]:
    """Return the (subscriber id, edition) pairs of the digests that these subscribers have in the ledger."""
    query = select(deliveries.c.subscriber_id, deliveries.c.edition_on).where(
        one_of(deliveries.c.subscriber_id, subscriber_ids), deliveries.c.kind.in_(PLANNED_KINDS)
    )
    return set(connection.execute(query).all())
