"""Suppressing addresses, lifting suppressions, and listing both."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from digest.domain.delivery import Kind
from digest.domain.subscriber import Status, Subscriber, SuppressionEvent
from digest.errors import BadInput, NotFound
from digest.store import deliveries as ledger
from digest.store import delivery_reports
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store.database import Connection, Database
from digest.store.deliveries import NewDelivery
from digest.store.suppressions import Entry, Suppression
from digest.subscribers.addresses import address_hash, parse_address
from digest.subscribers.signup import REFUSAL

_LONGEST_REASON = 500
_PAGE = 2000


@dataclass(frozen=True, slots=True)
class AddressState:
    """The state of one address according to the suppression log."""

    suppressed: Entry | None = None
    lifted: Entry | None = None
    """The lift that ended the last suppression; None while it holds, and when there was none."""
    left_at: datetime | None = None
    """When they unsubscribed; None when they have returned."""
    erased_at: datetime | None = None


def address_state(entries: Iterable[Entry]) -> AddressState:
    """Return the state that results from the log entries of one address, given oldest first.

    An erasure is never undone: a later sign-up is a new subscriber, with a later `created_at`.
    """
    found = AddressState()
    for entry in entries:
        match entry.event:
            case "suppressed":
                found = replace(found, suppressed=entry, lifted=None)
            case "lifted":
                found = replace(found, suppressed=None, lifted=entry)
            case "unsubscribed":
                found = replace(found, left_at=entry.happened_at)
            case "returned":
                found = replace(found, left_at=None)
            case "erased":
                found = replace(found, left_at=None, erased_at=entry.happened_at)
    return found


def status_after_lift(
    suppression: Suppression | None, subscriber: Subscriber, refused_at: datetime | None
) -> Status:
    """Return the status after a lift: the former one, or unsubscribed if they unsubscribed while suppressed.

    Without a recorded former status, their consents decide: a subscriber who never confirmed is pending.
    """
    since_at = suppression.since_at if suppression else None
    if refused_at and since_at and refused_at >= since_at:
        return Status.UNSUBSCRIBED
    if suppression and suppression.former_status:
        return suppression.former_status
    if subscriber.confirmed_at is None:
        return Status.PENDING
    if refused_at and refused_at >= subscriber.confirmed_at:
        return Status.UNSUBSCRIBED
    return Status.PAUSED if subscriber.paused_until else Status.ACTIVE


def suppress(
    database: Database, secret: bytes, typed: str, reason: str, now: datetime
) -> tuple[str, Subscriber | None]:
    """Suppress an address; return it and its subscriber, if any. Raises BadInput."""
    address = parse_address(typed)
    reason = check_reason(reason)
    fingerprint = address_hash(address.mailbox, secret)
    with database.begin() as connection:
        known = subscriber_store.find_by_address_key(connection, address.key)
        if known is None:
            is_new = suppression_store.suppress(connection, fingerprint, reason, now)
        else:
            is_new = suppression_store.suppress_subscriber(connection, known.id, fingerprint, reason, now)
            known = replace(known, status=Status.SUPPRESSED)
        if not is_new:
            raise BadInput(
                f"{address.mailbox} is already suppressed; see: digest suppressions show {address.mailbox}"
            )
    return address.mailbox, known


def check_reason(text: str) -> str:
    """Return a reason on one line. Raises BadInput for one that is empty or too long."""
    line = " ".join(text.split())
    if not 1 <= len(line) <= _LONGEST_REASON:
        raise BadInput(f"A reason must have between 1 and {_LONGEST_REASON} characters.")
    return line


def lift(
    database: Database, secret: bytes, typed: str, reason: str, now: datetime
) -> tuple[str, Subscriber | None]:
    """Allow mail to a suppressed address; return it and its changed subscriber, if any.

    Raises BadInput for an invalid address, NotFound for one that is not suppressed.
    """
    address = parse_address(typed)
    reason = check_reason(reason)
    with database.begin() as connection:
        known = subscriber_store.find_by_address_key(connection, address.key)
        entry = Entry(address_hash(address.mailbox, secret), SuppressionEvent.LIFTED, reason, now)
        return address.mailbox, lift_in(connection, entry, known, now)


def lift_in(
    connection: Connection, entry: Entry, known: Subscriber | None, now: datetime
) -> Subscriber | None:
    """Lift a suppression and restore the subscriber's status. Raises NotFound.

    Digests are planned again. A subscriber who has to confirm gets a confirmation mail.
    """
    suppression = suppression_store.release(connection, entry.address_hash)
    is_marked = known is not None and known.status == "suppressed"
    if suppression is None and not is_marked:
        raise NotFound("This address is not suppressed; see: digest suppressions list")
    suppression_store.note(connection, entry)
    if known is None or not is_marked:
        return known
    refused_at = suppression_store.last_consents(connection, REFUSAL, [known.id]).get(known.id)
    status = status_after_lift(suppression, known, refused_at)
    back = replace(known, status=status, next_due_at=None)
    subscriber_store.update_subscriber(connection, back)
    if status == "pending":
        _ask_to_confirm(connection, back, now)
    return back


def _ask_to_confirm(connection: Connection, subscriber: Subscriber, now: datetime) -> None:
    today = now.date()
    if ledger.plan(connection, Kind.CONFIRM, [NewDelivery(subscriber.id, today, now)]):
        return
    rows = delivery_reports.find(connection, subscriber_id=subscriber.id, kind=Kind.CONFIRM, edition_on=today)
    ledger.retry(connection, [row.id for row in rows], now)


def listed(connection: Connection, secret: bytes, limit: int, words: str = "") -> list[dict[str, Any]]:
    """Return suppressions in plain values, newest first.

    `address` is the stored subscriber's, or None where only the hash is stored.
    """
    found = suppression_store.newest(connection, limit, words)
    known: dict[str, str] = {}
    after, missing = 0, {one.address_hash for one in found}
    while missing - known.keys():
        page = suppression_store.addresses(connection, after, _PAGE, [Status.SUPPRESSED])
        known |= {address_hash(row.address, secret): row.address for row in page}
        if len(page) < _PAGE:
            break
        after = page[-1].id
    return [
        {
            "address": known.get(one.address_hash),
            "reason": one.reason,
            "since_at": one.since_at,
            "address_hash": one.address_hash,
        }
        for one in found
    ]


def described(connection: Connection, secret: bytes, typed: str) -> dict[str, Any]:
    """Return the state and log of a suppressed, unsubscribed or erased address, in plain values.

    Raises BadInput for an invalid address, NotFound when neither a suppression nor a log entry exists.
    """
    address = parse_address(typed)
    fingerprint = address_hash(address.mailbox, secret)
    suppression = suppression_store.suppressed(connection, [fingerprint]).get(fingerprint)
    entries = suppression_store.history(connection, [fingerprint]).get(fingerprint, [])
    if suppression is None and not entries:
        raise NotFound(f"{address.mailbox} is not suppressed and never was; see: digest suppressions list")
    known = subscriber_store.find_by_address_key(connection, address.key)
    return {
        "address": address.mailbox,
        "is_suppressed": suppression is not None,
        "reason": suppression.reason if suppression else None,
        "since_at": suppression.since_at if suppression else None,
        "former_status": suppression.former_status if suppression else None,
        "subscriber": known.status if known else None,
        "address_hash": fingerprint,
        "history": [
            {"happened_at": one.happened_at, "event": one.event, "reason": one.reason} for one in entries
        ],
    }


def reasons_by_address(connection: Connection, secret: bytes, addresses: Collection[str]) -> dict[str, str]:
    """Return the reason for each of these addresses that is suppressed."""
    hashes = {address: address_hash(address, secret) for address in addresses}
    found = suppression_store.suppressed(connection, set(hashes.values()))
    return {address: found[one].reason for address, one in hashes.items() if one in found}
