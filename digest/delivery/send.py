"""Sends composed mails over several connections: for each mail check, send, record.

A connection sends its next mail only after the answer to the last one is committed. So after a crash at most one
mail per connection is sent twice, with the same Message-ID. Connections are threads: the SMTP dialogue stays plain,
and it was measured against one thread that polls all sockets (1.24 against 1.18 ms of CPU a mail, 1 ms of it composing).
"""

import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from os import getpid
from secrets import token_hex
from types import TracebackType
from typing import Self

from digest.delivery.build_envelope import build_envelope
from digest.delivery.circuit_breaker import Trouble
from digest.delivery.context import DeliveryContext, ReadyDelivery, Summary
from digest.delivery.group_commit import GroupCommit, Ticket
from digest.delivery.metered_connection import MeteredConnection
from digest.delivery.send_queue import Job, SendQueue, Stop
from digest.delivery.settle import Settlement, release
from digest.domain.delivery import Stream
from digest.domain.refusals import ACCEPTED
from digest.errors import (
    BadInput,
    ConnectionLost,
    NeverSend,
    NoConnection,
    PolicyRefused,
    ServerFull,
    SlowDown,
    StopRun,
    TryLater,
)
from digest.mail.addresses import read_address
from digest.mail.envelope import Connection, Envelope
from digest.metrics import DeliveryMeter
from digest.store import refusals as refusal_store
from digest.store.recording import StepWriter
from digest.store.steps import AcceptedMail

MOST_DELAYS = 25
"""Number of temporary refusals in a row after which sending stops."""

POLICY_DOMAINS = 3
"""Number of recipients' domains refused by policy, with no mail accepted, after which sending stops."""

MOST_LOST_CONNECTIONS = 3
"""Number of lost connections in a row after which sending stops."""

LIMIT_REACHED = "The mail limit is reached; the other mails wait until there is room (DIGEST_MAIL_LIMITS)."

NO_ROOM = "The mail server accepts no further connection while another process sends; mails wait for it."

_LONGEST_TURN = 10.0
"""Seconds that a mail waits for its turn. If it would take longer, sending stops and the mails are released."""

_STALE_QUESTION = 0.1
"""Seconds of waiting for a turn after which the check whether the mail may be sent is repeated."""

_OTHERS_SEND = timedelta(seconds=60)

_SAVE_EVERY_SECONDS = 2.0

_STOP_SECONDS = 6.0
"""Seconds that a stopping process waits for the mails in flight."""


@dataclass(slots=True)
class Outcome:
    """The server's answers to the mails of one sender."""

    accepted: int = 0
    refused: int = 0
    """Mails refused for their recipient."""
    trouble: Trouble | None = None
    """What is wrong with the server."""

    @property
    def was_answered(self) -> bool:
        """Whether the server accepted or refused a recipient, so it works."""
        return bool(self.accepted or self.refused)


class Sender:
    """Sends mails of one stream over several connections. A context manager; read `outcome` after it.

    It stops early when a limit is reached, when the process is to stop, and when the server fails. Mails that
    were not attempted are released.
    """

    def __init__(
        self,
        delivery_context: DeliveryContext,
        clock: Callable[[], datetime],
        summary: Summary,
        stream: Stream,
        *,
        is_half_open: bool = False,
    ) -> None:
        """`is_half_open`: send over one connection, and go on after refusals."""
        self._context = delivery_context
        self._clock = clock
        self._summary = summary
        self._stream = stream
        self._is_half_open = is_half_open
        self._most = 1 if is_half_open else delivery_context.connections.allowed(clock())
        self._writer = StepWriter(
            delivery_context.database, f"{socket.gethostname()}:{getpid()}:{token_hex(4)}"
        )
        self._meter = DeliveryMeter(stream)
        self._commit = GroupCommit(self._writer, clock, self._meter)
        self._counts = Summary()
        self._settlement = Settlement(delivery_context, clock, self._counts, stream)
        self._settling = threading.Lock()
        self._queue = SendQueue(self._most, self._start, delivery_context.is_stopping)
        self._threads: list[threading.Thread] = []
        self._counting = threading.Lock()
        self._delays = self._lost_connections = 0
        """Temporary refusals in a row, and lost connections among them."""
        self._policy_domains: set[str] = set()
        """The recipients' domains of mails refused by policy."""
        self._unsaved: dict[date, str] = defaultdict(str)
        """Answers to recipients, by edition, that are not stored yet."""
        self._saved_at = self._began_at = time.monotonic()
        self.outcome = Outcome()

    def __enter__(self) -> Self:
        self._writer.open_slots(self._most, self._clock())
        self._commit.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if self._queue.failure is not None and error is None:
            raise self._queue.failure

    @property
    def is_stopped(self) -> bool:
        """Whether no more mails are sent."""
        return self._queue.is_stopped

    def put(self, batch: Sequence[ReadyDelivery], until: datetime) -> None:
        """Queue a batch; return when most of it is sent, so that the next one is composed meanwhile."""
        self._queue.put(batch, until)

    # The thread of a connection.

    def _start(self, slot: int) -> None:
        run = copy_context().run  # for the ids in the log
        thread = threading.Thread(target=run, args=(self._connect, slot), name=f"mail-{slot}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _connect(self, slot: int) -> None:
        failure: BaseException | None = None
        try:
            with self._context.transport.open() as server:
                self._serve(slot, MeteredConnection(server, self._meter))
        except BaseException as error:  # noqa: BLE001 - raised again where the sender is used
            failure = error
        finally:
            self._queue.ended(slot, failure)

    def _serve(self, slot: int, server: Connection) -> None:
        """Send mails until there are none or this connection is to end."""
        job, ticket = self._queue.take(), None
        while job is not None:
            job, ticket = self._handle(slot, server, job, ticket)
            if job is None and not self._queue.is_leaving(slot):
                job = self._queue.take()

    def _handle(
        self, slot: int, server: Connection, job: Job, ticket: Ticket | None
    ) -> tuple[Job | None, Ticket | None]:
        """Send one mail; return the next one, if it was checked in the same step that recorded this one."""
        one = job.ready
        waited = self._wait_for_turn(job)
        if waited is None:
            if ticket:
                ticket.wait()
            self._release([job, *self._queue.take_late(self._clock())])
            return None, None
        if ticket is not None and waited > _STALE_QUESTION:
            ticket.wait()
            ticket = None
        try:
            envelope = self._admit(one, ticket or self._commit.submit(slot, None, one.delivery))
            if envelope is None:
                return None, None
            try:
                answer = server.send(envelope)
            except (TryLater, NeverSend, StopRun) as error:
                self._not_accepted(slot, job, error)
                # Record that nothing is in flight on this connection.
                self._commit.submit(slot, None, None).wait()
                return None, None
        finally:
            self._context.limits.end_turn()
        accepted = AcceptedMail(one.delivery.id, sha256(envelope.content).hexdigest(), answer, self._clock())
        # With limits, the check would be outdated after the wait for a turn.
        following = self._queue.take(waits=False) if self._context.limits.never_waits else None
        ticket = self._commit.submit(slot, accepted, following.ready.delivery if following else None)
        self._note_accepted(one)
        if following is None:
            ticket.wait()
            ticket = None
        return following, ticket

    def _admit(self, one: ReadyDelivery, ticket: Ticket) -> Envelope | None:
        """Build the mail during the commit of its check; return None if it must not be sent."""
        try:
            with self._meter.stage("render"):
                envelope = build_envelope(self._context, one)
        except BadInput as unfit:
            ticket.wait()
            with self._settling:
                self._settlement.without_address(one.delivery, unfit)
            return None
        if not ticket.wait():
            with self._settling:
                self._settlement.withdrawn(one.delivery)
            return None
        return envelope

    def _wait_for_turn(self, job: Job) -> float | None:
        """Take a turn of the provider's limits; return the seconds waited, None if the mail cannot be sent now."""
        if self._context.is_stopping():
            self._queue.stop(Stop(""))
        if self._clock() > job.until or self.is_stopped:
            return None
        if self._context.limits.never_waits:
            return 0.0
        began_at = time.monotonic()
        try:
            wait = self._context.limits.wait(_LONGEST_TURN)
        except TryLater as later:
            self._queue.stop(Stop(str(later)))
            return None
        if wait > 0:
            self._queue.stop(Stop(LIMIT_REACHED, release_after=timedelta(seconds=wait)))
            return None
        return time.monotonic() - began_at

    # Outcomes.

    def _note_accepted(self, one: ReadyDelivery) -> None:
        unsaved: dict[date, str] = {}
        with self._counting:
            self._counts.sent += 1
            self.outcome.accepted += 1
            self._delays = self._lost_connections = 0
            self._unsaved[one.delivery.edition_on] += ACCEPTED
            if time.monotonic() - self._saved_at > _SAVE_EVERY_SECONDS:
                self._saved_at = time.monotonic()
                unsaved, self._unsaved = self._unsaved, defaultdict(str)
        self._queue.note_progress()
        self._save_answers(unsaved)

    def _save_answers(self, unsaved: dict[date, str]) -> None:
        if not unsaved:
            return
        self._meter.flush()
        with self._context.database.begin() as connection:
            for edition_on, answers in sorted(unsaved.items()):
                refusal_store.add_answers(
                    connection, self._context.account, self._stream, edition_on, answers, self._clock()
                )

    def _not_accepted(self, slot: int, job: Job, error: TryLater | NeverSend | StopRun) -> None:
        match error:
            case SlowDown():
                self._slow_down(job, error)
            case NeverSend():
                self._refused(job.ready, error)
            case TryLater():
                self._delayed(job.ready, error)
            case NoConnection():
                self._without_connection(slot, job, error)
            case PolicyRefused():
                self._refused_by_policy(job.ready, error)
            case _:
                self._trouble(job.ready, Trouble(str(error)))

    def _refused_by_policy(self, one: ReadyDelivery, error: PolicyRefused) -> None:
        """Take one refusal as evidence about that mail, and those of several domains as evidence about us."""
        with self._counting:
            self._policy_domains.add(read_address(one.mail.recipient).domain.lower())
            is_about_us = len(self._policy_domains) >= POLICY_DOMAINS and not self.outcome.accepted
        if is_about_us:
            self._trouble(one, Trouble(str(error), self._stream))
        else:
            self._delayed(one, TryLater(str(error)))

    def _delayed(self, one: ReadyDelivery, later: TryLater) -> None:
        with self._settling:
            self._settlement.retry_later(one.delivery, later)
        trouble = None
        with self._counting:
            self._delays += 1
            self._lost_connections = self._lost_connections + 1 if isinstance(later, ConnectionLost) else 0
            if self._lost_connections == MOST_LOST_CONNECTIONS:
                reason = f"The connection to the mail server broke {MOST_LOST_CONNECTIONS} times in a row"
                trouble = Trouble(f"{reason}; see: digest doctor")
            # Addresses that strangers typed are no evidence about the server.
            elif self._delays == MOST_DELAYS and self._stream == "digest":
                reason = f"The mail server asked {MOST_DELAYS} times in a row to try later"
                trouble = Trouble(f"{reason}; see: digest deliveries list", self._stream)
        if trouble:
            self._queue.stop(Stop(trouble.reason, trouble))

    def _refused(self, one: ReadyDelivery, never: NeverSend) -> None:
        with self._counting:
            self._delays = self._lost_connections = 0
            self.outcome.refused += 1
            before = self._unsaved.pop(one.delivery.edition_on, "")
        with self._settling:
            answers = self._settlement.refused(one, never, before)
        if answers.is_doubtful and self._stream == "digest" and not self._is_half_open:
            reason = (
                f"The mail server refuses most addresses, so nobody is suppressed for it (last: {never}); "
                "ask who runs it"
            )
            self._queue.stop(Stop(reason, Trouble(reason, self._stream)))

    def _slow_down(self, job: Job, error: SlowDown) -> None:
        """Slow down all processes of the account, and send this mail again at that pace."""
        elapsed = max(1.0, time.monotonic() - self._began_at)
        if self._context.limits.slow_down(self.outcome.accepted / elapsed, self._clock()):
            self._queue.put_back(job)
        else:
            self._trouble(job.ready, Trouble(str(error)))

    def _without_connection(self, slot: int, job: Job, error: NoConnection) -> None:
        """Go on with fewer connections, as the server refused one."""
        is_full = isinstance(error, ServerFull)
        others = self._queue.leave(slot)
        if others:
            self._queue.put_back(job, first=True)
            if is_full:
                self._context.connections.lower(others, self._clock())
        elif is_full and self._is_used_by_others():
            self._release([job])
            self._queue.stop(Stop(NO_ROOM))
        else:
            self._trouble(job.ready, Trouble(str(error)))

    def _is_used_by_others(self) -> bool:
        if self._is_half_open:
            return False
        with self._context.database.read() as connection:
            at = refusal_store.last_accepted_at(connection, self._context.account)
        return at is not None and at > self._clock() - _OTHERS_SEND

    def _trouble(self, one: ReadyDelivery, trouble: Trouble) -> None:
        """Stop all connections. This mail is retried last, in case it is the cause."""
        with self._settling:
            self._settlement.retry_later(one.delivery, TryLater(trouble.reason), is_counted=False)
        self._queue.stop(Stop(trouble.reason, trouble))

    # Closing.

    def _release(self, jobs: Sequence[Job]) -> None:
        stop = self._queue.stop_reason
        if jobs:
            ready_at = self._clock() + (stop.release_after if stop else timedelta())
            release(self._context, [job.ready.delivery for job in jobs], ready_at)

    def _close(self) -> None:
        """Wait until the queue is sent, and release what is left."""
        self._queue.close()
        self._join()
        if self._queue.failure is None:
            self._release(self._queue.unsent())
            self._save_answers(self._unsaved)
        self._commit.close()
        self._writer.close_slots()
        self._meter.flush()
        self._summary.add(self._counts)
        if stop := self._queue.stop_reason:
            self.outcome.trouble = stop.trouble
            self._summary.stopped = stop.reason

    def _join(self) -> None:
        """Wait for the connections; at most _STOP_SECONDS once the process is to stop."""
        give_up_at = None
        for thread in self._threads:
            while thread.is_alive() and (give_up_at is None or time.monotonic() < give_up_at):
                thread.join(0.5)
                if give_up_at is None and self._context.is_stopping():
                    give_up_at = time.monotonic() + _STOP_SECONDS
