"""Delivering a batch: claim, compose, and for each mail by itself send and record.

What a crash means: claimed but not composed, the lease runs out and it is composed again; composed but
not sent, it is sent as composed; sent but not recorded, the one mail in flight on a connection is sent
a second time, under the same Message-ID and with the same words.
"""

from collections.abc import Callable
from datetime import datetime

from digest.delivery.circuit_breaker import TRIAL_MAILS, Admission, Trouble, admit, mend, take_trial, trip
from digest.delivery.compose import compose_batch
from digest.delivery.context import LEASE, PostOffice, Summary
from digest.delivery.send import LIMIT_REACHED, MOST_DELAYS, Outcome, send_all
from digest.domain.delivery import STREAMS, Stream
from digest.errors import TryLater
from digest.store import deliveries as ledger
from digest.store import refusals as refusal_store

__all__ = [
    "LEASE",
    "MOST_DELAYS",
    "PostOffice",
    "Summary",
    "compose_batch",
    "deliver_batch",
    "deliver_ready",
]


def deliver_ready(office: PostOffice, clock: Callable[[], datetime], only: int | None = None) -> Summary:
    """Deliver everything whose time has come, batch by batch, until nothing is ready or the run must stop.

    The mails that somebody waits for go first. What stops one stream does not stop the other.
    """
    summary = Summary()
    stopped: list[str] = []
    for stream in STREAMS:
        summary.stopped = ""
        while not summary.stopped and deliver_batch(office, clock, summary, stream, only):
            pass
        stopped.append(summary.stopped)
    summary.stopped = next(filter(None, stopped), "")
    return summary


def deliver_batch(
    office: PostOffice,
    clock: Callable[[], datetime],
    summary: Summary,
    stream: Stream = "digest",
    only: int | None = None,
    *,
    patient: bool = False,
) -> bool:
    """Claim, compose and send one batch of a stream, adding to `summary`; tell whether there was anything to do.

    `only` keeps to one reader. A server that would take no mail is tried again with a few; a `patient` caller
    leaves it alone until its circuit breaker says so.
    """
    now = clock()
    admission = admit(office.database, office.account, stream, now)
    if patient and admission.is_open:
        summary.stopped = admission.reason
        return False
    try:
        room = office.limits.room(now)
    except TryLater as later:
        summary.stopped = str(later)
        return False
    most = min(room, TRIAL_MAILS if admission.is_trial else office.batch_size)
    with office.database.begin() as connection:
        work = ledger.claim(connection, now, office.lease, most, only, stream) if most else []
        if not most and ledger.count_ready(connection, now, 1, stream):
            summary.stopped = LIMIT_REACHED
    if not work:
        return False
    ready = compose_batch(office, work, now, summary)
    if not ready:
        return True
    # Only now, as a trial without a mail to send would be wasted, and the server left alone for longer.
    if not take_trial(office.database, admission) and patient:
        summary.stopped = admission.reason
        with office.database.begin() as connection:
            ledger.give_back(connection, ledger.held(connection, [one.claimed for one in ready]), now)
        return False
    with office.transport.open() as server:
        outcome = send_all(
            office,
            server,
            ready,
            clock,
            now + office.lease / 2,
            summary,
            stream,
            is_trial=admission.is_trial,
        )
    if admission.is_trial and stream == "digest" and outcome.refused > outcome.taken:
        outcome.trouble = outcome.trouble or Trouble(
            "The mail server refuses most addresses, so nobody is suppressed for it; ask who runs it", stream
        )
        summary.stopped = outcome.trouble.reason
    _switch(office, admission, stream, outcome, clock())
    return True


def _switch(
    office: PostOffice, admission: Admission, stream: Stream, outcome: Outcome, now: datetime
) -> None:
    """Open the circuit breaker that a batch speaks for, and close those that it speaks against."""
    trouble = outcome.trouble
    if trouble:
        trip(office.database, office.account, trouble, now)
    if not admission.is_trial or not outcome.was_answered:
        return
    if trouble is None or trouble.stream:
        mend(office.database, office.account)
    if trouble is None and (outcome.taken >= outcome.refused or stream == "transactional"):
        mend(office.database, office.account, stream)
        with office.database.begin() as connection:
            refusal_store.forget_recent(connection, office.account, stream)
