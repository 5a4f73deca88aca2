"""Delivering: claim and compose batch after batch, while the batches before are being sent.

What a crash means: claimed but not composed, the lease runs out and it is composed again; composed but
not sent, it is sent as composed; sent but not recorded, the one mail in flight on each connection is sent
a second time, under the same Message-ID and with the same words.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime

from digest.delivery.circuit import TRIAL_MAILS, Admission, Trouble, admit, mend, take_trial, trip
from digest.delivery.claimed import STREAMS, Claimed, Stream
from digest.delivery.compose import Request, Selection
from digest.delivery.letters import PAST_DIGESTS, Chosen, Contents
from digest.delivery.office import LEASE, PostOffice, Ready, Summary
from digest.delivery.outcome import PutOff, Send, Skip, decide, standing
from digest.delivery.sending import LIMIT_REACHED, MOST_DELAYS, Outcome, Sender
from digest.delivery.settle import drop, release
from digest.errors import TryLater
from digest.readers.subscriber import Subscriber
from digest.store import deliveries as ledger
from digest.store import readers as reader_store
from digest.store import refusals as refusal_store
from digest.store.database import Conflict, Connection
from digest.store.deliveries import Composition, StoredPick

__all__ = [
    "LEASE",
    "MOST_DELAYS",
    "PostOffice",
    "Summary",
    "compose_batch",
    "deliver",
    "deliver_batch",
    "deliver_ready",
]

_COMPOSING_TRIES = 3


def deliver_ready(office: PostOffice, clock: Callable[[], datetime], only: int | None = None) -> Summary:
    """Deliver everything whose time has come, until nothing is ready or the run must stop.

    The mails that somebody waits for go first. What stops one stream does not stop the other.
    """
    summary = Summary()
    stopped: list[str] = []
    for stream in STREAMS:
        summary.stopped = ""
        while not summary.stopped and deliver(office, clock, summary, stream, only=only):
            pass
        stopped.append(summary.stopped)
    summary.stopped = next(filter(None, stopped), "")
    return summary


def deliver_batch(
    office: PostOffice,
    clock: Callable[[], datetime],
    summary: Summary,
    stream: Stream = "digest",
    *,
    patient: bool = False,
) -> bool:
    """Deliver one batch of a stream; tell whether there was anything to do."""
    return deliver(office, clock, summary, stream, patient=patient, goes_on=lambda: False)


def deliver(
    office: PostOffice,
    clock: Callable[[], datetime],
    summary: Summary,
    stream: Stream,
    *,
    only: int | None = None,
    patient: bool = False,
    goes_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Deliver batches of a stream, adding to `summary`; tell whether there was anything to do.

    It ends when nothing is ready, when something stops it, and when `goes_on`, asked after each batch, says so.
    `only` keeps to one reader. A server that would take no mail is tried again with a few; a `patient` caller
    leaves it alone until its circuit breaker says so.
    """
    had_work = False
    sender: Sender | None = None
    with ExitStack() as stack:
        while True:
            now = clock()
            admission = admit(office.database, office.account, stream, now)
            if patient and admission.is_open:
                summary.stopped = admission.reason
                break
            if admission.is_trial and sender:
                # Another process met trouble; what is queued here is dealt with first.
                break
            work = _claim(office, admission, stream, only, now, summary)
            if not work:
                break
            had_work = True
            ready = compose_batch(office, work, now, summary)
            if ready and admission.is_trial:
                if not _try_server(office, clock, admission, stream, ready, summary, patient=patient):
                    break
            elif ready:
                sender = sender or stack.enter_context(Sender(office, clock, summary, stream))
                sender.put(ready, now + office.lease / 2)
                if sender.is_stopped:
                    break
            if not goes_on():
                break
    if sender and sender.outcome.trouble:
        trip(office.database, office.account, sender.outcome.trouble, clock())
    return had_work


def _claim(
    office: PostOffice,
    admission: Admission,
    stream: Stream,
    only: int | None,
    now: datetime,
    summary: Summary,
) -> list[Claimed]:
    """Claim a batch, as large as the limits and the server allow."""
    try:
        room = office.limits.room(now)
    except TryLater as later:
        summary.stopped = str(later)
        return []
    most = min(room, TRIAL_MAILS if admission.is_trial else office.batch_size)
    with office.database.begin() as connection:
        if most:
            return ledger.claim(connection, now, office.lease, most, only, stream)
        if ledger.count_ready(connection, now, 1, stream):
            summary.stopped = LIMIT_REACHED
    return []


def _try_server(
    office: PostOffice,
    clock: Callable[[], datetime],
    admission: Admission,
    stream: Stream,
    ready: Sequence[Ready],
    summary: Summary,
    *,
    patient: bool,
) -> bool:
    """Send a few mails to a server whose breaker is half-open, and close or open it; tell whether it is well.

    The trial is taken only now, as one without a mail to send would be wasted, and the server left alone for
    longer.
    """
    now = clock()
    if not take_trial(office.database, admission) and patient:
        release(office, [one.claimed for one in ready], now)
        summary.stopped = admission.reason
        return False
    with Sender(office, clock, summary, stream, is_trial=True) as sender:
        sender.put(ready, now + office.lease / 2)
    outcome = sender.outcome
    if stream == "digest" and outcome.refused > outcome.taken and not outcome.trouble:
        outcome.trouble = Trouble(
            "The mail server refuses most addresses, so nobody is suppressed for it; ask who runs it", stream
        )
        summary.stopped = outcome.trouble.reason
    _switch(office, stream, outcome, clock())
    return outcome.trouble is None and not sender.is_stopped


def _switch(office: PostOffice, stream: Stream, outcome: Outcome, now: datetime) -> None:
    """Open the circuit breaker that a trial speaks for, and close those that it speaks against."""
    trouble = outcome.trouble
    if trouble:
        trip(office.database, office.account, trouble, now)
    if not outcome.was_answered:
        return
    if trouble is None or trouble.stream:
        mend(office.database, office.account)
    if trouble is None and (outcome.taken >= outcome.refused or stream == "transactional"):
        mend(office.database, office.account, stream)
        with office.database.begin() as connection:
            refusal_store.forget_recent(connection, office.account, stream)


@dataclass(slots=True)
class _Composing:
    """What a batch is composed from, as read in one view of the database."""

    readers: dict[int, Subscriber]
    newest_on: dict[int, date]
    past: dict[int, list[date]]
    composed: dict[int, list[Chosen]]
    """The papers of mails that were composed before, by delivery."""
    selections: dict[int, Selection]
    """By subscriber."""


def compose_batch(
    office: PostOffice, work: Sequence[Claimed], now: datetime, summary: Summary
) -> list[Ready]:
    """Decide each delivery's fate; return those to be sent, stored as they will be sent.

    Choosing only reads, so that a database which takes one writer at a time is free for the records of mails
    that are being sent meanwhile. What was decided is written in one transaction.
    """
    for attempt in range(_COMPOSING_TRIES):
        with office.database.read() as connection:
            composing = _gather_for_composing(office, connection, work, now)
        try:
            with office.database.begin() as connection:
                outcome = Summary()
                ready = _compose(office, connection, work, composing, now, outcome)
        except Conflict:
            # Another worker gave one of these readers one of these papers meanwhile: look again.
            if attempt == _COMPOSING_TRIES - 1:
                raise
        else:
            summary.add(outcome)
            return ready
    raise AssertionError("unreachable")


def _gather_for_composing(
    office: PostOffice, connection: Connection, work: Sequence[Claimed], now: datetime
) -> _Composing:
    readers = reader_store.find_by_numbers(connection, {one.subscriber_id for one in work})
    newest_on = ledger.newer_editions(connection, list(readers), now.date())
    for_links = {one.subscriber_id for one in work if one.kind == "links"}
    requests = {
        one.subscriber_id: Request(readers[one.subscriber_id], one.edition_on)
        for one in work
        if one.kind == "digest"
        and one.contents is None
        and (reader := readers.get(one.subscriber_id))
        and not standing(one, reader.status, newest_on[reader.id], now, office.patience)
    }
    return _Composing(
        readers=readers,
        newest_on=newest_on,
        past=ledger.sent_editions(connection, for_links, PAST_DIGESTS),
        composed=_recall(connection, [one for one in work if one.contents is not None]),
        selections={
            selection.subscriber.id: selection
            for selection in office.composer.select(connection, list(requests.values()), now)
        },
    )


def _compose(
    office: PostOffice,
    connection: Connection,
    work: Sequence[Claimed],
    composing: _Composing,
    now: datetime,
    summary: Summary,
) -> list[Ready]:
    held = ledger.held(connection, work)
    ready: list[Ready] = []
    fresh: list[Claimed] = []
    for one in work:
        reader = composing.readers.get(one.subscriber_id)
        if one.id not in held or reader is None:
            continue
        newest_on = composing.newest_on.get(one.subscriber_id, one.edition_on)
        if lost := standing(one, reader.status, newest_on, now, office.patience):
            drop(connection, one, lost, now, summary)
        elif one.contents is not None:
            ready.append(Ready(one, Contents.from_json(one.contents), composing.composed[one.id]))
        elif one.kind != "digest":
            past = tuple(composing.past.get(one.subscriber_id, ()))
            contents = Contents(
                one.kind, reader.key, reader.address, one.edition_on, now, office.imprint, past=past
            )
            ledger.save_compositions(connection, [_composition(one, contents, None)], [])
            ready.append(Ready(one, contents, ()))
        else:
            fresh.append(one)
    return ready + _settle_selections(office, connection, fresh, composing.selections, now, summary)


def _recall(connection: Connection, composed: Sequence[Claimed]) -> dict[int, list[Chosen]]:
    """Bring back the papers of mails that were composed before, by delivery."""
    recorded = ledger.read_picks(connection, [(one.id, one.subscriber_id) for one in composed])
    return {
        one.id: [
            Chosen.recorded(row.paper_id, row.card, row.section, row.score, row.reasons)
            for row in recorded.get(one.id, [])
        ]
        for one in composed
    }


def _settle_selections(
    office: PostOffice,
    connection: Connection,
    fresh: Sequence[Claimed],
    selections: dict[int, Selection],
    now: datetime,
    summary: Summary,
) -> list[Ready]:
    ready: list[Ready] = []
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
                ready.append(Ready(one, contents, selection.picks))
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
