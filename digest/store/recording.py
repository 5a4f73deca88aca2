"""The statements for every mail, for many connections together: record the sent mail, admit the next one.

Before a mail is sent, the status of its subscriber is checked, and the mail is recorded as in flight on its
connection. One transaction records the answers of all connections of a process and checks the next mails; each
connection waits for its commit. The commit waits for the disk, so a crash of the database server loses no record.

An unsubscription waits until no mail to the subscriber is in flight (`digest.store.in_flight`); none is sent after.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from digest.domain.delivery import KINDS, RECIPIENTS, Delivery
from digest.store.bulk import array_literal
from digest.store.database import Database
from digest.store.mail_server_models import in_flight
from digest.store.models import deliveries, subscribers

CHECKING = 7_234_002
"""The key of the lock that senders share while they check mails: any number that no other lock uses."""


@dataclass(frozen=True, slots=True)
class AcceptedMail:
    """A mail that the server accepted, with its answer and the hash of the sent bytes."""

    delivery_id: int
    content_sha256: str
    answer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """What one connection records and checks between two mails."""

    slot: int
    """The number of the connection within its process, from 0."""
    accepted: AcceptedMail | None
    """The mail that the server has just accepted; None if there is none."""
    next_delivery: Delivery | None
    """The next mail; None if there is none yet."""


def _is_recipient() -> ColumnElement[bool]:
    return or_(
        *(
            and_(deliveries.c.kind == kind, subscribers.c.status.in_(sorted(RECIPIENTS[kind])))
            for kind in KINDS
        )
    )


# Built once, because they run for every group of mails.
_RECORD_SENT = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"))
    .values(
        status="sent",
        next_try_at=None,
        settled_at=bindparam("at"),
        content_sha256=bindparam("fingerprint"),
        smtp_answer=bindparam("answer"),
    )
)
_OCCUPY = (
    update(in_flight)
    .where(in_flight.c.sender == bindparam("of_sender"), in_flight.c.slot == bindparam("of_slot"))
    .values(subscriber_id=bindparam("whose"), since_at=bindparam("since"))
)
_RECIPIENT_SQL = " OR ".join(
    f"deliveries.kind = '{kind}' AND subscribers.status IN ({', '.join(repr(one.value) for one in sorted(RECIPIENTS[kind]))})"
    for kind in KINDS
)
# One statement. Its parameters are arrays, so that its text is the same for any number of connections.
_STEP = text(
    f"""
    WITH accepted AS (
        UPDATE deliveries SET status = 'sent', next_try_at = NULL, settled_at = new.at,
            content_sha256 = new.fingerprint, smtp_answer = new.answer
        FROM unnest(CAST(CAST(:ids AS text) AS bigint[]), CAST(CAST(:ats AS text) AS timestamptz[]), CAST(CAST(:fingerprints AS text) AS text[]),
            CAST(CAST(:answers AS text) AS text[])) AS new (id, at, fingerprint, answer)
        WHERE deliveries.id = new.id
    ), wanted AS (
        SELECT asked.slot, deliveries.id, deliveries.subscriber_id
        FROM unnest(CAST(CAST(:slots AS text) AS smallint[]), CAST(CAST(:next_ids AS text) AS bigint[]), CAST(CAST(:attempts AS text) AS smallint[]))
            AS asked (slot, id, attempts)
        JOIN deliveries ON deliveries.id = asked.id AND deliveries.attempts = asked.attempts
            AND deliveries.status = 'claimed'
        JOIN subscribers ON subscribers.id = deliveries.subscriber_id
        WHERE {_RECIPIENT_SQL}
    ), occupied AS (
        UPDATE in_flight SET subscriber_id = new.subscriber_id, since_at = :now
        FROM (
            SELECT asked.slot, wanted.subscriber_id
            FROM unnest(CAST(CAST(:slots AS text) AS smallint[])) AS asked (slot) LEFT JOIN wanted ON wanted.slot = asked.slot
        ) AS new
        WHERE in_flight.sender = :sender AND in_flight.slot = new.slot
    )
    SELECT id FROM wanted
    """  # noqa: S608 - our own words only
)


class StepWriter:
    """Executes the steps of all connections of one sender."""

    def __init__(self, database: Database, sender: str) -> None:
        """`sender` is unique for this process."""
        self._sender = sender
        self._is_sqlite = database.is_sqlite
        self._transaction: Callable[[], AbstractContextManager[Connection]] = (
            database.begin if database.is_sqlite else database.quick
        )

    def open_slots(self, count: int, now: datetime) -> None:
        """Insert a row of `in_flight` for each connection."""
        rows = [
            {"sender": self._sender, "slot": slot, "subscriber_id": None, "since_at": now}
            for slot in range(count)
        ]
        with self._transaction() as connection:
            connection.execute(insert(in_flight), rows)

    def close_slots(self) -> None:
        """Delete the rows of this sender, when none of its mails is in flight."""
        with self._transaction() as connection:
            connection.execute(delete(in_flight).where(in_flight.c.sender == self._sender))

    def write(self, steps: Sequence[Step], now: datetime) -> set[int]:
        """Record the accepted mails, and return the ids of the next deliveries that may be sent now.

        A mail may be sent while this worker holds its claim and the subscriber's status allows it. Raises StopRun.
        """
        with self._transaction() as connection:
            if self._is_sqlite:
                return self._write_rows(connection, steps, now)
            # A separate statement: the next one sees everything that was committed before the lock was granted.
            connection.execute(select(func.pg_advisory_xact_lock_shared(CHECKING)))
            return self._write_arrays(connection, steps, now)

    def _write_arrays(self, connection: Connection, steps: Sequence[Step], now: datetime) -> set[int]:
        accepted = [step.accepted for step in steps if step.accepted]
        found = connection.execute(
            _STEP,
            {
                "ids": array_literal(one.delivery_id for one in accepted),
                "ats": array_literal(one.at for one in accepted),
                "fingerprints": array_literal(one.content_sha256 for one in accepted),
                "answers": array_literal(one.answer for one in accepted),
                "slots": array_literal(step.slot for step in steps),
                "next_ids": array_literal(
                    step.next_delivery.id if step.next_delivery else None for step in steps
                ),
                "attempts": array_literal(
                    step.next_delivery.attempts if step.next_delivery else None for step in steps
                ),
                "now": now,
                "sender": self._sender,
            },
        )
        return set(found.scalars())

    def _write_rows(self, connection: Connection, steps: Sequence[Step], now: datetime) -> set[int]:
        accepted = [
            {
                "delivery_id": one.delivery_id,
                "at": one.at,
                "fingerprint": one.content_sha256,
                "answer": one.answer,
            }
            for step in steps
            if (one := step.accepted)
        ]
        if accepted:
            connection.execute(_RECORD_SENT, accepted)
        wanted: dict[tuple[int, int], int] = {}
        if asked := [step.next_delivery.id for step in steps if step.next_delivery]:
            wanted = {(row.id, row.attempts): row.subscriber_id for row in connection.execute(_wanted(asked))}
        owners = [
            wanted.get((step.next_delivery.id, step.next_delivery.attempts)) if step.next_delivery else None
            for step in steps
        ]
        connection.execute(
            _OCCUPY,
            [
                {"of_sender": self._sender, "of_slot": step.slot, "whose": owner, "since": now}
                for step, owner in zip(steps, owners, strict=True)
            ],
        )
        return {
            step.next_delivery.id
            for step, owner in zip(steps, owners, strict=True)
            if step.next_delivery and owner
        }


def _wanted(delivery_ids: Sequence[int]) -> Select[int, int, int]:
    return (
        select(deliveries.c.id, deliveries.c.attempts, deliveries.c.subscriber_id)
        .join(subscribers, deliveries.c.subscriber_id == subscribers.c.id)
        .where(deliveries.c.id.in_(delivery_ids), deliveries.c.status == "claimed", _is_recipient())
    )
