"""The step of all connections on SQLite, which has one writer at a time: a few statements, a row for each parameter set."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, or_, select, update

from digest.domain.delivery import KINDS, RECIPIENTS
from digest.store.mail_server_models import in_flight
from digest.store.models import deliveries, subscribers
from digest.store.steps import Step


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


def write_steps(connection: Connection, sender: str, steps: Sequence[Step], now: datetime) -> set[int]:
    """Do what `StepWriter.write` promises, in an open transaction."""
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
            {"of_sender": sender, "of_slot": step.slot, "whose": owner, "since": now}
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
