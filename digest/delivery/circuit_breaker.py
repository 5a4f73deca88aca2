"""The circuit breakers of a mail account: after a failure that every mail would meet, it is left alone for a while.

There is one for the whole account (no connection, a wrong password, a server that closes) and one for each
stream of mails (a server that refuses most digests says nothing about confirmations, and the other way round).
While one is open, mails stay planned. When its time is over it is half-open: one worker sends a few mails, and
what the server answers closes it, or opens it again for a quarter of the time it has been failing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.domain.delivery import Stream
from digest.store import circuit_breakers as circuit_store
from digest.store.circuit_breakers import Circuit
from digest.store.database import Connection, Database

SHORTEST = timedelta(seconds=30)
LONGEST = timedelta(minutes=30)
HALF_OPEN_MAILS = 5
"""So many mails try whether a server takes mail again."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What opens a circuit breaker: one of the account, or of a stream of its mails."""

    reason: str
    stream: Stream | None = None


def pause_after(outage: timedelta) -> timedelta:
    """Return how long to leave a server alone that has been failing for so long.

    A quarter of the outage: so a short one is noticed to be over soon, and a long one costs few tries.
    """
    return min(max(SHORTEST, outage / 4), LONGEST)


def circuit_name(account: str, stream: Stream | None) -> str:
    """Return the name under which the breaker of an account, or of one stream of it, is kept."""
    return f"{account} {stream}" if stream else account


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether mails of one stream may go to a server now."""

    circuits: Sequence[Circuit]
    """Those that are open or half-open."""
    now: datetime

    @property
    def is_half_open(self) -> bool:
        """Whether only a few mails may go, to try the server."""
        return bool(self.circuits)

    @property
    def is_open(self) -> bool:
        """Whether the server is to be left alone."""
        return any(circuit.try_again_at > self.now for circuit in self.circuits)

    @property
    def reason(self) -> str:
        """Why the server is left alone and until when, in one sentence."""
        if not self.circuits:
            return ""
        longest = max(self.circuits, key=lambda circuit: circuit.try_again_at)
        return f"{longest.reason.rstrip('.')}; mails wait until {longest.try_again_at:%H:%M} UTC."


def admit(database: Database, account: str, stream: Stream, now: datetime) -> Admission:
    """Say whether mails of a stream may go to a server. Changes nothing: see `take_half_open_turn`."""
    with database.read() as connection:
        return admission_of(connection, account, stream, now)


def admission_of(connection: Connection, account: str, stream: Stream, now: datetime) -> Admission:
    """Say the same in a transaction that is open already."""
    names = [circuit_name(account, None), circuit_name(account, stream)]
    return Admission(circuit_store.find_circuits(connection, names), now)


def take_half_open_turn(database: Database, admission: Admission) -> bool:
    """Take the trial of half-open breakers, right before mails go out; of all workers that ask, one gets it."""
    due = [circuit for circuit in admission.circuits if circuit.try_again_at <= admission.now]
    if not due:
        return not admission.circuits
    with database.begin() as connection:
        taken = [
            circuit_store.take_half_open_turn(
                connection,
                circuit.name,
                admission.now,
                admission.now + pause_after(admission.now - circuit.opened_at),
            )
            for circuit in due
        ]
    return all(taken) and not admission.is_open


def open_circuit(database: Database, account: str, trouble: Trouble, now: datetime) -> None:
    """Open a breaker, or keep it open for longer."""
    name = circuit_name(account, trouble.stream)
    with database.begin() as connection:
        known = circuit_store.find_circuit(connection, name)
        if known is not None and now < known.opened_at + SHORTEST:
            # Workers that failed side by side are one failure.
            return
        outage = now - known.opened_at if known else timedelta()
        failures = known.failures + 1 if known else 1
        circuit_store.save_circuit(
            connection, Circuit(name, now, now + pause_after(outage), failures, trouble.reason)
        )


def close_circuit_breaker(database: Database, account: str, stream: Stream | None = None) -> None:
    """Close a breaker: the server takes mail again."""
    with database.begin() as connection:
        circuit_store.close_circuit(connection, circuit_name(account, stream))
