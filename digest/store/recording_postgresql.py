"""The step of all connections on PostgreSQL: one prepared statement, sent with its lock in one message.

The driver is used directly. Through SQLAlchemy a step takes four messages, and three times the CPU time.
"""

from collections.abc import Sequence
from datetime import datetime

import psycopg

from digest.domain.delivery import KINDS, RECIPIENTS
from digest.store.bulk import array_literal
from digest.store.database import Database
from digest.store.in_flight import CHECKING
from digest.store.steps import Step

_RECIPIENTS = " OR ".join(
    f"deliveries.kind = '{kind}' AND subscribers.status IN ({', '.join(repr(one.value) for one in sorted(RECIPIENTS[kind]))})"
    for kind in KINDS
)
# The parameters are arrays, so that the statement is the same for any number of connections.
_PREPARE = f"""
    PREPARE digest_step (
        bigint[], timestamptz[], text[], text[], smallint[], bigint[], smallint[], timestamptz, text
    ) AS
    WITH accepted AS (
        UPDATE deliveries SET status = 'sent', next_try_at = NULL, settled_at = new.at,
            content_sha256 = new.fingerprint, smtp_answer = new.answer
        FROM unnest($1, $2, $3, $4) AS new (id, at, fingerprint, answer)
        WHERE deliveries.id = new.id
    ), wanted AS (
        SELECT asked.slot, deliveries.id, deliveries.subscriber_id
        FROM unnest($5, $6, $7) AS asked (slot, id, attempts)
        JOIN deliveries ON deliveries.id = asked.id AND deliveries.attempts = asked.attempts
            AND deliveries.status = 'claimed'
        JOIN subscribers ON subscribers.id = deliveries.subscriber_id
        WHERE {_RECIPIENTS}
    ), occupied AS (
        UPDATE in_flight SET subscriber_id = new.subscriber_id, since_at = $8
        FROM (
            SELECT asked.slot, wanted.subscriber_id
            FROM unnest($5) AS asked (slot) LEFT JOIN wanted ON wanted.slot = asked.slot
        ) AS new
        WHERE in_flight.sender = $9 AND in_flight.slot = new.slot
    )
    SELECT id FROM wanted
"""  # noqa: S608 - our own words only
# Two statements in one message are one transaction. The second one has a snapshot of its own, so it sees everything
# that was committed before the lock was granted.
_STEP = (
    f"SELECT pg_advisory_xact_lock_shared({CHECKING}); "
    "EXECUTE digest_step (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


class PostgresqlSteps:
    """Executes steps over a connection of its own, which is opened again after an error."""

    def __init__(self, database: Database, sender: str) -> None:
        """`sender` is unique for this process."""
        self._database = database
        self._sender = sender
        self._cursor: psycopg.ClientCursor[tuple[int]] | None = None

    def write(self, steps: Sequence[Step], now: datetime) -> set[int]:
        """Do what `StepWriter.write` promises. Raises StopRun."""
        accepted = [step.accepted for step in steps if step.accepted]
        following = [step.next_delivery for step in steps]
        with self._database.driver_errors():
            try:
                cursor = self._cursor = self._cursor or self._open()
                cursor.execute(
                    _STEP,
                    (
                        array_literal(one.delivery_id for one in accepted),
                        array_literal(one.at for one in accepted),
                        array_literal(one.content_sha256 for one in accepted),
                        array_literal(one.answer for one in accepted),
                        array_literal(step.slot for step in steps),
                        array_literal(one.id if one else None for one in following),
                        array_literal(one.attempts if one else None for one in following),
                        now.isoformat(),
                        self._sender,
                    ),
                )
                cursor.nextset()
                return {delivery_id for (delivery_id,) in cursor.fetchall()}
            except psycopg.Error:
                self.close()
                raise

    def close(self) -> None:
        """Close the connection."""
        cursor, self._cursor = self._cursor, None
        if cursor:
            cursor.connection.close()

    def _open(self) -> psycopg.ClientCursor[tuple[int]]:
        cursor: psycopg.ClientCursor[tuple[int]] = psycopg.ClientCursor(self._database.driver_connection())
        cursor.execute(_PREPARE)
        return cursor
