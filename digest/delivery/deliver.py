"""Delivering a batch: claim, compose, and for each mail by itself send and record.

What a crash means: claimed but not composed, the lease runs out and it is composed again; composed but
not sent, it is sent as composed; sent but not recorded, the one mail in flight on a connection is sent
a second time, under the same Message-ID and with the same words.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random

from digest.delivery.claimed import Claimed
from digest.delivery.compose import Composer, Request, Selection
from digest.delivery.letters import Chosen, Contents, Imprint, build_mail
from digest.delivery.outcome import Drop, Patience, PutOff, Send, Skip, decide, pause, standing
from digest.errors import BadInput, NeverSend, StopRun, TryLater
from digest.mail.addresses import read_address
from digest.mail.envelope import Connection as Server
from digest.mail.envelope import Envelope, Transport
from digest.mail.rendering import Renderer
from digest.readers.addresses import address_hash
from digest.readers.links import Links
from digest.store import deliveries as ledger
from digest.store import readers as reader_store
from digest.store.database import Conflict, Connection, Database
from digest.store.deliveries import Composition, StoredPick

LEASE = timedelta(minutes=15)
"""How long a batch may take. Half of it is for sending; then the rest is given back, not risked."""
MOST_REFUSALS = 25
"""So many refusals in a row mean that something is wrong with us, not with the readers."""
SERVER_BUSY = "the server asked to try later"
_COMPOSING_TRIES = 3


@dataclass(frozen=True, slots=True)
class PostOffice:
    """The parts that delivering takes; one a process."""

    database: Database
    composer: Composer
    links: Links
    renderer: Renderer
    transport: Transport
    imprint: Imprint
    secret: bytes
    patience: Patience = field(default_factory=Patience)
    batch_size: int = 500
    luck: Random = field(default_factory=Random)


@dataclass(slots=True)
class Summary:
    """What became of the deliveries of a run."""

    sent: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """By reason."""
    put_off: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    """Why the run ended before all was done."""

    @property
    def refusals(self) -> int:
        """Mails that the server did not take for now."""
        return self.put_off[SERVER_BUSY]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A composed mail that waits for its turn on the connection."""

    claimed: Claimed
    contents: Contents
    picks: Sequence[Chosen]


def deliver_ready(office: PostOffice, clock: Callable[[], datetime], only: int | None = None) -> Summary:
    """Deliver everything whose time has come, batch by batch, until nothing is ready or the run must stop."""
    summary = Summary()
    while not summary.stopped and deliver_batch(office, clock, summary, only):
        pass
    return summary


def deliver_batch(
    office: PostOffice, clock: Callable[[], datetime], summary: Summary, only: int | None = None
) -> bool:
    """Claim, compose and send one batch, adding to `summary`; tell whether there was anything to do."""
    now = clock()
    with office.database.begin() as connection:
        work = ledger.claim(connection, now, LEASE, office.batch_size, only)
    if not work:
        return False
    ready = compose_batch(office, work, now, summary)
    with office.transport.open() as server:
        _send_all(office, server, ready, clock, now + LEASE / 2, summary)
    return True


def compose_batch(
    office: PostOffice, work: Sequence[Claimed], now: datetime, summary: Summary
) -> list[_Ready]:
    """Decide each delivery's fate in one transaction; return those to be sent, kept as they will be sent."""
    for attempt in range(_COMPOSING_TRIES):
        try:
            with office.database.begin() as connection:
                outcome = Summary()
                ready = _compose(office, connection, work, now, outcome)
        except Conflict:
            # Another worker gave one of these readers one of these papers meanwhile: look again.
            if attempt == _COMPOSING_TRIES - 1:
                raise
        else:
            summary.skipped += outcome.skipped
            summary.put_off += outcome.put_off
            summary.failed += outcome.failed
            return ready
    raise AssertionError("unreachable")


def _compose(
    office: PostOffice, connection: Connection, work: Sequence[Claimed], now: datetime, summary: Summary
) -> list[_Ready]:
    readers = reader_store.find_by_numbers(connection, {one.subscriber_id for one in work})
    newest = ledger.newer_editions(connection, list(readers))
    ready: list[_Ready] = []
    fresh: list[Claimed] = []
    composed: list[Claimed] = []
    for one in work:
        reader = readers[one.subscriber_id]
        newest_on = newest.get(one.subscriber_id, one.edition_on)
        if drop := standing(one, reader.status, newest_on, now, office.patience):
            _drop(connection, one, drop, now, summary)
        elif one.contents is not None:
            composed.append(one)
        elif one.kind == "confirm":
            contents = Contents("confirm", reader.key, reader.address, one.edition_on, now, office.imprint)
            ledger.save_compositions(connection, [_composition(one, contents, None)], [])
            ready.append(_Ready(one, contents, ()))
        else:
            fresh.append(one)
    ready += _recall(connection, composed)
    requests = {one.subscriber_id: Request(readers[one.subscriber_id], one.edition_on) for one in fresh}
    selections = {
        selection.subscriber.id: selection
        for selection in office.composer.select(connection, list(requests.values()), now)
    }
    return ready + _settle_selections(office, connection, fresh, selections, now, summary)


def _drop(connection: Connection, one: Claimed, drop: Drop, now: datetime, summary: Summary) -> None:
    if drop.keeps_papers:
        ledger.record_unknown(connection, one.id, f"{drop.reason}, may have been sent", now)
        summary.failed[f"{drop.reason}, may have been sent"] += 1
    else:
        ledger.record_dropped(connection, one.id, drop.reason, now)
        summary.skipped[drop.reason] += 1


def _recall(connection: Connection, composed: Sequence[Claimed]) -> list[_Ready]:
    """Bring back mails that were composed before, just as they were."""
    recorded = ledger.read_picks(connection, [(one.id, one.subscriber_id) for one in composed])
    ready: list[_Ready] = []
    for one in composed:
        assert one.contents is not None
        picks = [
            Chosen.recorded(row.paper_id, row.card, row.section, row.score, row.reasons)
            for row in recorded.get(one.id, [])
        ]
        ready.append(_Ready(one, Contents.from_json(one.contents), picks))
    return ready


def _settle_selections(
    office: PostOffice,
    connection: Connection,
    fresh: Sequence[Claimed],
    selections: dict[int, Selection],
    now: datetime,
    summary: Summary,
) -> list[_Ready]:
    ready: list[_Ready] = []
    compositions: list[Composition] = []
    sending: list[tuple[Claimed, Selection]] = []
    for one in fresh:
        selection = selections[one.subscriber_id]
        outcome = decide(
            len(selection.picks), selection.considered, selection.state, one.due_at, now, office.patience
        )
        match outcome:
            case Send(note, _):
                contents = selection.contents(office.imprint, now, note)
                compositions.append(_composition(one, contents, selection))
                sending.append((one, selection))
                ready.append(_Ready(one, contents, selection.picks))
            case Skip(reason):
                ledger.record_skipped(
                    connection, one.id, reason, selection.papers_after, selection.papers_through, now
                )
                summary.skipped[reason] += 1
            case PutOff(until, reason):
                ledger.put_off(connection, one.id, until, reason)
                summary.put_off[reason] += 1
    # Readers share cards: a few hundred of them for thousands of picks.
    shown = {
        key: pick.card
        for _, selection in sending
        for key, pick in zip(selection.card_keys, selection.picks, strict=True)
    }
    card_ids = ledger.save_cards(connection, {key: card.to_json() for key, card in shown.items()})
    ledger.save_compositions(
        connection,
        compositions,
        [
            StoredPick(
                delivery_id=one.id,
                subscriber_id=one.subscriber_id,
                paper_number=pick.number,
                card_id=card_ids[key],
                position=position,
                section=pick.section,
                score=pick.score,
                reasons=pick.reasons_json(),
            )
            for one, selection in sending
            for position, (key, pick) in enumerate(zip(selection.card_keys, selection.picks, strict=True))
        ],
    )
    return ready


def _composition(one: Claimed, contents: Contents, selection: Selection | None) -> Composition:
    return Composition(
        delivery_id=one.id,
        papers_after=selection.papers_after if selection else None,
        papers_through=selection.papers_through if selection else None,
        contents=contents.to_json(),
        message_id=contents.message_id,
    )


def _send_all(
    office: PostOffice,
    server: Server,
    ready: Sequence[_Ready],
    clock: Callable[[], datetime],
    until: datetime,
    summary: Summary,
) -> None:
    refusals = 0
    for position, one in enumerate(ready):
        if clock() > until:
            _give_back(office, ready[position:], clock())
            return
        try:
            taken = _send(office, server, one, clock, summary)
        except StopRun as stop:
            # The mail that met the trouble goes to the end of the queue, should the trouble be its own.
            _put_off(office, one, TryLater(str(stop)), clock())
            _give_back(office, ready[position + 1 :], clock())
            summary.stopped = str(stop)
            return
        refusals = 0 if taken else refusals + 1
        if refusals == MOST_REFUSALS:
            _give_back(office, ready[position + 1 :], clock())
            summary.stopped = (
                f"The mail server refused {refusals} mails in a row; see: digest deliveries list"
            )
            return


def _put_off(office: PostOffice, one: _Ready, later: TryLater, now: datetime) -> None:
    wait = pause(one.claimed.attempts, later.seconds, office.luck.random())
    with office.database.begin() as connection:
        ledger.put_off(connection, one.claimed.id, now + wait, SERVER_BUSY, str(later))


def _give_back(office: PostOffice, rest: Sequence[_Ready], now: datetime) -> None:
    with office.database.begin() as connection:
        ledger.give_back(connection, [one.claimed.id for one in rest], now)


def _send(
    office: PostOffice, server: Server, one: _Ready, clock: Callable[[], datetime], summary: Summary
) -> bool:
    """Send one mail and record what the server said before anything else happens. False if it was refused."""
    claimed = one.claimed
    with office.database.read() as connection:
        # Whoever unsubscribed since the batch was composed gets nothing any more.
        status = "active" if claimed.kind == "digest" else "pending"
        wanted = ledger.may_be_sent(connection, claimed.id, status)
    if not wanted:
        with office.database.begin() as connection:
            _drop(connection, claimed, Drop("withdrawn"), clock(), summary)
        return True
    try:
        content = build_mail(one.contents, one.picks, office.links, office.renderer).message.to_bytes()
        recipient = read_address(one.contents.recipient).mailbox
    except BadInput as unfit:
        with office.database.begin() as connection:
            ledger.record_dropped(
                connection, claimed.id, "no mail address", clock(), failed=True, answer=str(unfit)
            )
        summary.failed["no mail address"] += 1
        return True
    envelope = Envelope(
        sender=read_address(one.contents.imprint.sender).mailbox,
        recipient=recipient,
        content=content,
        name=one.contents.file_name,
    )
    try:
        answer = server.send(envelope)
    except TryLater as later:
        _put_off(office, one, later, clock())
        summary.put_off[SERVER_BUSY] += 1
        return False
    except NeverSend as never:
        now = clock()
        with office.database.begin() as connection:
            ledger.record_dropped(connection, claimed.id, "refused", now, failed=True, answer=str(never))
            reader_store.set_status(connection, claimed.subscriber_id, "suppressed")
            reader_store.suppress(
                connection, address_hash(one.contents.recipient, office.secret), f"refused: {never}", now
            )
        summary.failed["refused"] += 1
        return False
    with office.database.begin() as connection:
        ledger.record_sent(connection, claimed.id, sha256(content).hexdigest(), answer, clock())
    summary.sent += 1
    return True
