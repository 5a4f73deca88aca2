"""Mails that a subscriber causes: the welcome after confirming, the catch-up after a pause, the goodbye.

Each is planned in the transaction of what causes it, so a crash neither loses nor repeats it. A welcome and a catch-up
take the place of the digest that would be due: the next digest is planned for another day.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from digest.domain.delivery import Kind
from digest.domain.schedule import LONGEST_WAIT, due_at, local_date, next_due_at
from digest.domain.subscriber import Frequency, Subscriber
from digest.store import deliveries as ledger
from digest.store import editions as edition_store
from digest.store import feedback as feedback_store
from digest.store import library_papers as library_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Connection
from digest.store.deliveries import NewDelivery

WELCOME_WAIT = timedelta(minutes=10)
"""How long the welcome waits for somebody who has not said yet what they work on: the page they see asks for it."""


def plan_welcome(connection: Connection, confirmed: Subscriber, now: datetime) -> Subscriber:
    """Plan the welcome of a subscriber who has just confirmed; return the subscriber with the next due time.

    Nothing is planned for a subscriber who wants no digests.
    """
    schedule = confirmed.schedule
    if schedule.frequency == Frequency.OFF:
        return confirmed
    today = local_date(now, schedule)
    has_said = (
        confirmed.interests.topics
        or feedback_store.read_feedback(connection, [confirmed.id])
        or library_store.count_library(connection, [confirmed.id])
    )
    due = now if has_said else now + WELCOME_WAIT
    ledger.plan(connection, Kind.WELCOME, [NewDelivery(confirmed.id, today, due)])
    return _with_next_due(connection, confirmed, next_due_at(now, schedule, after=today))


def hasten_welcome(connection: Connection, subscriber: Subscriber, now: datetime) -> None:
    """Send a waiting welcome at once, as the subscriber has said what they work on."""
    ledger.hasten(connection, subscriber.id, Kind.WELCOME, now)


def plan_catch_ups(
    connection: Connection, returned: Sequence[Subscriber], now: datetime, *, at_once: bool
) -> None:
    """Plan a catch-up for each active subscriber who is back from a pause that left out a digest.

    It is due at once, or else with the next digest, which it replaces. Without an earlier digest there is nothing to
    catch up with. A channel gets what it missed with its next post.
    """
    last = edition_store.last_editions(
        connection, [one.id for one in returned], now.date() + timedelta(days=2)
    )
    for one in returned:
        schedule, stop = one.schedule, last.get(one.id)
        if schedule.frequency == Frequency.OFF or stop is None or one.service is not None:
            continue
        if now - stop.settled_at <= LONGEST_WAIT[schedule.frequency]:
            continue
        due = now if at_once else _due_today_or_later(one, now)
        if due is None:
            continue
        edition_on = local_date(due, schedule)
        ledger.plan(connection, Kind.CATCH_UP, [NewDelivery(one.id, edition_on, due)])
        _with_next_due(connection, one, next_due_at(due, schedule, after=edition_on))


def _due_today_or_later(one: Subscriber, now: datetime) -> datetime | None:
    """Return when today's digest is due, now if that is over; the next one's time if there is none today."""
    today = due_at(local_date(now, one.schedule), one.schedule)
    return max(today, now) if today else next_due_at(now, one.schedule)


def plan_goodbye(connection: Connection, left: Subscriber, now: datetime) -> None:
    """Plan the last mail to a subscriber who has unsubscribed. Who never confirmed gets none."""
    if left.confirmed_at is not None:
        ledger.plan(connection, Kind.GOODBYE, [NewDelivery(left.id, now.date(), now)])


def _with_next_due(connection: Connection, one: Subscriber, due: datetime | None) -> Subscriber:
    subscriber_store.set_next_due(connection, one.id, due)
    return replace(one, next_due_at=due)
