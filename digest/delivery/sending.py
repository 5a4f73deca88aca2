"""Sending a composed batch over one connection, each mail by itself: ask, send, record."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from digest.delivery.claimed import Claimed
from digest.delivery.letters import build_mail
from digest.delivery.office import SERVER_BUSY, PostOffice, Ready, Summary
from digest.delivery.outcome import Drop, pause
from digest.errors import BadInput, NeverSend, StopRun, TryLater
from digest.mail.addresses import read_address
from digest.mail.envelope import Connection as Server
from digest.mail.envelope import Envelope
from digest.readers.addresses import address_hash
from digest.store import deliveries as ledger
from digest.store import suppressions as suppression_store
from digest.store.database import Connection
from digest.store.recording import Recorder, Taken, recorder

MOST_REFUSALS = 25
"""So many refusals in a row mean that something is wrong with us, not with the readers."""
LIMIT_REACHED = "The mail limit is used up for now; the rest waits until there is room (DIGEST_MAIL_LIMITS)."
_LONGEST_TURN = 10.0
"""So many seconds a batch waits for its next turn; a longer wait is for the queue."""


def send_all(
    office: PostOffice,
    server: Server,
    ready: Sequence[Ready],
    clock: Callable[[], datetime],
    until: datetime,
    summary: Summary,
) -> str:
    """Send mails one after the other; give back those that could not be tried. Return what is wrong with the server.

    The result of each is recorded before anything else happens on the connection. It ends early at
    `until`, when the process is to stop, when a limit is reached, and with the server's trouble ("" for none).
    """
    return _Round(office, server, recorder(office.database), clock, until, summary).run(ready)


@dataclass(slots=True)
class _Round:
    office: PostOffice
    server: Server
    recorder: Recorder
    clock: Callable[[], datetime]
    until: datetime
    summary: Summary
    is_wanted: bool | None = None
    """Whether the next mail may be sent, if that was asked along with recording the one before."""

    def run(self, ready: Sequence[Ready]) -> str:
        refusals = 0
        for position, one in enumerate(ready):
            if self.clock() > self.until or self.office.is_stopping():
                self._give_back(ready[position:])
                return ""
            if not self._has_turn(ready[position:]):
                return ""
            following = ready[position + 1].claimed if position + 1 < len(ready) else None
            try:
                taken = self._send(one, following)
            except _Trouble as trouble:
                # The mail that met the trouble goes to the end of the queue, should the trouble be its own.
                self._put_off(one, TryLater(str(trouble)))
                self._give_back(ready[position + 1 :])
                self.summary.stopped = str(trouble)
                return str(trouble)
            refusals = 0 if taken else refusals + 1
            if refusals == MOST_REFUSALS:
                self._give_back(ready[position + 1 :])
                self.summary.stopped = (
                    f"The mail server refused {refusals} mails in a row; see: digest deliveries list"
                )
                return self.summary.stopped
        return ""

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

    def _send(self, one: Ready, following: Claimed | None) -> bool:
        """Send one mail and record what the server said before anything else happens. False if it was refused."""
        claimed, summary, clock = one.claimed, self.summary, self.clock
        wanted, self.is_wanted = self.is_wanted, None
        if wanted is None:
            wanted = self.recorder.may_be_sent(claimed)
        if not wanted:
            # Whoever unsubscribed since the batch was composed gets nothing any more.
            with self._settling(claimed) as connection:
                if connection:
                    drop(connection, claimed, Drop("withdrawn"), clock(), summary)
            return True
        try:
            envelope = self._envelope(one)
        except BadInput as unfit:
            with self._settling(claimed) as connection:
                if connection:
                    ledger.record_dropped(
                        connection, claimed.id, "no mail address", clock(), failed=True, answer=str(unfit)
                    )
            summary.failed["no mail address"] += 1
            return True
        try:
            answer = self.server.send(envelope)
        except TryLater as later:
            self._put_off(one, later)
            summary.put_off[SERVER_BUSY] += 1
            return False
        except NeverSend as never:
            self._refused(one, never)
            summary.failed["refused"] += 1
            return False
        except StopRun as stop:
            raise _Trouble(str(stop)) from stop
        taken = Taken(claimed.id, sha256(envelope.content).hexdigest(), answer, clock())
        if self.office.limits.never_waits and following is not None:
            self.is_wanted = self.recorder.record(taken, following)
        else:
            # A wait for a turn lies ahead, or the end: what is asked now would be old by then.
            self.recorder.record(taken, None)
        summary.sent += 1
        return True

    def _envelope(self, one: Ready) -> Envelope:
        office = self.office
        return Envelope(
            sender=read_address(one.contents.imprint.sender).mailbox,
            recipient=read_address(one.contents.recipient).mailbox,
            content=build_mail(one.contents, one.picks, office.links, office.renderer).message.to_bytes(),
            name=one.contents.file_name,
        )

    def _refused(self, one: Ready, never: NeverSend) -> None:
        now, claimed = self.clock(), one.claimed
        with self._settling(claimed) as connection:
            if connection:
                ledger.record_dropped(connection, claimed.id, "refused", now, failed=True, answer=str(never))
        with self.office.database.begin() as connection:
            fingerprint = address_hash(one.contents.recipient, self.office.secret)
            suppression_store.suppress_subscriber(
                connection, claimed.subscriber_id, fingerprint, f"refused: {never}", now
            )

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


class _Trouble(Exception):
    """The mail server, not the database, says that every further mail would fail."""


def drop(connection: Connection, one: Claimed, lost: Drop, now: datetime, summary: Summary) -> None:
    """Record that a delivery has lost its point."""
    if lost.keeps_papers:
        ledger.record_unknown(connection, one.id, f"{lost.reason}, may have been sent", now)
        summary.failed[f"{lost.reason}, may have been sent"] += 1
    else:
        ledger.record_dropped(connection, one.id, lost.reason, now)
        summary.skipped[lost.reason] += 1
