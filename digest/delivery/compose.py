"""Composing a batch: decide each delivery's fate and store what its mail says, in one transaction."""

from collections.abc import Sequence
from datetime import datetime

from digest.delivery.composed_mail import Chosen, Contents
from digest.delivery.context import PostOffice, Ready, Summary
from digest.delivery.decisions import Drop, PutOff, Send, Skip, decide, standing
from digest.delivery.select_papers import Request, Selection
from digest.domain.delivery import Claimed
from digest.store import deliveries as ledger
from digest.store import editions as edition_store
from digest.store import picks as pick_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Conflict, Connection
from digest.store.picks import Composition, StoredPick

_COMPOSING_TRIES = 3


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
    readers = subscriber_store.find_by_numbers(connection, {one.subscriber_id for one in work})
    newest = edition_store.newer_editions(connection, list(readers), now.date())
    past = edition_store.sent_editions(
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
            pick_store.save_compositions(connection, [_composition(one, contents, None)], [])
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
    recorded = pick_store.read_picks(connection, [(one.id, one.subscriber_id) for one in composed])
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
    card_ids = pick_store.save_cards(connection, {key: card.to_json() for key, card in shown.items()})
    pick_store.save_compositions(
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


PAST_DIGESTS = 10
"""So many of a reader's last digests stand in the mail with their links."""


def drop(connection: Connection, one: Claimed, lost: Drop, now: datetime, summary: Summary) -> None:
    """Record that a delivery has lost its point."""
    if lost.keeps_papers:
        ledger.record_unknown(connection, one.id, f"{lost.reason}, may have been sent", now)
        summary.failed[f"{lost.reason}, may have been sent"] += 1
    else:
        ledger.record_dropped(connection, one.id, lost.reason, now)
        summary.skipped[lost.reason] += 1
