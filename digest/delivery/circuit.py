"""The circuit of a mail server: after a failure that every mail would meet, it is left alone for a while.

Then one worker tries a few mails; the first that is taken closes the circuit, another failure doubles
the pause. Nothing is lost meanwhile: what is planned stays planned.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.store import circuits as store
from digest.store.circuits import Circuit
from digest.store.database import Database

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(minutes=30)
TRIAL_MAILS = 5
"""So many mails try whether a server takes mail again."""


def rest(trips: int) -> timedelta:
    """Return how long to leave a server alone after so many failures in a row (the first is 1)."""
    pause: timedelta = SHORTEST * 2 ** min(max(0, trips - 1), 10)
    return min(pause, LONGEST)


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether mail may go to a server now."""

    circuit: Circuit | None
    is_trial: bool = False

    @property
    def is_shut(self) -> bool:
        """Whether the server is to be left alone."""
        return self.circuit is not None and not self.is_trial

    @property
    def reason(self) -> str:
        """Why it is left alone and until when, in one sentence."""
        if self.circuit is None:
            return ""
        return f"{self.circuit.reason.rstrip('.')}; mails wait until {self.circuit.try_again_at:%H:%M} UTC."


def admit(database: Database, name: str, now: datetime) -> Admission:
    """Say whether mail may go to a server; of all workers that ask, one gets the trial that is due."""
    with database.read() as connection:
        circuit = store.find_circuit(connection, name)
    if circuit is None or circuit.try_again_at > now:
        return Admission(circuit)
    with database.begin() as connection:
        return Admission(circuit, store.take_trial(connection, name, now, now + rest(circuit.trips)))


def trip(database: Database, name: str, reason: str, now: datetime) -> None:
    """Open the circuit, or keep it open for longer."""
    with database.begin() as connection:
        known = store.find_circuit(connection, name)
        if known is not None and now < known.opened_at + SHORTEST:
            # Workers that failed side by side are one failure.
            return
        trips = known.trips + 1 if known else 1
        store.save_circuit(connection, Circuit(name, now, now + rest(trips), trips, reason))


def mend(database: Database, name: str) -> None:
    """Close the circuit: the server has taken a mail."""
    with database.begin() as connection:
        store.close_circuit(connection, name)
