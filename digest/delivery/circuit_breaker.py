"""The circuit breakers of a mail account: after a failure that affects every mail, nothing is sent for a while.

There is one for the whole account (no connection, a wrong password, a server that closes) and one for each
stream of mails (refused digests are no evidence about confirmations, and vice versa). While a breaker
is open, mails stay planned. After its pause it is half-open: one worker sends a few mails. The server's answers
close it, or open it again for a quarter of the time since the outage began.
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
"""Number of mails that test whether a server accepts mail again."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A reason to open the circuit breaker of the account, or of one stream."""

    reason: str
    stream: Stream | None = None


def pause_after(outage: timedelta) -> timedelta:
    """Return how long the breaker of a server that has been failing for `outage` stays open.

    A quarter of the outage, within SHORTEST and LONGEST: the end of a short outage is noticed soon, and a long
    outage costs few mails.
    """
    return min(max(SHORTEST, outage / 4), LONGEST)


def circuit_name(account: str, stream: Stream | None) -> str:
    """Return the name under which the breaker of an account, or of one stream of it, is stored."""
    return f"{account} {stream}" if stream else account


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether mails of one stream may be sent now."""

    circuits: Sequence[Circuit]
    """Those that are open or half-open."""
    now: datetime

    @property
    def is_half_open(self) -> bool:
        """Whether only a few mails may be sent, to test the server."""
        return bool(self.circuits)

    @property
    def is_open(self) -> bool:
        """Whether nothing may be sent now."""
        return any(circuit.try_again_at > self.now for circuit in self.circuits)

    @property
    def reason(self) -> str:
        """Why nothing is sent and until when, in one sentence; empty if all breakers are closed."""
        if not self.circuits:
            return ""
        longest = max(self.circuits, key=lambda circuit: circuit.try_again_at)
        return f"{longest.reason.rstrip('.')}; mails wait until {longest.try_again_at:%H:%M} UTC."


def admit(database: Database, account: str, stream: Stream, now: datetime) -> Admission:
    """Return whether mails of a stream may be sent. Changes nothing; see `take_half_open_turn`."""
    with database.read() as connection:
        return admission_of(connection, account, stream, now)


def admission_of(connection: Connection, account: str, stream: Stream, now: datetime) -> Admission:
    """Return the same as `admit`, in an open transaction."""
    names = [circuit_name(account, None), circuit_name(account, stream)]
    return Admission(circuit_store.find_circuits(connection, names), now)


def take_half_open_turn(database: Database, admission: Admission) -> bool:
    """Claim the turn of half-open breakers, right before mails are sent; return True for one worker only."""
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
            # Failures of several workers at the same time count once.
            return
        outage = now - known.opened_at if known else timedelta()
        failures = known.failures + 1 if known else 1
        circuit_store.save_circuit(
            connection, Circuit(name, now, now + pause_after(outage), failures, trouble.reason)
        )


def close_circuit_breaker(database: Database, account: str, stream: Stream | None = None) -> None:
    """Close a breaker, as the server accepts mail again."""
    with database.begin() as connection:
        circuit_store.close_circuit(connection, circuit_name(account, stream))
