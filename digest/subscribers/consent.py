"""Consent on the web side: requests for confirmations and links, unsubscribing and resubscribing.

Only the mail to an address, at most one of each kind per day, shows whether the address is a subscriber's.
Requests by address come through `digest.subscribers.mail_requests`.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta

from digest.domain.address import Address
from digest.domain.delivery import CONFIRM_DAYS, RECIPIENTS, Kind
from digest.domain.subscriber import Status, Subscriber, SuppressionEvent
from digest.errors import BadInput, BadLink, NotFound
from digest.metrics import DELETED_ROWS
from digest.store import consents as consent_store
from digest.store import deliveries as ledger
from digest.store import delivery_reports
from digest.store import mail_requests as request_store
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store.database import Connection, Database
from digest.store.deliveries import NewDelivery
from digest.store.in_flight import wait_until_settled
from digest.subscribers.addresses import address_hash, mailbox_hash
from digest.subscribers.arrivals import plan_goodbye
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import (
    CONSENT,
    REFUSAL,
    Application,
    log_event,
    replace_preferences,
    subscribe_many,
)
from digest.subscribers.teams import join_team
from digest.text.languages import gettext

CONFIRMATIONS_PER_MAILBOX = 3
"""Per day (UTC), for all spellings of the address together."""


def subscriber_of(connection: Connection, key: str) -> Subscriber:
    """Return the subscriber with the key of a link. Raises NotFound when they were erased."""
    subscriber = subscriber_store.find_by_key(connection, key)
    if subscriber is None:
        raise NotFound(
            gettext("The data of this subscriber was erased; to get papers again, sign up on the home page.")
        )
    return subscriber


def request_subscription(
    connection: Connection, builder: ProfileBuilder, secret: bytes, application: Application, now: datetime
) -> Subscriber | None:
    """Plan the confirmation that a sign-up asks for; return its subscriber, or None when no mail is sent.

    A confirmation is sent to an address that is new, never confirmed or unsubscribed, once per day (UTC), and at most
    CONFIRMATIONS_PER_MAILBOX times per day to one mailbox. Until somebody confirms, the preferences of the last
    sign-up apply. Active, paused and suppressed subscribers are not changed.
    """
    address = application.address
    if suppression_store.suppressed(connection, {address_hash(address.mailbox, secret)}):
        return None
    known = subscriber_store.find_by_address_key(connection, address.key)
    if known is not None:
        if known.status == "pending" and known.confirmed_at is None:
            replace_preferences(connection, builder, known, application, now)
            _join_team(connection, builder, known, application, now)
        return known if _plan_confirmation(connection, secret, known, now) else None
    if not _has_room(connection, secret, address.mailbox, now):
        return None
    alone = replace(application, team=None)
    added = subscribe_many(connection, builder, secret, [alone], now, confirmed=False, how="web")[0]
    if not isinstance(added, Subscriber):
        return None
    _join_team(connection, builder, added, application, now)
    return added


def _join_team(
    connection: Connection,
    builder: ProfileBuilder,
    added: Subscriber,
    application: Application,
    now: datetime,
) -> None:
    """Put a new subscriber into the team of the invitation; one that ended meanwhile is left out."""
    if application.team is None:
        return
    with suppress(BadLink, BadInput):
        join_team(connection, builder, added, application.team, now)


def _has_room(connection: Connection, secret: bytes, address: str, now: datetime) -> bool:
    """Count a confirmation for a mailbox; return whether the limit of today allows it."""
    counted = request_store.count_confirmation(connection, mailbox_hash(address, secret), now.date())
    return counted <= CONFIRMATIONS_PER_MAILBOX


def _plan_confirmation(connection: Connection, secret: bytes, known: Subscriber, now: datetime) -> bool:
    if known.status not in {"pending", "unsubscribed"}:
        return False
    is_planned = bool(
        delivery_reports.find(
            connection, subscriber_id=known.id, kind=Kind.CONFIRM, edition_on=now.date(), limit=1
        )
    )
    if not is_planned and not _has_room(connection, secret, known.address, now):
        return False
    subscriber_store.set_status(connection, known.id, Status.PENDING)
    return bool(ledger.plan(connection, Kind.CONFIRM, [NewDelivery(known.id, now.date(), now)]))


def request_confirmation_again(
    database: Database, secret: bytes, key: str, now: datetime
) -> Subscriber | None:
    """Plan another confirmation when the first has expired; None when no mail is sent. Raises NotFound."""
    with database.begin() as connection:
        known = subscriber_of(connection, key)
        is_waiting = known.status == "pending"
        return known if is_waiting and _plan_confirmation(connection, secret, known, now) else None


def request_links(
    connection: Connection, secret: bytes, address: Address, now: datetime
) -> Subscriber | None:
    """Plan the mail with a subscriber's links; return the subscriber, or None when no mail is sent.

    It is sent once per day (UTC) to subscribers who have confirmed, also when they unsubscribed later. It is not
    sent to unknown, unconfirmed or suppressed addresses.
    """
    known = subscriber_store.find_by_address_key(connection, address.key)
    if known is None or known.confirmed_at is None or known.status not in RECIPIENTS[Kind.LINKS]:
        return None
    if suppression_store.suppressed(connection, {address_hash(address.mailbox, secret)}):
        return None
    return known if ledger.plan(connection, Kind.LINKS, [NewDelivery(known.id, now.date(), now)]) else None


def unsubscribe(database: Database, secret: bytes, key: str, now: datetime, how: str) -> Subscriber | None:
    """Stop all mail to a subscriber, planned mails included; return None when they were erased.

    Idempotent. A suppressed subscriber stays suppressed, and is unsubscribed when the suppression is lifted. Returns
    when no mail to this subscriber is in flight, so that none is sent after the answer.
    """
    with database.begin() as connection:
        subscriber, has_changed = unsubscribe_in(connection, secret, key, now, how)
    if subscriber is not None and has_changed:
        wait_until_settled(database, subscriber.id, now)
    return subscriber


def unsubscribe_in(
    connection: Connection, secret: bytes, key: str, now: datetime, how: str
) -> tuple[Subscriber | None, bool]:
    """Do the same in an open transaction; return the subscriber, and whether the status changed."""
    subscriber = subscriber_store.find_by_key(connection, key)
    if subscriber is None or subscriber.status == "unsubscribed":
        return subscriber, False
    if subscriber.status == "suppressed":
        if not _has_unsubscribed(connection, subscriber):
            _record_refusal(connection, secret, subscriber, now, how)
        return subscriber, False
    subscriber_store.set_status(connection, subscriber.id, Status.UNSUBSCRIBED)
    _record_refusal(connection, secret, subscriber, now, how)
    plan_goodbye(connection, subscriber, now)
    return replace(subscriber, status=Status.UNSUBSCRIBED), True


def _has_unsubscribed(connection: Connection, subscriber: Subscriber) -> bool:
    consents = consent_store.read_consents(connection, subscriber.id)
    return bool(consents) and consents[-1].what == REFUSAL


def _record_refusal(
    connection: Connection, secret: bytes, subscriber: Subscriber, now: datetime, how: str
) -> None:
    consent_store.record_consents(connection, [subscriber.id], REFUSAL, how, now)
    log_event(connection, secret, subscriber, SuppressionEvent.UNSUBSCRIBED, how, now)


def resubscribe(database: Database, secret: bytes, key: str, now: datetime, how: str) -> Subscriber:
    """Send mail again to a subscriber who confirmed and then unsubscribed. Raises NotFound.

    Unconfirmed, paused and suppressed subscribers are not changed.
    """
    with database.begin() as connection:
        return _resubscribe_in(connection, secret, subscriber_of(connection, key), now, how)


def undo_unsubscription(
    database: Database, secret: bytes, key: str, issued_on: date, now: datetime
) -> Subscriber:
    """Send mail again to a subscriber who opened the link of the goodbye of a day. The link works once.

    Raises NotFound for an erased subscriber, BadLink for a link that was used.
    """
    how = f"undo of {issued_on}"
    with database.begin() as connection:
        subscriber = subscriber_of(connection, key)
        if any(one.how == how for one in consent_store.read_consents(connection, subscriber.id)):
            raise BadLink(
                gettext("This link was used already; to get papers again, sign up on the home page.")
            )
        return _resubscribe_in(connection, secret, subscriber, now, how)


def _resubscribe_in(
    connection: Connection, secret: bytes, subscriber: Subscriber, now: datetime, how: str
) -> Subscriber:
    if subscriber.confirmed_at is None or subscriber.status not in {"unsubscribed", "pending"}:
        return subscriber
    # Without a due time, planning computes a new one; the old one would plan a digest for a past day.
    active = replace(subscriber, status=Status.ACTIVE, paused_until=None, next_due_at=None)
    subscriber_store.update_subscriber(connection, active)
    consent_store.record_consents(connection, [subscriber.id], CONSENT, how, now)
    log_event(connection, secret, subscriber, SuppressionEvent.RETURNED, how, now)
    return active


def purge_unconfirmed(database: Database, now: datetime) -> int:
    """Delete subscribers who did not confirm before the link expired; return how many.

    Those who had confirmed earlier become unsubscribed again instead.
    """
    with database.begin() as connection:
        deleted = subscriber_store.delete_unconfirmed(connection, now - timedelta(days=CONFIRM_DAYS))
    DELETED_ROWS.labels("unconfirmed").inc(deleted)
    return deleted
