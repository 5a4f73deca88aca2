"""Changing, pausing, resuming and erasing a subscriber."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from digest.domain.schedule import next_due_at
from digest.domain.subscriber import (
    Frequency,
    Layout,
    Schedule,
    Status,
    Subscriber,
    SuppressionEvent,
    Verdict,
    known_language,
)
from digest.errors import BadInput
from digest.papers.identifiers import canonical_id
from digest.ranking.profile import Profile
from digest.store import feedback as feedback_store
from digest.store import library_papers as library_store
from digest.store import papers as paper_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Connection, Database
from digest.store.in_flight import wait_until_settled
from digest.store.pending_feedback import save_pending
from digest.subscribers.arrivals import hasten_welcome, plan_catch_ups
from digest.subscribers.library import MatchedLibrary
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import check_max_papers, find_subscriber, log_event
from digest.subscribers.teams import lock_team, share
from digest.text.formatting import day
from digest.text.languages import gettext, gettext_noop

_STATUS_NAMES = {
    # Translators: as in "ada@example.org is paused".
    Status.PENDING: gettext_noop("pending"),
    Status.ACTIVE: gettext_noop("active"),
    Status.PAUSED: gettext_noop("paused"),
    Status.UNSUBSCRIBED: gettext_noop("unsubscribed"),
    Status.SUPPRESSED: gettext_noop("suppressed"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """New values; None keeps the old one, an empty tuple clears a list."""

    timezone: str | None = None
    hour: int | None = None
    frequency: Frequency | None = None
    max_papers: int | None = None
    layout: Layout | None = None
    language: str | None = None
    topics: tuple[str, ...] | None = None
    must: tuple[str, ...] | None = None
    mute: tuple[str, ...] | None = None
    follow: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None

    def applied(self, subscriber: Subscriber, now: datetime) -> Subscriber:
        """Return the changed subscriber. Raises BadInput for an invalid value."""
        schedule = replace(subscriber.schedule, **self._given("timezone", "hour", "frequency"))
        interests = replace(
            subscriber.interests, **self._given("topics", "must", "mute", "follow", "categories")
        )
        max_papers = subscriber.max_papers if self.max_papers is None else self.max_papers
        check_max_papers(max_papers)
        return replace(
            subscriber,
            schedule=schedule,
            interests=interests,
            max_papers=max_papers,
            layout=self.layout or subscriber.layout,
            language=subscriber.language if self.language is None else known_language(self.language),
            next_due_at=_due_after_change(subscriber, schedule, now),
        )

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def _due_after_change(subscriber: Subscriber, schedule: Schedule, now: datetime) -> datetime | None:
    """Return when the next digest is due: never later than before, so that no day is skipped."""
    if subscriber.next_due_at is None or schedule == subscriber.schedule:
        return subscriber.next_due_at
    due = next_due_at(now, schedule)
    return due and min(due, subscriber.next_due_at)


def change(
    database: Database,
    builder: ProfileBuilder,
    address: str,
    changes: Change,
    now: datetime,
    likes: Sequence[str] = (),
    dislikes: Sequence[str] = (),
) -> Subscriber:
    """Change a subscriber and rebuild the profile. Raises NotFound, or BadInput for an invalid value.

    In a team, interests and ratings are those of all members.
    Feedback on a paper that is not stored stays pending, see `digest.subscribers.pending_feedback`.
    """
    with database.begin() as connection:
        subscriber = find_subscriber(connection, address)
        lock_team(connection, subscriber)
        changed = changes.applied(subscriber, now)
        subscriber_store.update_subscriber(connection, changed)
        verdicts = {canonical_id(paper): Verdict.MORE for paper in likes}
        verdicts |= {canonical_id(paper): Verdict.LESS for paper in dislikes}
        row_ids = paper_store.row_ids_of(connection, verdicts.keys())
        for paper_id, row_id in row_ids.items():
            feedback_store.save_feedback(connection, subscriber.id, row_id, verdicts[paper_id], now)
        pending = {one: verdict for one, verdict in verdicts.items() if one not in row_ids}
        save_pending(connection, [(subscriber.id, one, verdict) for one, verdict in pending.items()], now)
        builder.rebuild(connection, [subscriber.id], now)
        share(
            connection,
            builder,
            subscriber,
            now,
            interests=changed.interests,
            verdicts={row_id: verdicts[paper_id] for paper_id, row_id in row_ids.items()},
            pending=pending,
        )
        hasten_welcome(connection, subscriber, now)
        return subscriber_store.find_by_ids(connection, [subscriber.id])[subscriber.id]


@dataclass(frozen=True, slots=True)
class Draft:
    """A subscriber after a change that is not stored."""

    subscriber: Subscriber
    profile: Profile
    rated: frozenset[int]
    """The ids of the papers that the change likes."""


def draft(
    connection: Connection,
    builder: ProfileBuilder,
    subscriber: Subscriber,
    changes: Change,
    now: datetime,
    likes: Sequence[str] = (),
    library: MatchedLibrary | None = None,
) -> Draft:
    """Return the result of `change`, and of adding a library, without storing it. Raises what `change` raises.

    Liked papers that are not stored are ignored.
    """
    changed = changes.applied(subscriber, now)
    liked = set(paper_store.row_ids_of(connection, {canonical_id(paper) for paper in likes}).values())
    kept = library_store.read_library(connection, [subscriber.id]).get(subscriber.id, [])
    texts = library_store.texts_of(kept)
    if library is not None:
        liked |= {stored.row_id for stored in library.stored}
        texts = library.texts(kept)
    stored = feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])
    earlier = [(row_id, verdict) for row_id, verdict in stored if row_id not in liked]
    # In the order in which stored feedback is read: newest last, equal instants by id.
    verdicts = [*earlier, *((row_id, Verdict.MORE) for row_id in sorted(liked))]
    profile = builder.build(connection, changed.interests.topics, verdicts, texts)
    return Draft(changed, profile, frozenset(liked))


def pause(database: Database, address: str, until: date | None, now: datetime) -> Subscriber:
    """Stop mail to a subscriber until a date, or until further notice. Raises NotFound or BadInput."""
    with database.begin() as connection:
        subscriber = find_subscriber(connection, address)
        if until is not None and until <= now.date():
            raise BadInput(
                gettext("A pause until %(day)s is already over; give a later date.", day=day(until))
            )
        if subscriber.status not in {"active", "paused"}:
            raise BadInput(
                gettext(
                    "%(address)s is %(status)s; only an active subscriber can pause.",
                    address=subscriber.address,
                    status=gettext(_STATUS_NAMES[subscriber.status]),
                )
            )
        paused = replace(subscriber, status=Status.PAUSED, paused_until=until)
        subscriber_store.update_subscriber(connection, paused)
        return paused


def resume(database: Database, secret: bytes, address: str, now: datetime) -> Subscriber:
    """Send mail again to a subscriber who paused or unsubscribed. Raises NotFound or BadInput."""
    with database.begin() as connection:
        subscriber = find_subscriber(connection, address)
        if subscriber.status not in {"active", "paused", "unsubscribed"}:
            raise BadInput(
                gettext(
                    "%(address)s is %(status)s; only a paused subscriber can resume.",
                    address=subscriber.address,
                    status=gettext(_STATUS_NAMES[subscriber.status]),
                )
            )
        active = replace(subscriber, status=Status.ACTIVE, paused_until=None)
        subscriber_store.update_subscriber(connection, active)
        if subscriber.status == "paused":
            plan_catch_ups(connection, [active], now, at_once=True)
        if subscriber.status == "unsubscribed":
            log_event(connection, secret, subscriber, SuppressionEvent.RETURNED, "resumed", now)
        return active


def remove(database: Database, secret: bytes, address: str, now: datetime) -> Subscriber:
    """Erase a subscriber and everything stored about them; return the subscriber. Raises NotFound.

    The suppression log keeps a hash of the address, so that a restored backup does not bring them back.
    """
    with database.begin() as connection:
        subscriber = find_subscriber(connection, address)
        subscriber_store.delete_subscriber(connection, subscriber.id)
        log_event(connection, secret, subscriber, SuppressionEvent.ERASED, "", now)
    wait_until_settled(database, subscriber.id, now)
    return subscriber
