"""Queries about the answers to "Was this a good digest?"."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select, update

from digest.domain.delivery import PAPER_KINDS, Opinion
from digest.store.models import deliveries


@dataclass(frozen=True, slots=True)
class EditionOpinions:
    """The answers to the digests of one edition."""

    edition_on: date
    yes: int
    no: int


def save_opinion(connection: Connection, subscriber_id: int, edition_on: date, opinion: Opinion) -> bool:
    """Store a subscriber's answer for an edition, instead of an earlier one; return whether there was a mail."""
    statement = update(deliveries).where(
        deliveries.c.subscriber_id == subscriber_id,
        deliveries.c.edition_on == edition_on,
        deliveries.c.kind.in_(PAPER_KINDS),
        deliveries.c.contents.is_not(None),
    )
    return connection.execute(statement.values(opinion=opinion)).rowcount > 0


def count_opinions(connection: Connection, since: date) -> list[EditionOpinions]:
    """Return the answers by edition, the newest first; editions without answers are left out."""
    said = [func.count().filter(deliveries.c.opinion == one) for one in (Opinion.YES, Opinion.NO)]
    query = (
        select(deliveries.c.edition_on, *said)
        .where(deliveries.c.opinion.is_not(None), deliveries.c.edition_on >= since)
        .group_by(deliveries.c.edition_on)
        .order_by(deliveries.c.edition_on.desc())
    )
    return [EditionOpinions(*row) for row in connection.execute(query)]


def read_opinions(connection: Connection, subscriber_id: int) -> list[tuple[date, Opinion]]:
    """Return a subscriber's answers by edition, the newest first."""
    query = (
        select(deliveries.c.edition_on, deliveries.c.opinion)
        .where(deliveries.c.subscriber_id == subscriber_id, deliveries.c.opinion.is_not(None))
        .order_by(deliveries.c.edition_on.desc(), deliveries.c.id)
    )
    return [(edition_on, Opinion(opinion)) for edition_on, opinion in connection.execute(query)]
