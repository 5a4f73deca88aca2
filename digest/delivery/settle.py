"""Records the outcome of mails that were not accepted: one transaction each, only while the claim is held."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from digest.delivery.context import SERVER_BUSY, SUSPECTED, DeliveryContext, ReadyDelivery, Summary
from digest.delivery.decisions import Cancel, pause, pause_suspected
from digest.delivery.soft_bounces import MAILBOX_FULL, note_soft_bounce
from digest.domain.delivery import Delivery, Stream, stream_of
from digest.domain.refusals import REFUSED, Answers, is_confirmed
from digest.errors import BadInput, MailboxFull, NeverSend, TryLater
from digest.store import channels as channel_store
from digest.store import deliveries as ledger
from digest.store import refusals as refusal_store
from digest.store.database import Connection
from digest.subscribers.addresses import address_hash


def cancel(connection: Connection, one: Delivery, lost: Cancel, now: datetime, summary: Summary) -> None:
    """Record that a delivery was cancelled."""
    if lost.keeps_papers:
        ledger.record_unknown(connection, one.id, f"{lost.reason}, may have been sent", now)
        summary.failed[f"{lost.reason}, may have been sent"] += 1
    else:
        ledger.record_cancelled(connection, one.id, lost.reason, now)
        summary.skipped[lost.reason] += 1


_log = logging.getLogger(__name__)
REFUSED_CHANNEL = "the channel is gone"


def _note(one: Delivery, outcome: str, answer: object = "") -> None:
    """Log the outcome of a mail that was not accepted, with its ids and without its address."""
    ids = {"delivery_id": one.id, "edition_on": one.edition_on}
    _log.info("a mail was not sent: %s%s", outcome, f" ({answer})" if answer else "", extra=ids)


@dataclass(frozen=True, slots=True)
class Settlement:
    """Records and counts the outcomes of one stream. Not thread-safe."""

    delivery_context: DeliveryContext
    clock: Callable[[], datetime]
    summary: Summary
    stream: Stream

    def withdrawn(self, claimed: Delivery) -> None:
        """Record that the subscriber no longer wants the mail."""
        with self._settling(claimed) as connection:
            if connection:
                cancel(connection, claimed, Cancel("withdrawn"), self.clock(), self.summary)
                _note(claimed, "withdrawn")

    def without_address(self, claimed: Delivery, unfit: BadInput) -> None:
        """Record that the stored address cannot be sent to."""
        reason = "no mail address"
        with self._settling(claimed) as connection:
            if connection:
                ledger.record_cancelled(
                    connection, claimed.id, reason, self.clock(), failed=True, answer=str(unfit)
                )
        self.summary.failed[reason] += 1
        _note(claimed, reason, unfit)

    def retry_later(self, claimed: Delivery, later: TryLater, *, is_counted: bool = True) -> None:
        """Retry a mail after a pause. `is_counted`: count it as a temporary refusal by the server."""
        _note(claimed, SERVER_BUSY, later)
        wait = pause(claimed.attempts, later.seconds, self.delivery_context.rng.random())
        with self._settling(claimed) as connection:
            if connection and isinstance(later, MailboxFull) and self._is_full_too_often(connection, claimed):
                ledger.record_cancelled(
                    connection, claimed.id, MAILBOX_FULL, self.clock(), failed=True, answer=str(later)
                )
                self.summary.failed[MAILBOX_FULL] += 1
                return
            if connection:
                ledger.retry_later(connection, claimed.id, self.clock() + wait, SERVER_BUSY, str(later))
        if is_counted:
            self.summary.to_retry[SERVER_BUSY] += 1

    def _is_full_too_often(self, connection: Connection, claimed: Delivery) -> bool:
        """Count a full mailbox once for an edition; return whether the subscriber is paused for it."""
        if stream_of(claimed.kind) != Stream.DIGEST:
            return False
        return note_soft_bounce(connection, claimed.subscriber_id, claimed.edition_on, self.clock())

    def refused(self, one: ReadyDelivery, never: NeverSend, answers_before: str) -> Answers:
        """Suppress the refused address, or hold the refusal as suspected; return the answers to its edition.

        `answers_before` are earlier answers that are not stored yet.
        """
        claimed, now = one.delivery, self.clock()
        _note(claimed, "the server refuses the address", never)
        with self._settling(claimed) as connection:
            if connection is None:
                return Answers()
            if self.stream == Stream.CHAT:
                return self._stop_channel(connection, claimed, never, answers_before, now)
            return self._judge(connection, one, never, answers_before, now)

    def _stop_channel(
        self, connection: Connection, claimed: Delivery, never: NeverSend, answers_before: str, now: datetime
    ) -> Answers:
        """Stop a channel that its service refuses. Its team sees why, and may start it again."""
        account = self.delivery_context.account
        channel_store.note_refusal(connection, claimed.subscriber_id, str(never))
        ledger.record_cancelled(connection, claimed.id, REFUSED_CHANNEL, now, failed=True, answer=str(never))
        self.summary.failed[REFUSED_CHANNEL] += 1
        return refusal_store.add_answers(
            connection, account, self.stream, claimed.edition_on, answers_before, now
        )

    def _judge(
        self, connection: Connection, one: ReadyDelivery, never: NeverSend, answers_before: str, now: datetime
    ) -> Answers:
        claimed, account = one.delivery, self.delivery_context.account
        is_first = refusal_store.note_refusal(connection, claimed.subscriber_id, claimed.edition_on, now)
        news = answers_before + (REFUSED if is_first else "")
        answers = refusal_store.add_answers(connection, account, self.stream, claimed.edition_on, news, now)
        is_proven = is_confirmed(refusal_store.gather_evidence(connection, claimed, answers, now))
        if is_proven:
            address = address_hash(one.mail.recipient, self.delivery_context.secret)
            refusal_store.suppress_refused(connection, claimed.subscriber_id, address, str(never), now)
        if is_proven or self.stream == "transactional":
            reason = "refused" if is_proven else SUSPECTED
            ledger.record_cancelled(connection, claimed.id, reason, now, failed=True, answer=str(never))
            self.summary.failed[reason] += 1
        else:
            until = now + pause_suspected(claimed.attempts)
            ledger.retry_later(connection, claimed.id, until, SUSPECTED, str(never))
            self.summary.to_retry[SUSPECTED] += 1
        return answers

    @contextmanager
    def _settling(self, claimed: Delivery) -> Iterator[Connection | None]:
        """Open a transaction to settle a delivery; yield None if another worker has claimed it."""
        with self.delivery_context.database.begin() as connection:
            yield connection if ledger.held(connection, [claimed]) else None


def release(delivery_context: DeliveryContext, work: Sequence[Delivery], ready_at: datetime) -> None:
    """Release claimed deliveries that were not attempted; they are due again at `ready_at`."""
    with delivery_context.database.begin() as connection:
        ledger.release(connection, ledger.held(connection, work), ready_at)
