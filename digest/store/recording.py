"""The statements for every mail, for many connections together: record the sent mail, admit the next one.

Before a mail is sent, the status of its subscriber is checked, and the mail is recorded as in flight on its
connection. One transaction records the answers of all connections of a process and checks the next mails; each
connection waits for its commit. The commit waits for the disk, so a crash of the database server loses no record.

An unsubscription waits until no mail to the subscriber is in flight (`digest.store.in_flight`); none is sent after.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert

from digest.store.database import Database
from digest.store.mail_server_models import in_flight
from digest.store.recording_postgresql import PostgresqlSteps
from digest.store.recording_sqlite import write_steps
from digest.store.steps import Step


class StepWriter:
    """Executes the steps of all connections of one sender. For one thread at a time."""

    def __init__(self, database: Database, sender: str) -> None:
        """`sender` is unique for this process."""
        self._sender = sender
        self._database = database
        self._postgresql = None if database.is_sqlite else PostgresqlSteps(database, sender)

    def open_slots(self, count: int, now: datetime) -> None:
        """Insert a row of `in_flight` for each connection."""
        rows = [
            {"sender": self._sender, "slot": slot, "subscriber_id": None, "since_at": now}
            for slot in range(count)
        ]
        with self._database.begin() as connection:
            connection.execute(insert(in_flight), rows)

    def close_slots(self) -> None:
        """Delete the rows of this sender, when none of its mails is in flight."""
        if self._postgresql:
            self._postgresql.close()
        with self._database.begin() as connection:
            connection.execute(delete(in_flight).where(in_flight.c.sender == self._sender))

    def write(self, steps: Sequence[Step], now: datetime) -> set[int]:
        """Record the accepted mails, and return the ids of the next deliveries that may be sent now.

        A mail may be sent while this worker holds its claim and the subscriber's status allows it. Raises StopRun.
        """
        if self._postgresql:
            return self._postgresql.write(steps, now)
        with self._database.begin() as connection:
            return write_steps(connection, self._sender, steps, now)
