"""Export of the suppression log to a file, and applying the file to a restored database.

A backup lacks the unsubscriptions, erasures and suppressions after it was made. The file has them, by keyed hashes
of the addresses.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from digest.domain.subscriber import Status, SuppressionEvent
from digest.errors import BadInput
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store.database import Connection, Database
from digest.store.suppressions import Entry
from digest.subscribers.addresses import address_hash, key_fingerprint
from digest.subscribers.signup import REFUSAL
from digest.subscribers.suppressions import AddressState, address_state, check_reason, lift_in

FORMAT = "digest suppressions 1"
_CHUNK = 1000
_HASH = re.compile(r"[0-9a-f]{64}")
_DAY = timedelta(days=1)


def export_lines(database: Database, secret: bytes, now: datetime) -> Iterator[str]:
    """Yield the whole log as JSON lines; the first identifies the secret key of the hashes."""
    _log_earlier_events(database, secret)
    yield json.dumps(
        {"format": FORMAT, "key_fingerprint": key_fingerprint(secret), "exported_at": now.isoformat()}
    )
    after, page = 0, [Entry("", SuppressionEvent.LIFTED, "", now)]
    while page:
        with database.read() as connection:
            page, after = suppression_store.log_page(connection, after, _CHUNK)
        for one in page:
            yield json.dumps(
                {
                    "address_hash": one.address_hash,
                    "event": one.event,
                    "reason": one.reason,
                    "happened_at": one.happened_at.isoformat(),
                },
                ensure_ascii=False,
            )


def _log_earlier_events(database: Database, secret: bytes) -> None:
    """Add subscribers to the log who were suppressed or unsubscribed before the log existed."""
    with database.begin() as connection:
        suppression_store.log_unlogged_suppressions(connection)
    after = 0
    while True:
        with database.begin() as connection:
            page = suppression_store.addresses(connection, after, _CHUNK, [Status.UNSUBSCRIBED])
            hashes = {row.id: address_hash(row.address, secret) for row in page}
            logged = suppression_store.history(connection, set(hashes.values()))
            left_at = suppression_store.last_consents(connection, REFUSAL, set(hashes))
            suppression_store.note(
                connection,
                *(
                    Entry(
                        hashes[row.id], SuppressionEvent.UNSUBSCRIBED, "", left_at.get(row.id, row.created_at)
                    )
                    for row in page
                    if address_state(logged.get(hashes[row.id], [])).left_at is None
                ),
            )
        if len(page) < _CHUNK:
            return
        after = page[-1].id


@dataclass(slots=True)
class Applied:
    """The result of applying a file."""

    entries: int = 0
    """Valid lines."""
    added: int = 0
    """Entries that the database did not have."""
    unsubscribed: int = 0
    erased: int = 0
    suppressed: int = 0
    lifted: int = 0
    rejected: list[str] = field(default_factory=list)
    """One line each: file, line number and reason."""


def apply_file(database: Database, secret: bytes, file: Path, now: datetime) -> Applied:
    """Apply the log in a file to a database: unsubscribe, suppress, lift and erase as it says.

    Idempotent, also on the database that wrote the file. A bad line is skipped and reported.
    Raises BadInput when the file cannot be read or belongs to another secret key.
    """
    done = Applied()
    try:
        with file.open(encoding="utf-8-sig") as lines:
            _check_header(lines.readline(), file, secret)
            entries = _entries(lines, file.name, now, done)
            while chunk := list(islice(entries, _CHUNK)):
                with database.begin() as connection:
                    done.added += suppression_store.note(connection, *chunk)
                    _apply_to_addresses(connection, {one.address_hash for one in chunk}, done)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read ({error}).") from None
    _apply_to_subscribers(database, secret, now, done)
    return done


def _check_header(line: str, file: Path, secret: bytes) -> None:
    try:
        header = json.loads(line)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise BadInput(f"{file} was not written by `digest suppressions export`.")
    if header.get("key_fingerprint") != key_fingerprint(secret):
        raise BadInput(
            f"{file} was exported under another secret key, so no address would be recognised; "
            "set the DIGEST_SECRET_KEY of that installation."
        )


def _entries(lines: Iterator[str], name: str, now: datetime, done: Applied) -> Iterator[Entry]:
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        try:
            entry = _entry(line, now)
        except (ValueError, RecursionError, BadInput) as error:
            done.rejected.append(f"{name}:{number}: {error}")
            continue
        done.entries += 1
        yield entry


def _entry(line: str, now: datetime) -> Entry:
    """Read one line. Raises ValueError or BadInput."""
    record: Any = json.loads(line)
    if not isinstance(record, dict):
        raise BadInput("this line is not a JSON object.")
    fingerprint, event = record.get("address_hash"), record.get("event")
    reason, instant = record.get("reason"), record.get("happened_at")
    if not isinstance(fingerprint, str) or not _HASH.fullmatch(fingerprint):
        raise BadInput("address_hash must be 64 hexadecimal digits.")
    if event not in tuple(SuppressionEvent):
        raise BadInput(f"event must be one of {', '.join(SuppressionEvent)}.")
    if not isinstance(reason, str) or not isinstance(instant, str):
        raise BadInput("reason and happened_at must be texts.")
    happened_at = datetime.fromisoformat(instant)
    if happened_at.tzinfo is None:
        raise BadInput("happened_at has no time zone.")
    if happened_at > now + _DAY:
        raise BadInput("happened_at is in the future.")
    # A lone surrogate cannot be stored: it is rejected here with its line.
    reason.encode()
    return Entry(
        fingerprint, SuppressionEvent(event), check_reason(reason) if reason.strip() else "", happened_at
    )


def _apply_to_addresses(connection: Connection, hashes: set[str], done: Applied) -> None:
    """Suppress the addresses themselves, whether or not a subscriber has them."""
    present = suppression_store.suppressed(connection, hashes)
    for fingerprint, entries in suppression_store.history(connection, hashes).items():
        standing = address_state(entries)
        if standing.suppressed and fingerprint not in present:
            entry = standing.suppressed
            suppression_store.suppress(connection, fingerprint, entry.reason, entry.happened_at)
            done.suppressed += 1


def _apply_to_subscribers(database: Database, secret: bytes, now: datetime, done: Applied) -> None:
    after = 0
    while True:
        with database.begin() as connection:
            page = suppression_store.addresses(connection, after, _CHUNK)
            hashes = {row.id: address_hash(row.address, secret) for row in page}
            logged = suppression_store.history(connection, set(hashes.values()))
            named = [(row, address_state(logged[hashes[row.id]])) for row in page if hashes[row.id] in logged]
            _unsubscribe(connection, named, done)
            for row, standing in named:
                _apply_to(connection, row, hashes[row.id], standing, now, done)
        if len(page) < _CHUNK:
            return
        after = page[-1].id


def _unsubscribe(connection: Connection, named: Sequence[tuple[Any, AddressState]], done: Applied) -> None:
    """Unsubscribe the active and paused subscribers who left, unless they signed up again later."""
    left_at = {
        row.id: standing.left_at
        for row, standing in named
        if standing.left_at and row.created_at <= standing.left_at and row.status in {"active", "paused"}
    }
    suppression_store.unsubscribe(connection, left_at, REFUSAL, "suppressions apply")
    done.unsubscribed += len(left_at)


def _apply_to(
    connection: Connection, row: Any, fingerprint: str, standing: AddressState, now: datetime, done: Applied
) -> None:
    """Erase, suppress or lift one stored subscriber, as the log says."""
    if standing.erased_at and row.created_at <= standing.erased_at:
        subscriber_store.delete_subscriber(connection, row.id)
        done.erased += 1
        return
    if (entry := standing.suppressed) and row.status != "suppressed":
        suppression_store.suppress_subscriber(
            connection, row.id, fingerprint, entry.reason, entry.happened_at
        )
    if (entry := standing.lifted) and row.status == "suppressed":
        known = subscriber_store.find_by_ids(connection, [row.id])[row.id]
        lift_in(connection, entry, known, now)
        done.lifted += 1
