"""Delivering a batch: claim, compose, and for each mail by itself send and record.

What a crash means: claimed but not composed, the lease runs out and it is composed again; composed but
not sent, it is sent as composed; sent but not recorded, the one mail in flight on a connection is sent
a second time, under the same Message-ID and with the same words.
"""

from collections.abc import Callable
from datetime import datetime

from digest.delivery.circuit_breaker import (
    HALF_OPEN_MAILS,
    Admission,
    Trouble,
    admit,
    close_circuit_breaker,
    open_circuit,
    take_half_open_turn,
)
from digest.delivery.compose import compose_batch
from digest.delivery.context import LEASE, DeliveryContext, Summary
from digest.delivery.send import LIMIT_REACHED, MOST_DELAYS, Outcome, send_all
from digest.domain.delivery import STREAMS, Stream
from digest.errors import TryLater
from digest.store import deliveries as ledger
from digest.store import refusals as refusal_store

__all__ = [
    "LEASE",
    "MOST_DELAYS",
    "DeliveryContext",
    "Summary",
    "compose_batch",
    "deliver_batch",
    "deliver_ready",
]


def deliver_ready(
    delivery_context: DeliveryContext, clock: Callable[[], datetime], only: int | None = None
) -> Summary:
    """Deliver everything whose time has come, batch by batch, until nothing is ready or the run must stop.

    The mails that somebody waits for go first. What stops one stream does not stop the other.
    """
    summary = Summary()
    stopped: list[str] = []
    for stream in STREAMS:
        summary.stopped = ""
        while not summary.stopped and deliver_batch(delivery_context, clock, summary, stream, only):
            pass
        stopped.append(summary.stopped)
    summary.stopped = next(filter(None, stopped), "")
    return summary


def deliver_batch(
    delivery_context: DeliveryContext,
    clock: Callable[[], datetime],
    summary: Summary,
    stream: Stream = Stream.DIGEST,
    only: int | None = None,
    *,
    respects_open_circuit: bool = False,
) -> bool:
    """Claim, compose and send one batch of a stream, adding to `summary`; tell whether there was anything to do.

    `only` keeps to one subscriber. A server that would take no mail is tried again with a few; a `respects_open_circuit` caller
    leaves it alone until its circuit breaker says so.
    """
    now = clock()
    admission = admit(delivery_context.database, delivery_context.account, stream, now)
    if respects_open_circuit and admission.is_open:
        summary.stopped = admission.reason
        return False
    try:
        room = delivery_context.limits.room(now)
    except TryLater as later:
        summary.stopped = str(later)
        return False
    most = min(room, HALF_OPEN_MAILS if admission.is_half_open else delivery_context.batch_size)
    with delivery_context.database.begin() as connection:
        work = ledger.claim(connection, now, delivery_context.lease, most, only, stream) if most else []
        if not most and ledger.count_ready(connection, now, 1, stream):
            summary.stopped = LIMIT_REACHED
    if not work:
        return False
    ready = compose_batch(delivery_context, work, now, summary)
    if not ready:
        return True
    # Only now, as a trial without a mail to send would be wasted, and the server left alone for longer.
    if not take_half_open_turn(delivery_context.database, admission) and respects_open_circuit:
        summary.stopped = admission.reason
        with delivery_context.database.begin() as connection:
            ledger.release(connection, ledger.held(connection, [one.delivery for one in ready]), now)
        return False
    with delivery_context.transport.open() as server:
        outcome = send_all(
            delivery_context,
            server,
            ready,
            clock,
            now + delivery_context.lease / 2,
            summary,
            stream,
            is_half_open=admission.is_half_open,
        )
    if admission.is_half_open and stream == "digest" and outcome.refused > outcome.taken:
        outcome.trouble = outcome.trouble or Trouble(
            "The mail server refuses most addresses, so nobody is suppressed for it; ask who runs it", stream
        )
        summary.stopped = outcome.trouble.reason
    _switch(delivery_context, admission, stream, outcome, clock())
    return True


def _switch(
    delivery_context: DeliveryContext, admission: Admission, stream: Stream, outcome: Outcome, now: datetime
) -> None:
    """Open the circuit breaker that a batch speaks for, and close those that it speaks against."""
    trouble = outcome.trouble
    if trouble:
        open_circuit(delivery_context.database, delivery_context.account, trouble, now)
    if not admission.is_half_open or not outcome.was_answered:
        return
    if trouble is None or trouble.stream:
        close_circuit_breaker(delivery_context.database, delivery_context.account)
    if trouble is None and (outcome.taken >= outcome.refused or stream == "transactional"):
        close_circuit_breaker(delivery_context.database, delivery_context.account, stream)
        with delivery_context.database.begin() as connection:
            refusal_store.forget_recent(connection, delivery_context.account, stream)
