"""Delivering a batch: claim, compose, and for each mail by itself send and record.

What a crash means: claimed but not composed, the lease runs out and it is composed again; composed but
not sent, it is sent as composed; sent but not recorded, the one mail in flight on a connection is sent
a second time, under the same Message-ID and with the same words.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from digest.delivery.circuit import TRIAL_MAILS, Admission, Trouble, admit, mend, take_trial, trip
from digest.delivery.claimed import STREAMS, Claimed, Stream
from digest.delivery.compose import Request, Selection
from digest.delivery.letters import PAST_DIGESTS, Chosen, Contents
from digest.delivery.office import LEASE, PostOffice, Ready, Summary
from digest.delivery.outcome import PutOff, Send, Skip, decide, standing
from digest.delivery.sending import LIMIT_REACHED, MOST_DELAYS, Outcome, drop, send_all
from digest.errors import TryLater
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
    "deliver_batch",
    "deliver_ready",
]

_COMPOSING_TRIES = 3


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


def compose_batch(
    office: PostOffice, work: Sequence[Claimed], now: datetime, summary: Summary
) -> list[Ready]:
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
) -> list[Ready]:
    held = ledger.held(connection, work)
    work = [one for one in work if one.id in held]
    readers = reader_store.find_by_numbers(connection, {one.subscriber_id for one in work})
    newest = ledger.newer_editions(connection, list(readers), now.date())
    past = ledger.sent_editions(
        connection, {one.subscriber_id for one in work if one.kind == "links"}, PAST_DIGESTS
    )
    ready: list[Ready] = []
    fresh: list[Claimed] = []
    composed: list[Claimed] = []
    for one in work:
        reader = readers[one.subscriber_id]
        newest_on = newest.get(one.subscriber_id, one.edition_on)
        if lost := standing(one, reader.status, newest_on, now, office.patience):
            drop(connection, one, lost, now, summary)
        elif one.contents is not None:
            composed.append(one)
        elif one.kind != "digest":
            editions = tuple(past.get(one.subscriber_id, ()))
            contents = Contents(
                one.kind, reader.key, reader.address, one.edition_on, now, office.imprint, past=editions
            )
            ledger.save_compositions(connection, [_composition(one, contents, None)], [])
            ready.append(Ready(one, contents, ()))
        else:
            fresh.append(one)
    ready += _recall(connection, composed)
    requests = {one.subscriber_id: Request(readers[one.subscriber_id], one.edition_on) for one in fresh}
    selections = {
        selection.subscriber.id: selection
        for selection in office.composer.select(connection, list(requests.values()), now)
    }
    return ready + _settle_selections(office, connection, fresh, selections, now, summary)


def _recall(connection: Connection, composed: Sequence[Claimed]) -> list[Ready]:
    """Bring back mails that were composed before, just as they were."""
    recorded = ledger.read_picks(connection, [(one.id, one.subscriber_id) for one in composed])
    ready: list[Ready] = []
    for one in composed:
        assert one.contents is not None
        picks = [
            Chosen.recorded(row.paper_id, row.card, row.section, row.score, row.reasons)
            for row in recorded.get(one.id, [])
        ]
        ready.append(Ready(one, Contents.from_json(one.contents), picks))
    return ready


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
