"""Sending a composed batch over one connection, each mail by itself: ask, send, record."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256

from digest.delivery.circuit import Trouble
from digest.delivery.claimed import Claimed, Stream
from digest.delivery.letters import build_mail
from digest.delivery.office import SERVER_BUSY, SUSPECTED, PostOffice, Ready, Summary
from digest.delivery.outcome import Drop, pause, pause_suspected
from digest.delivery.refusals import REFUSED, TAKEN, Answers, is_confirmed
from digest.errors import BadInput, ConnectionLost, NeverSend, PolicyRefused, StopRun, TryLater
from digest.mail.addresses import read_address
from digest.mail.envelope import Connection as Server
from digest.mail.envelope import Envelope
from digest.readers.addresses import address_hash
from digest.store import deliveries as ledger
from digest.store import refusals as refusal_store
from digest.store.database import Connection
from digest.store.recording import Recorder, Taken, recorder

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
    office: PostOffice,
    server: Server,
    ready: Sequence[Ready],
    clock: Callable[[], datetime],
    until: datetime,
    summary: Summary,
    stream: Stream,
    *,
    is_trial: bool = False,
) -> Outcome:
    """Send mails of one stream one after the other; give back those that could not be tried.

    The result of each is recorded before anything else happens on the connection. It ends early at
    `until`, when the process is to stop, when a limit is reached, and when something is wrong with the server.
    """
    turn = _Round(office, server, recorder(office.database), clock, until, summary, stream, is_trial=is_trial)
    turn.run(ready)
    turn.save_answers()
    return turn.outcome


@dataclass(slots=True)
class _Round:
    office: PostOffice
    server: Server
    recorder: Recorder
    clock: Callable[[], datetime]
    until: datetime
    summary: Summary
    stream: Stream
    is_trial: bool
    outcome: Outcome = field(default_factory=Outcome)
    is_wanted: bool | None = None
    """Whether the next mail may be sent, if that was asked along with recording the one before."""
    unsaved: dict[date, str] = field(default_factory=lambda: defaultdict(str))
    """The answers to recipients, by edition, that the database does not have yet."""
    delays: int = 0
    """Mails in a row that the server wants later."""
    lost_connections: int = 0

    def run(self, ready: Sequence[Ready]) -> None:
        for position, one in enumerate(ready):
            if self.clock() > self.until or self.office.is_stopping():
                self._give_back(ready[position:])
                return
            if not self._has_turn(ready[position:]):
                return
            following = ready[position + 1].claimed if position + 1 < len(ready) else None
            try:
                self._send(one, following)
                self._stop_if_delayed()
            except _Stop as stop:
                if not stop.is_settled:
                    # The mail that met the trouble goes to the end of the queue, should the trouble be its own.
                    self._put_off(one, TryLater(str(stop)))
                self._give_back(ready[position + 1 :])
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
            with self.office.database.begin() as connection:
                for edition_on, answers in sorted(self.unsaved.items()):
                    refusal_store.add_answers(
                        connection, self.office.account, self.stream, edition_on, answers
                    )
            self.unsaved.clear()

    def _has_turn(self, rest: Sequence[Ready]) -> bool:
        """Take a turn of the provider's limits; without one, give the rest back until there is."""
        try:
            wait = self.office.limits.wait(_LONGEST_TURN)
        except TryLater as later:
            self.summary.stopped = str(later)
            self._give_back(rest)
            return False
        if wait > 0:
            self.summary.stopped = LIMIT_REACHED
            self._give_back(rest, timedelta(seconds=wait))
        return wait == 0

    def _send(self, one: Ready, following: Claimed | None) -> None:
        """Send one mail and record what the server said before anything else happens."""
        claimed, summary, clock = one.claimed, self.summary, self.clock
        wanted, self.is_wanted = self.is_wanted, None
        if wanted is None:
            wanted = self.recorder.may_be_sent(claimed)
        if not wanted:
            # Whoever unsubscribed since the batch was composed gets nothing any more.
            with self._settling(claimed) as connection:
                if connection:
                    drop(connection, claimed, Drop("withdrawn"), clock(), summary)
            return
        try:
            envelope = self._envelope(one)
        except BadInput as unfit:
            with self._settling(claimed) as connection:
                if connection:
                    ledger.record_dropped(
                        connection, claimed.id, "no mail address", clock(), failed=True, answer=str(unfit)
                    )
            summary.failed["no mail address"] += 1
            return
        try:
            answer = self.server.send(envelope)
        except TryLater as later:
            self._put_off(one, later)
            summary.put_off[SERVER_BUSY] += 1
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
        taken = Taken(claimed.id, sha256(envelope.content).hexdigest(), answer, clock())
        if self.office.limits.never_waits and following is not None:
            self.is_wanted = self.recorder.record(taken, following)
        else:
            # A wait for a turn lies ahead, or the end: what is asked now would be old by then.
            self.recorder.record(taken, None)
        summary.sent += 1
        self.outcome.taken += 1
        self.unsaved[claimed.edition_on] += TAKEN

    def _envelope(self, one: Ready) -> Envelope:
        office = self.office
        return Envelope(
            sender=read_address(one.contents.imprint.sender).mailbox,
            recipient=read_address(one.contents.recipient).mailbox,
            content=build_mail(one.contents, one.picks, office.links, office.renderer).message.to_bytes(),
            name=one.contents.file_name,
        )

    def _refused(self, one: Ready, never: NeverSend) -> None:
        """Settle a mail whose address the server refuses, in one transaction, while the claim is held."""
        claimed, now = one.claimed, self.clock()
        self.outcome.refused += 1
        answers = Answers()
        with self._settling(claimed) as connection:
            if connection:
                answers = self._judge(connection, one, never, now)
        if answers.is_doubtful and self.stream == "digest" and not self.is_trial:
            reason = (
                f"The mail server refuses most addresses, so nobody is suppressed for it (last: {never}); "
                "ask who runs it"
            )
            raise _Stop(Trouble(reason, self.stream), is_settled=True)

    def _judge(self, connection: Connection, one: Ready, never: NeverSend, now: datetime) -> Answers:
        """Suppress the address, or hold the refusal as suspected; return the answers to its edition."""
        claimed, account = one.claimed, self.office.account
        is_first = refusal_store.note_refusal(connection, claimed, now)
        news = self.unsaved.pop(claimed.edition_on, "") + (REFUSED if is_first else "")
        answers = refusal_store.add_answers(connection, account, self.stream, claimed.edition_on, news)
        is_proven = is_confirmed(refusal_store.gather_evidence(connection, claimed, answers, now))
        if is_proven:
            address = address_hash(one.contents.recipient, self.office.secret)
            refusal_store.suppress_refused(connection, claimed.subscriber_id, address, str(never), now)
        if is_proven or self.stream == "transactional":
            reason = "refused" if is_proven else SUSPECTED
            ledger.record_dropped(connection, claimed.id, reason, now, failed=True, answer=str(never))
            self.summary.failed[reason] += 1
        else:
            until = now + pause_suspected(claimed.attempts)
            ledger.put_off(connection, claimed.id, until, SUSPECTED, str(never))
            self.summary.put_off[SUSPECTED] += 1
        return answers

    def _put_off(self, one: Ready, later: TryLater) -> None:
        wait = pause(one.claimed.attempts, later.seconds, self.office.luck.random())
        with self._settling(one.claimed) as connection:
            if connection:
                ledger.put_off(connection, one.claimed.id, self.clock() + wait, SERVER_BUSY, str(later))

    def _give_back(self, rest: Sequence[Ready], wait: timedelta = timedelta()) -> None:
        with self.office.database.begin() as connection:
            held = ledger.held(connection, [one.claimed for one in rest])
            ledger.give_back(connection, held, self.clock() + wait)

    @contextmanager
    def _settling(self, claimed: Claimed) -> Iterator[Connection | None]:
        """Open a transaction to settle a delivery; it gives None when another worker has taken it over."""
        with self.office.database.begin() as connection:
            yield connection if ledger.held(connection, [claimed]) else None


class _Stop(Exception):
    """Something is wrong with the mail server, so that further mails would fail too."""

    def __init__(self, trouble: Trouble, *, is_settled: bool = False) -> None:
        """`is_settled`: what becomes of the mail that met the trouble is recorded already."""
        super().__init__(trouble.reason)
        self.trouble = trouble
        self.is_settled = is_settled


def drop(connection: Connection, one: Claimed, lost: Drop, now: datetime, summary: Summary) -> None:
    """Record that a delivery has lost its point."""
    if lost.keeps_papers:
        ledger.record_unknown(connection, one.id, f"{lost.reason}, may have been sent", now)
        summary.failed[f"{lost.reason}, may have been sent"] += 1
    else:
        ledger.record_dropped(connection, one.id, lost.reason, now)
        summary.skipped[lost.reason] += 1
