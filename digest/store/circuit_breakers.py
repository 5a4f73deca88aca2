"""Queries about open circuit breakers of mail servers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from digest.store.mail_server_models import circuits
from digest.store.papers import upsert


@dataclass(frozen=True, slots=True)
class Circuit:
    """An open circuit breaker: nothing is sent to this mail server until `try_again_at`."""

    name: str
    opened_at: datetime
    try_again_at: datetime
    failures: int
    """Number of attempts that failed in a row."""
    reason: str


def find_circuit(connection: Connection, name: str) -> Circuit | None:
    """Return the open circuit of this name; None if it is closed."""
    row = connection.execute(select(circuits).where(circuits.c.name == name)).one_or_none()
    return Circuit(*row) if row else None


def find_circuits(connection: Connection, names: Collection[str]) -> Sequence[Circuit]:
    """Return the open circuits of these names."""
    query = select(circuits).where(circuits.c.name.in_(names)).order_by(circuits.c.name)
    return [Circuit(*row) for row in connection.execute(query)]


def open_circuits(connection: Connection) -> Sequence[Circuit]:
    """Return all open circuits, the longest open first."""
    query = select(circuits).order_by(circuits.c.opened_at, circuits.c.name)
    return [Circuit(*row) for row in connection.execute(query)]


def save_circuit(connection: Connection, circuit: Circuit) -> None:
    """Store an open circuit; if it is stored already, `opened_at` stays."""
    statement = upsert(connection)(circuits).values(
        name=circuit.name,
        opened_at=circuit.opened_at,
        try_again_at=circuit.try_again_at,
        failures=circuit.failures,
        reason=circuit.reason,
    )
    updated = {name: statement.excluded[name] for name in ("try_again_at", "failures", "reason")}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=updated))


def take_half_open_turn(connection: Connection, name: str, now: datetime, until: datetime) -> bool:
    """Claim the half-open turn that is due by `now`, and set the next one to `until`; False if none is due."""
    statement = (
        update(circuits)
        .where(circuits.c.name == name, circuits.c.try_again_at <= now)
        .values(try_again_at=until)
    )
    return connection.execute(statement).rowcount == 1


def close_circuit(connection: Connection, name: str) -> None:
    """Close a circuit: mail is sent again."""
    connection.execute(delete(circuits).where(circuits.c.name == name))
