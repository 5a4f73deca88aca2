"""Coming and going from the web side: asking for mail or for lost links, saying no to it, and coming back.

Only the mail that goes to an address, at most one of a kind a day, says whether it is a subscriber's. Requests
by address come through `digest.subscribers.mail_requests`.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from digest.domain.address import Address
from digest.domain.delivery import CONFIRM_DAYS, RECIPIENTS, Kind
from digest.domain.subscriber import Status, Subscriber, SuppressionEvent
from digest.errors import NotFound
from digest.store import consents as consent_store
from digest.store import deliveries as ledger
from digest.store import delivery_reports
from digest.store import mail_requests as request_store
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store.database import Connection, Database
from digest.store.deliveries import NewDelivery
from digest.subscribers.addresses import address_hash, mailbox_hash
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import CONSENT, REFUSAL, Application, log_event, subscribe_many

CONFIRMATIONS_PER_MAILBOX = 3
"""On one day (UTC), whoever asks and however the address is written."""


def subscriber_of(connection: Connection, key: str) -> Subscriber:
    """Return the subscriber whom a genuine link names. Raises NotFound when they were erased since."""
    subscriber = subscriber_store.find_by_key(connection, key)
    if subscriber is None:
        raise NotFound(
            "Nothing is kept about this subscriber any more; to get papers again, sign up on the first page."
        )
    return subscriber


def request_subscription(
    connection: Connection, builder: ProfileBuilder, secret: bytes, application: Application, now: datetime
) -> Subscriber | None:
    """Answer a request for mail; return the subscriber whose confirmation was planned, None when none goes.

    A mail goes to a new address, to one that never confirmed and to one that had unsubscribed, once a day
    (UTC), and no more than CONFIRMATIONS_PER_MAILBOX a day to one mailbox. Active subscribers are left as they
    are, and so are addresses that must not be written to. Raises BadInput for what is no address.
    """
    address = application.address
    if suppression_store.suppressed(connection, {address_hash(address.mailbox, secret)}):
        return None
    known = subscriber_store.find_by_address_key(connection, address.key)
    if known is not None:
        return known if _plan_confirmation(connection, secret, known, now) else None
    if not _has_room(connection, secret, address.mailbox, now):
        return None
    added = subscribe_many(connection, builder, secret, [application], now, confirmed=False, how="web")[0]
    return added if isinstance(added, Subscriber) else None


def _has_room(connection: Connection, secret: bytes, address: str, now: datetime) -> bool:
    """Count a confirmation for a mailbox; tell whether it may have one more today."""
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
    """Plan another confirmation for whoever let the first one lapse; None when no mail goes. Raises NotFound."""
    with database.begin() as connection:
        known = subscriber_of(connection, key)
        is_waiting = known.status == "pending"
        return known if is_waiting and _plan_confirmation(connection, secret, known, now) else None


def request_links(
    connection: Connection, secret: bytes, address: Address, now: datetime
) -> Subscriber | None:
    """Answer a request for a subscriber's links; return the subscriber whose mail was planned, None when none goes.

    One goes to whoever had confirmed, also to those who left since, once a day (UTC); to strangers, to
    whoever never confirmed, and to addresses that must not be written to, none. Raises BadInput for what is
    no address.
    """
    known = subscriber_store.find_by_address_key(connection, address.key)
    if known is None or known.confirmed_at is None or known.status not in RECIPIENTS[Kind.LINKS]:
        return None
    if suppression_store.suppressed(connection, {address_hash(address.mailbox, secret)}):
        return None
    return known if ledger.plan(connection, Kind.LINKS, [NewDelivery(known.id, now.date(), now)]) else None


def unsubscribe(database: Database, secret: bytes, key: str, now: datetime, how: str) -> Subscriber | None:
    """Send this subscriber nothing more, mails planned already included; None when they were erased.

    Harmless to repeat. Whoever is suppressed stays so, and is unsubscribed should that be lifted.
    """
    with database.begin() as connection:
        subscriber = subscriber_store.find_by_key(connection, key)
        if subscriber is None or subscriber.status == "unsubscribed":
            return subscriber
        if subscriber.status == "suppressed":
            if not _has_left(connection, subscriber):
                _note_refusal(connection, secret, subscriber, now, how)
            return subscriber
        subscriber_store.set_status(connection, subscriber.id, Status.UNSUBSCRIBED)
        _note_refusal(connection, secret, subscriber, now, how)
        return replace(subscriber, status=Status.UNSUBSCRIBED)


def _has_left(connection: Connection, subscriber: Subscriber) -> bool:
    said = consent_store.read_consents(connection, subscriber.id)
    return bool(said) and said[-1].what == REFUSAL


def _note_refusal(
    connection: Connection, secret: bytes, subscriber: Subscriber, now: datetime, how: str
) -> None:
    consent_store.record_consents(connection, [subscriber.id], REFUSAL, how, now)
    log_event(connection, secret, subscriber, SuppressionEvent.UNSUBSCRIBED, how, now)


def resubscribe(database: Database, secret: bytes, key: str, now: datetime, how: str) -> Subscriber:
    """Send mail again to a subscriber who had confirmed and then left. Raises NotFound.

    Whoever never confirmed, rests or must not be written to stays as they are.
    """
    with database.begin() as connection:
        subscriber = subscriber_of(connection, key)
        if subscriber.confirmed_at is None or subscriber.status not in {"unsubscribed", "pending"}:
            return subscriber
        # Planned anew: a due time from before they left would be a mail for a day long gone.
        back = replace(subscriber, status=Status.ACTIVE, paused_until=None, next_due_at=None)
        subscriber_store.update_subscriber(connection, back)
        consent_store.record_consents(connection, [subscriber.id], CONSENT, how, now)
        log_event(connection, secret, subscriber, SuppressionEvent.RETURNED, how, now)
        return back


def purge_unconfirmed(database: Database, now: datetime) -> int:
    """Delete whoever was asked to confirm and did not while the link was good; return how many.

    Somebody who had confirmed once, left and asked again without confirming is unsubscribed as before.
    """
    with database.begin() as connection:
        return subscriber_store.delete_unconfirmed(connection, now - timedelta(days=CONFIRM_DAYS))
