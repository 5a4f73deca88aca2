"""Sending a composed batch over one connection, each mail by itself: ask, send, record."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256

from digest.delivery.build_mail import build_mail
from digest.delivery.circuit_breaker import Trouble
from digest.delivery.compose import cancel
from digest.delivery.context import SERVER_BUSY, SUSPECTED, DeliveryContext, ReadyDelivery, Summary
from digest.delivery.decisions import Cancel, pause, pause_suspected
from digest.domain.delivery import Delivery, Stream
from digest.domain.refusals import REFUSED, TAKEN, Answers, is_confirmed
from digest.errors import BadInput, ConnectionLost, NeverSend, PolicyRefused, StopRun, TryLater
from digest.mail.addresses import read_address
from digest.mail.envelope import Connection as Server
from digest.mail.envelope import Envelope
from digest.store import deliveries as ledger
from digest.store import refusals as refusal_store
from digest.store.database import Connection
from digest.store.recording import AcceptedMail, Recorder, recorder
from digest.subscribers.addresses import address_hash

MOST_DELAYS = 25
"""So many mails in a row that the server wants later mean that it wants none now."""

MOST_LOST_CONNECTIONS = 3
"""So many connections that broke in a row mean the same."""

LIMIT_REACHED = "The mail limit is used up for now; the rest waits until there is room (DIGEST_MAIL_LIMITS)."

_LONGEST_TURN = 10.0
"""So many seconds a batch waits for its next turn; a longer wait is for the queue."""


@dataclass(slots=True)
class Outcome:
    """What the server did with the mails of one batch."""

    taken: int = 0
    refused: int = 0
    """Mails refused for their recipient."""
    trouble: Trouble | None = None
    """What is wrong with the server."""

    @property
    def was_answered(self) -> bool:
        """Whether the server works: it has said yes or no to a recipient."""
        return bool(self.taken or self.refused)


def send_all(
    delivery_context: DeliveryContext,
    server: Server,
    ready: Sequence[ReadyDelivery],
    clock: Callable[[], datetime],
    until: datetime,
    summary: Summary,
    stream: Stream,
    *,
    is_half_open: bool = False,
) -> Outcome:
    """Send mails of one stream one after the other; give back those that could not be tried.

    The result of each is recorded before anything else happens on the connection. It ends early at
    `until`, when the process is to stop, when a limit is reached, and when something is wrong with the server.
    """
    turn = _Round(
        delivery_context,
        server,
        recorder(delivery_context.database),
        clock,
        until,
        summary,
        stream,
        is_half_open=is_half_open,
    )
    turn.run(ready)
    turn.save_answers()
    return turn.outcome


@dataclass(slots=True)
class _Round:
    delivery_context: DeliveryContext
    server: Server
    recorder: Recorder
    clock: Callable[[], datetime]
    until: datetime
    summary: Summary
    stream: Stream
    is_half_open: bool
    outcome: Outcome = field(default_factory=Outcome)
    next_may_be_sent: bool | None = None
    """Whether the next mail may be sent, if that was asked along with recording the one before."""
    unsaved: dict[date, str] = field(default_factory=lambda: defaultdict(str))
    """The answers to recipients, by edition, that the database does not have yet."""
    delays: int = 0
    """Mails in a row that the server wants later."""
    lost_connections: int = 0

    def run(self, ready: Sequence[ReadyDelivery]) -> None:
        for position, one in enumerate(ready):
            if self.clock() > self.until or self.delivery_context.is_stopping():
                self._release(ready[position:])
                return
            if not self._has_turn(ready[position:]):
                return
            following = ready[position + 1].delivery if position + 1 < len(ready) else None
            try:
                self._send(one, following)
                self._stop_if_delayed()
            except _Stop as stop:
                if not stop.is_settled:
                    # The mail that met the trouble goes to the end of the queue, should the trouble be its own.
                    self._retry_later(one, TryLater(str(stop)))
                self._release(ready[position + 1 :])
                self.summary.stopped = stop.trouble.reason
                self.outcome.trouble = stop.trouble
                return

    def _stop_if_delayed(self) -> None:
        if self.lost_connections == MOST_LOST_CONNECTIONS:
            reason = f"The connection to the mail server broke {self.lost_connections} times in a row"
            raise _Stop(Trouble(f"{reason}; see: digest doctor"), is_settled=True)
        # Whom strangers signed up says nothing about the server.
        if self.delays == MOST_DELAYS and self.stream == "digest":
            reason = f"The mail server asked {self.delays} times in a row to try later"
            raise _Stop(Trouble(f"{reason}; see: digest deliveries list", self.stream), is_settled=True)

    def save_answers(self) -> None:
        """Write down what was answered since the last refusal."""
        if self.unsaved:
            with self.delivery_context.database.begin() as connection:
                for edition_on, answers in sorted(self.unsaved.items()):
                    refusal_store.add_answers(
                        connection, self.delivery_context.account, self.stream, edition_on, answers
                    )
            self.unsaved.clear()

    def _has_turn(self, unsent: Sequence[ReadyDelivery]) -> bool:
        """Take a turn of the provider's limits; without one, give the rest back until there is."""
        try:
            wait = self.delivery_context.limits.wait(_LONGEST_TURN)
        except TryLater as later:
            self.summary.stopped = str(later)
            self._release(unsent)
            return False
        if wait > 0:
            self.summary.stopped = LIMIT_REACHED
            self._release(unsent, timedelta(seconds=wait))
        return wait == 0

    def _send(self, one: ReadyDelivery, following: Delivery | None) -> None:
        """Send one mail and record what the server said before anything else happens."""
        delivery, summary, clock = one.delivery, self.summary, self.clock
        may_send, self.next_may_be_sent = self.next_may_be_sent, None
        if may_send is None:
            may_send = self.recorder.may_be_sent(delivery)
        if not may_send:
            # Whoever unsubscribed since the batch was composed gets nothing any more.
            with self._settling(delivery) as connection:
                if connection:
                    cancel(connection, delivery, Cancel("withdrawn"), clock(), summary)
            return
        try:
            envelope = self._envelope(one)
        except BadInput as unfit:
            with self._settling(delivery) as connection:
                if connection:
                    ledger.record_cancelled(
                        connection, delivery.id, "no mail address", clock(), failed=True, answer=str(unfit)
                    )
            summary.failed["no mail address"] += 1
            return
        try:
            answer = self.server.send(envelope)
        except TryLater as later:
            self._retry_later(one, later)
            summary.to_retry[SERVER_BUSY] += 1
            self.delays += 1
            self.lost_connections = self.lost_connections + 1 if isinstance(later, ConnectionLost) else 0
            return
        except NeverSend as never:
            self.delays = self.lost_connections = 0
            self._refused(one, never)
            return
        except PolicyRefused as refused:
            raise _Stop(Trouble(str(refused), self.stream)) from refused
        except StopRun as stop:
            raise _Stop(Trouble(str(stop))) from stop
        self.delays = self.lost_connections = 0
        taken = AcceptedMail(delivery.id, sha256(envelope.content).hexdigest(), answer, clock())
        if self.delivery_context.limits.never_waits and following is not None:
            self.next_may_be_sent = self.recorder.record(taken, following)
        else:
            # A wait for a turn lies ahead, or the end: what is asked now would be old by then.
            self.recorder.record(taken, None)
        summary.sent += 1
        self.outcome.taken += 1
        self.unsaved[delivery.edition_on] += TAKEN

    def _envelope(self, one: ReadyDelivery) -> Envelope:
        delivery_context = self.delivery_context
        return Envelope(
            sender=read_address(one.contents.imprint.sender).mailbox,
            recipient=read_address(one.contents.recipient).mailbox,
            content=build_mail(
                one.contents, one.picks, delivery_context.links, delivery_context.renderer
            ).message.to_bytes(),
            name=one.contents.file_name,
        )

    def _refused(self, one: ReadyDelivery, never: NeverSend) -> None:
        """Settle a mail whose address the server refuses, in one transaction, while the claim is held."""
        delivery, now = one.delivery, self.clock()
        self.outcome.refused += 1
        answers = Answers()
        with self._settling(delivery) as connection:
            if connection:
                answers = self._judge(connection, one, never, now)
        if answers.is_doubtful and self.stream == "digest" and not self.is_half_open:
            reason = (
                f"The mail server refuses most addresses, so nobody is suppressed for it (last: {never}); "
                "ask who runs it"
            )
            raise _Stop(Trouble(reason, self.stream), is_settled=True)

    def _judge(self, connection: Connection, one: ReadyDelivery, never: NeverSend, now: datetime) -> Answers:
        """Suppress the address, or hold the refusal as suspected; return the answers to its edition."""
        delivery, account = one.delivery, self.delivery_context.account
        is_first = refusal_store.note_refusal(connection, delivery, now)
        news = self.unsaved.pop(delivery.edition_on, "") + (REFUSED if is_first else "")
        answers = refusal_store.add_answers(connection, account, self.stream, delivery.edition_on, news)
        is_proven = is_confirmed(refusal_store.gather_evidence(connection, delivery, answers, now))
        if is_proven:
            address = address_hash(one.contents.recipient, self.delivery_context.secret)
            refusal_store.suppress_refused(connection, delivery.subscriber_id, address, str(never), now)
        if is_proven or self.stream == "transactional":
            reason = "refused" if is_proven else SUSPECTED
            ledger.record_cancelled(connection, delivery.id, reason, now, failed=True, answer=str(never))
            self.summary.failed[reason] += 1
        else:
            until = now + pause_suspected(delivery.attempts)
            ledger.retry_later(connection, delivery.id, until, SUSPECTED, str(never))
            self.summary.to_retry[SUSPECTED] += 1
        return answers

    def _retry_later(self, one: ReadyDelivery, later: TryLater) -> None:
        wait = pause(one.delivery.attempts, later.seconds, self.delivery_context.rng.random())
        with self._settling(one.delivery) as connection:
            if connection:
                ledger.retry_later(connection, one.delivery.id, self.clock() + wait, SERVER_BUSY, str(later))

    def _release(self, unsent: Sequence[ReadyDelivery], wait: timedelta = timedelta()) -> None:
        with self.delivery_context.database.begin() as connection:
            held = ledger.held(connection, [one.delivery for one in unsent])
            ledger.release(connection, held, self.clock() + wait)

    @contextmanager
    def _settling(self, delivery: Delivery) -> Iterator[Connection | None]:
        """Open a transaction to settle a delivery; it gives None when another worker has taken it over."""
        with self.delivery_context.database.begin() as connection:
            yield connection if ledger.held(connection, [delivery]) else None


class _Stop(Exception):
    """Something is wrong with the mail server, so that further mails would fail too."""

    def __init__(self, trouble: Trouble, *, is_settled: bool = False) -> None:
        """`is_settled`: what becomes of the mail that met the trouble is recorded already."""
        super().__init__(trouble.reason)
        self.trouble = trouble
        self.is_settled = is_settled
