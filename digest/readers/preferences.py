"""Changing what a reader wants, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from digest.delivery.schedule import next_due_at
from digest.errors import BadInput
from digest.papers.identifiers import canonical_id
from digest.ranking.profile import Profile
from digest.readers.profiles import ProfileBuilder
from digest.readers.signup import check_max_papers, find, log_event
from digest.readers.subscriber import Frequency, Rhythm, Subscriber
from digest.store import papers as paper_store
from digest.store import readers as store
from digest.store.database import Connection, Database
from digest.store.pending_feedback import save_pending


@dataclass(frozen=True, slots=True)
class Change:
    """New values; None leaves a thing as it is, an empty tuple clears it."""

    timezone: str | None = None
    hour: int | None = None
    frequency: Frequency | None = None
    max_papers: int | None = None
    topics: tuple[str, ...] | None = None
    must: tuple[str, ...] | None = None
    mute: tuple[str, ...] | None = None
    follow: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None

    def applied(self, subscriber: Subscriber, now: datetime) -> Subscriber:
        """Return the reader as they will be. Raises BadInput for a value that can not be."""
        rhythm = replace(subscriber.rhythm, **self._given("timezone", "hour", "frequency"))
        interests = replace(
            subscriber.interests, **self._given("topics", "must", "mute", "follow", "categories")
        )
        max_papers = subscriber.max_papers if self.max_papers is None else self.max_papers
        check_max_papers(max_papers)
        return replace(
            subscriber,
            rhythm=rhythm,
            interests=interests,
            max_papers=max_papers,
            next_due_at=_due_after_change(subscriber, rhythm, now),
        )

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def _due_after_change(subscriber: Subscriber, rhythm: Rhythm, now: datetime) -> datetime | None:
    """Return when the next digest is due. Never later than before, so that no day falls between two rhythms."""
    if subscriber.next_due_at is None or rhythm == subscriber.rhythm:
        return subscriber.next_due_at
    due = next_due_at(now, rhythm)
    return due and min(due, subscriber.next_due_at)


def change(
    database: Database,
    builder: ProfileBuilder,
    address: str,
    wanted: Change,
    now: datetime,
    likes: Sequence[str] = (),
    dislikes: Sequence[str] = (),
) -> Subscriber:
    """Change a reader and build their profile anew. Raises NotFound, or BadInput for what can not be.

    A marked paper that is not stored is kept, see `digest.readers.pending_feedback`.
    """
    with database.begin() as connection:
        subscriber = find(connection, address)
        store.update_subscriber(connection, wanted.applied(subscriber, now))
        said = {canonical_id(paper): "more" for paper in likes}
        said |= {canonical_id(paper): "less" for paper in dislikes}
        numbers = paper_store.numbers_of(connection, said.keys())
        for paper_id, number in numbers.items():
            store.save_feedback(connection, subscriber.id, number, said[paper_id], now)
        pending = [(subscriber.id, one, said[one]) for one in said if one not in numbers]
        save_pending(connection, pending, now)
        builder.rebuild(connection, [subscriber.id], now)
        return find(connection, address)


@dataclass(frozen=True, slots=True)
class Draft:
    """A reader as a change would leave them. Nothing of it is stored."""

    subscriber: Subscriber
    profile: Profile
    marked: frozenset[int]
    """The papers, by row number, that the change puts among the liked ones."""


def draft(
    connection: Connection,
    builder: ProfileBuilder,
    subscriber: Subscriber,
    wanted: Change,
    now: datetime,
    likes: Sequence[str] = (),
) -> Draft:
    """Return what `change` would make of a reader, and write nothing. Raises what `change` raises.

    Liked papers that are not stored have no say yet.
    """
    changed = wanted.applied(subscriber, now)
    liked = sorted(paper_store.numbers_of(connection, {canonical_id(paper) for paper in likes}).values())
    said = store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])
    earlier = [(number, verdict) for number, verdict in said if number not in liked]
    # As a word given now is read back: the newest last, those of one instant by number.
    said = [*earlier, *((number, "more") for number in liked)]
    return Draft(changed, builder.build(connection, changed.interests.topics, said), frozenset(liked))


def pause(database: Database, address: str, until: date | None, now: datetime) -> Subscriber:
    """Stop mail to a reader until a date, or until further notice. Raises NotFound or BadInput."""
    with database.begin() as connection:
        subscriber = find(connection, address)
        if until is not None and until <= now.date():
            raise BadInput(f"A pause until {until} is over already; give a later date.")
        if subscriber.status not in {"active", "paused"}:
            raise BadInput(f"{subscriber.address} is {subscriber.status}; only an active reader can pause.")
        store.update_subscriber(connection, replace(subscriber, status="paused", paused_until=until))
        return find(connection, address)


def resume(database: Database, secret: bytes, address: str, now: datetime) -> Subscriber:
    """Send mail again to a reader who paused or unsubscribed. Raises NotFound or BadInput."""
    with database.begin() as connection:
        subscriber = find(connection, address)
        if subscriber.status not in {"active", "paused", "unsubscribed"}:
            raise BadInput(f"{subscriber.address} is {subscriber.status}; only a paused reader can resume.")
        store.update_subscriber(connection, replace(subscriber, status="active", paused_until=None))
        if subscriber.status == "unsubscribed":
            log_event(connection, secret, subscriber, "returned", "resumed", now)
        return find(connection, address)


def remove(database: Database, secret: bytes, address: str, now: datetime) -> Subscriber:
    """Erase a reader and everything kept about them; return who it was. Raises NotFound.

    The log keeps a hash of the address, so that a backup from before does not bring them back.
    """
    with database.begin() as connection:
        subscriber = find(connection, address)
        store.delete_subscriber(connection, subscriber.id)
        log_event(connection, secret, subscriber, "erased", "", now)
        return subscriber
