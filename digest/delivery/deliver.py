"""Delivers: claims and composes batch after batch, while earlier batches are being sent.

After a crash, a delivery that was claimed but not composed is composed again when its lease ends; one that was
composed but not sent is sent as composed. A mail that was accepted but not recorded is sent a second time, with
the same Message-ID and the same bytes: at most one for each connection.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
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
from digest.delivery.context import LEASE, DeliveryContext, ReadyDelivery, Summary
from digest.delivery.send import LIMIT_REACHED, MOST_DELAYS, Outcome, Sender
from digest.delivery.settle import release
from digest.domain.delivery import Delivery, Stream
from digest.errors import TryLater
from digest.metrics import STAGE_MAILS, count_settled, stage_metrics
from digest.store import deliveries as ledger
from digest.store import refusals as refusal_store

__all__ = [
    "LEASE",
    "MOST_DELAYS",
    "DeliveryContext",
    "Summary",
    "compose_batch",
    "deliver",
    "deliver_batch",
    "deliver_ready",
]


def deliver_ready(
    delivery_context: DeliveryContext, clock: Callable[[], datetime], only: int | None = None
) -> Summary:
    """Deliver everything that is due, until nothing is left or the run must stop.

    Transactional mails come first. What stops one stream does not stop the other.
    """
    summary = Summary()
    stopped: list[str] = []
    for stream in delivery_context.streams:
        summary.stopped = ""
        while (
            not summary.stopped
            and not delivery_context.is_stopping()
            and deliver(delivery_context, clock, summary, stream, only=only)
        ):
            pass
        stopped.append(summary.stopped)
    summary.stopped = next(filter(None, stopped), "")
    return summary


def deliver_batch(
    delivery_context: DeliveryContext,
    clock: Callable[[], datetime],
    summary: Summary,
    stream: Stream = Stream.DIGEST,
    *,
    respects_open_circuit: bool = False,
) -> bool:
    """Deliver one batch of a stream; return whether there was one."""
    return deliver(
        delivery_context,
        clock,
        summary,
        stream,
        respects_open_circuit=respects_open_circuit,
        goes_on=lambda: False,
    )


def deliver(
    delivery_context: DeliveryContext,
    clock: Callable[[], datetime],
    summary: Summary,
    stream: Stream,
    *,
    only: int | None = None,
    respects_open_circuit: bool = False,
    goes_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Deliver batches of a stream, adding to `summary`; return whether there was anything to deliver.

    Ends when nothing is due, when something stops it, or when `goes_on()`, called after each batch, is false.
    `only` delivers to one subscriber. With an open circuit breaker a few mails test the server at once, or, with
    `respects_open_circuit`, nothing is sent before the breaker's pause is over.
    """
    delivery_context = delivery_context.for_stream(stream)
    had_work = False
    sender: Sender | None = None
    before = summary.copy()
    with ExitStack() as stack:
        # Called last, when the mails of the sender are counted.
        stack.callback(_count, stream, before, summary)
        while True:
            now = clock()
            admission = admit(delivery_context.database, delivery_context.account, stream, now)
            if respects_open_circuit and admission.is_open:
                summary.stopped = admission.reason
                break
            if admission.is_half_open and sender:
                # Another process opened the breaker; finish what is queued here first.
                break
            with stage_metrics(stream, "claim"):
                work = _claim(delivery_context, admission, stream, only, now, summary)
            if not work:
                break
            had_work = True
            STAGE_MAILS.labels(stream, "claim").inc(len(work))
            ready = compose_batch(delivery_context, work, now, summary)
            if ready and admission.is_half_open:
                if not _try_server(
                    delivery_context,
                    clock,
                    admission,
                    stream,
                    ready,
                    summary,
                    respects_open_circuit=respects_open_circuit,
                ):
                    break
            elif ready:
                sender = sender or stack.enter_context(Sender(delivery_context, clock, summary, stream))
                sender.put(ready, now + delivery_context.lease / 2)
                if sender.is_stopped:
                    break
            if not goes_on():
                break
    if sender and sender.outcome.trouble:
        open_circuit(delivery_context.database, delivery_context.account, sender.outcome.trouble, clock())
    return had_work


def _count(stream: Stream, before: Summary, after: Summary) -> None:
    """Count the outcomes since `before` in the metrics."""
    count_settled(stream, "sent", {"": after.sent - before.sent})
    count_settled(stream, "skipped", after.skipped - before.skipped)
    count_settled(stream, "to_retry", after.to_retry - before.to_retry)
    count_settled(stream, "failed", after.failed - before.failed)


def _claim(
    delivery_context: DeliveryContext,
    admission: Admission,
    stream: Stream,
    only: int | None,
    now: datetime,
    summary: Summary,
) -> list[Delivery]:
    """Claim a batch, as large as the limits and the circuit breaker allow."""
    try:
        room = delivery_context.limits.room(now)
    except TryLater as later:
        summary.stopped = str(later)
        return []
    most = min(room, HALF_OPEN_MAILS if admission.is_half_open else delivery_context.batch_size)
    with delivery_context.database.begin() as connection:
        if most:
            return ledger.claim(connection, now, delivery_context.lease, most, only, stream)
        if ledger.count_ready(connection, now, 1, stream):
            summary.stopped = LIMIT_REACHED
    return []


def _try_server(
    delivery_context: DeliveryContext,
    clock: Callable[[], datetime],
    admission: Admission,
    stream: Stream,
    ready: Sequence[ReadyDelivery],
    summary: Summary,
    *,
    respects_open_circuit: bool,
) -> bool:
    """Send a few mails to a server whose breaker is half-open, then close or open it; return whether to go on.

    The half-open turn is claimed only now: without a mail to send it would test nothing, and delay the next one.
    """
    now = clock()
    if not take_half_open_turn(delivery_context.database, admission) and respects_open_circuit:
        release(delivery_context, [one.delivery for one in ready], now)
        summary.stopped = admission.reason
        return False
    with Sender(delivery_context, clock, summary, stream, is_half_open=True) as sender:
        sender.put(ready, now + delivery_context.lease / 2)
    outcome = sender.outcome
    if stream == "digest" and outcome.refused > outcome.accepted and not outcome.trouble:
        outcome.trouble = Trouble(
            "The mail server refuses most addresses, so nobody is suppressed for it; ask who runs it", stream
        )
        summary.stopped = outcome.trouble.reason
    _switch(delivery_context, stream, outcome, clock())
    return outcome.trouble is None and not sender.is_stopped


def _switch(delivery_context: DeliveryContext, stream: Stream, outcome: Outcome, now: datetime) -> None:
    """Open or close the circuit breakers after mails were sent to a half-open one."""
    trouble = outcome.trouble
    if trouble:
        open_circuit(delivery_context.database, delivery_context.account, trouble, now)
    if not outcome.was_answered:
        return
    if trouble is None or trouble.stream:
        close_circuit_breaker(delivery_context.database, delivery_context.account)
    if trouble is None and (outcome.accepted >= outcome.refused or stream == "transactional"):
        close_circuit_breaker(delivery_context.database, delivery_context.account, stream)
        with delivery_context.database.begin() as connection:
            refusal_store.forget_recent(connection, delivery_context.account, stream)
