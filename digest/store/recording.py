"""The two short statements that go with every mail: may it be sent, and it was sent.

On PostgreSQL both go in one round trip, on a connection of their own. Its commits do not wait for the
disk: a crash of this process or a restart of the server loses nothing, only a crash of the server's whole
machine may forget the last half second, and the mails of it come twice under the same Message-ID.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, or_, select, update

from digest.domain.delivery import KINDS, RECIPIENTS, Delivery, Kind
from digest.errors import StopRun
from digest.store.database import Connection, Database
from digest.store.models import deliveries, subscribers

LONGEST_WAIT = timedelta(minutes=2)
"""How long a record waits for a database that restarts; giving up would send that mail twice."""
_PAUSE_SECONDS = 0.5


def _may_be_sent(kind: Kind) -> Select[int]:
    # Equals signs, because a list would be spelled out anew for every mail.
    is_recipient = or_(*(subscribers.c.status == status for status in sorted(RECIPIENTS[kind])))
    return (
        select(deliveries.c.id)
        .join(subscribers, deliveries.c.subscriber_id == subscribers.c.id)
        .where(
            deliveries.c.id == bindparam("next_number"),
            deliveries.c.status == "claimed",
            deliveries.c.attempts == bindparam("attempt"),
            is_recipient,
        )
    )


# Put together once: they run for every mail.
_MAY_BE_SENT = {kind: _may_be_sent(kind) for kind in KINDS}
_RECORD_SENT = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("number"))
    .values(
        status="sent",
        next_try_at=None,
        settled_at=bindparam("at"),
        content_sha256=bindparam("fingerprint"),
        smtp_answer=bindparam("answer"),
    )
)
_RECORDED = _RECORD_SENT.returning(deliveries.c.id).cte("recorded")
_RECORD_AND_ASK = {kind: question.add_cte(_RECORDED) for kind, question in _MAY_BE_SENT.items()}


@dataclass(frozen=True, slots=True)
class AcceptedMail:
    """A mail that the server took, with its answer and the fingerprint of what was sent."""

    delivery_id: int
    content_sha256: str
    answer: str
    at: datetime

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of the record."""
        return {
            "number": self.delivery_id,
            "at": self.at,
            "fingerprint": self.content_sha256,
            "answer": self.answer,
        }


def _question(one: Delivery) -> dict[str, Any]:
    return {"next_number": one.id, "attempt": one.attempts}


def _may_send(connection: Connection, one: Delivery) -> bool:
    return connection.execute(_MAY_BE_SENT[one.kind], _question(one)).first() is not None


class Recorder:
    """Asks and records, for one batch on one connection."""

    def __init__(
        self,
        transaction: Callable[[], AbstractContextManager[Connection]],
        longest_wait: timedelta,
        *,
        joined: bool,
    ) -> None:
        self._transaction = transaction
        self._longest_wait = longest_wait.total_seconds()
        self._joined = joined

    def may_be_sent(self, one: Delivery) -> bool:
        """Tell whether a delivery is still this worker's, and its subscriber still waits for it. Raises StopRun."""
        with self._transaction() as connection:
            return _may_send(connection, one)

    def record(self, taken: AcceptedMail, then: Delivery | None) -> bool:
        """Note that a mail was taken, and tell whether the one after it may be sent.

        Waits for a database that restarts. Raises StopRun when it does not come back.
        """
        give_up_at = time.monotonic() + self._longest_wait
        while True:
            try:
                return self._record(taken, then)
            except StopRun:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _record(self, taken: AcceptedMail, then: Delivery | None) -> bool:
        with self._transaction() as connection:
            if then is not None and self._joined:
                values = taken.values | _question(then)
                return connection.execute(_RECORD_AND_ASK[then.kind], values).first() is not None
            connection.execute(_RECORD_SENT, taken.values)
            return then is not None and _may_send(connection, then)


def recorder(database: Database, longest_wait: timedelta = LONGEST_WAIT) -> Recorder:
    """Return a recorder over a database, for one thread."""
    if database.is_sqlite:
        return Recorder(database.begin, longest_wait, joined=False)
    return Recorder(database.quick, longest_wait, joined=True)
