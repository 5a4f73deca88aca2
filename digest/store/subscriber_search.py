"""Finding subscribers by what an operator knows of them."""

from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select

from digest.domain.subscriber import Frequency, Status, Subscriber
from digest.store.models import interests, subscribers
from digest.store.subscribers import find_by_ids


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which subscribers: None and "" stand for all."""

    status: Status | None = None
    frequency: Frequency | None = None
    text: str = ""
    """Part of the address or of an interest, in any case."""

    def limit(self, query: Select[*tuple[int]]) -> Select[*tuple[int]]:
        """Return the query for these subscribers only."""
        if self.status is not None:
            query = query.where(subscribers.c.status == self.status)
        if self.frequency is not None:
            query = query.where(subscribers.c.frequency == self.frequency)
        if self.text:
            part = self.text.lower()
            said = select(interests.c.subscriber_id).where(
                func.lower(interests.c.words).contains(part, autoescape=True)
            )
            address = func.lower(subscribers.c.address).contains(part, autoescape=True)
            query = query.where(address | subscribers.c.id.in_(said))
        return query


def count(connection: Connection, wanted: Wanted) -> int:
    """Count these subscribers."""
    return connection.execute(wanted.limit(select(func.count()).select_from(subscribers))).scalar_one()


def find(connection: Connection, wanted: Wanted, limit: int, offset: int = 0) -> list[Subscriber]:
    """Return a page of these subscribers in the order they signed up."""
    query = wanted.limit(select(subscribers.c.id)).order_by(subscribers.c.id).limit(limit).offset(offset)
    found = find_by_ids(connection, list(connection.execute(query).scalars()))
    return [found[one] for one in sorted(found)]
