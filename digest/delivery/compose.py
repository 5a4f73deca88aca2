"""Composes a batch: decides about each delivery and stores its mail, in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest.delivery.composed_mail import ComposedMail
from digest.delivery.context import DeliveryContext, ReadyDelivery, Summary
from digest.delivery.decisions import Cancel, Retry, Send, Skip, decide, reason_to_cancel
from digest.delivery.select_papers import Request, Selection
from digest.delivery.settle import cancel
from digest.domain.delivery import PAPER_KINDS, Delivery, Kind, stream_of
from digest.domain.subscriber import Subscriber
from digest.metrics import stage_metrics
from digest.store import deliveries as ledger
from digest.store import editions as edition_store
from digest.store import feedback as feedback_store
from digest.store import picks as pick_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Conflict, Connection
from digest.store.picks import Composition
from digest.subscribers.profiles import build_missing

_COMPOSING_TRIES = 3


@dataclass(slots=True)
class _Composing:
    """What a batch is composed from."""

    subscribers: Mapping[int, Subscriber]
    past: dict[int, list[date]]
    composed: dict[int, ComposedMail]
    """The mails that an earlier attempt composed, by delivery."""
    selections: dict[int, Selection]
    """By subscriber."""
    marked: dict[int, list[tuple[str, str]]]
    """Title and id of the papers that the subscribers of weekly digests marked in the last week."""


def compose_batch(
    delivery_context: DeliveryContext, work: Sequence[Delivery], now: datetime, summary: Summary
) -> list[ReadyDelivery]:
    """Decide about each delivery; return those to be sent, with the mails as stored.

    Selecting only reads, so that on SQLite, which allows one writer, mails can be recorded meanwhile. All
    decisions are written in one transaction.
    """
    with delivery_context.database.read() as connection:
        subscribers = subscriber_store.find_by_ids(connection, {one.subscriber_id for one in work})
    work = _cancel_lost(delivery_context, work, subscribers, now, summary)
    awaited = {one.subscriber_id for one in work if one.kind in PAPER_KINDS}
    build_missing(delivery_context.database, delivery_context.profiles, awaited, now)
    ready: list[ReadyDelivery] = []
    for part in _by_turns(work):
        ready += _compose_part(delivery_context, part, subscribers, now, summary)
    return ready


def _by_turns(work: Sequence[Delivery]) -> list[list[Delivery]]:
    """Split a batch so that each part has one mail with papers for a subscriber; two would choose the same papers."""
    parts: list[list[Delivery]] = []
    turns: Counter[int] = Counter()
    for one in work:
        turn = 0
        if one.kind in PAPER_KINDS:
            turn = turns[one.subscriber_id]
            turns[one.subscriber_id] += 1
        while len(parts) <= turn:
            parts.append([])
        parts[turn].append(one)
    return parts


def _compose_part(
    delivery_context: DeliveryContext,
    work: Sequence[Delivery],
    subscribers: Mapping[int, Subscriber],
    now: datetime,
    summary: Summary,
) -> list[ReadyDelivery]:
    stream = stream_of(work[0].kind)
    for attempt in range(_COMPOSING_TRIES):
        with stage_metrics(stream, "select", len(work)), delivery_context.database.read() as connection:
            composing = _gather_for_composing(delivery_context, connection, work, subscribers, now)
        try:
            with stage_metrics(stream, "compose", len(work)), delivery_context.database.begin() as connection:
                outcome = Summary()
                ready = _compose(delivery_context, connection, work, composing, now, outcome)
        except Conflict:
            # Another worker composed a mail with one of these papers for one of these subscribers: select again.
            if attempt == _COMPOSING_TRIES - 1:
                raise
        else:
            summary.add(outcome)
            return ready
    raise AssertionError("unreachable")


def _cancel_lost(
    delivery_context: DeliveryContext,
    work: Sequence[Delivery],
    subscribers: Mapping[int, Subscriber],
    now: datetime,
    summary: Summary,
) -> list[Delivery]:
    """Cancel deliveries that must not be sent; return the others. Before selecting, as this frees their papers."""
    with delivery_context.database.read() as connection:
        newest_on = edition_store.newer_editions(connection, list(subscribers), now.date())
    lost: dict[int, Cancel] = {}
    for one in work:
        if subscriber := subscribers.get(one.subscriber_id):
            newest = newest_on.get(one.subscriber_id, one.edition_on)
            reason = reason_to_cancel(one, subscriber.status, newest, now, delivery_context.wait_policy)
            if reason:
                lost[one.id] = reason
    if lost:
        with delivery_context.database.begin() as connection:
            held = ledger.held(connection, [one for one in work if one.id in lost])
            for one in work:
                if one.id in held:
                    cancel(connection, one, lost[one.id], now, summary)
    return [one for one in work if one.id not in lost and one.subscriber_id in subscribers]


def _gather_for_composing(
    delivery_context: DeliveryContext,
    connection: Connection,
    work: Sequence[Delivery],
    subscribers: Mapping[int, Subscriber],
    now: datetime,
) -> _Composing:
    for_links = {one.subscriber_id for one in work if one.kind == "links"}
    requests = {
        one.subscriber_id: Request(subscribers[one.subscriber_id], one.edition_on)
        for one in work
        if one.kind in PAPER_KINDS and one.contents is None
    }
    return _Composing(
        subscribers=subscribers,
        past=edition_store.sent_editions(connection, for_links, PAST_DIGESTS),
        composed=_load_composed(connection, [one for one in work if one.contents is not None]),
        selections={
            selection.subscriber.id: selection
            for selection in delivery_context.composer.select(connection, list(requests.values()), now)
        },
        marked=feedback_store.marked_since(
            connection, [one.subscriber_id for one in work if one.kind == Kind.WEEKLY], now - MARKED_WITHIN
        ),
    )


def _compose(
    delivery_context: DeliveryContext,
    connection: Connection,
    work: Sequence[Delivery],
    composing: _Composing,
    now: datetime,
    summary: Summary,
) -> list[ReadyDelivery]:
    held = ledger.held(connection, work)
    ready: list[ReadyDelivery] = []
    fresh: list[Delivery] = []
    for one in work:
        subscriber = composing.subscribers[one.subscriber_id]
        if one.id not in held:
            continue
        if one.id in composing.composed:
            ready.append(ReadyDelivery(one, composing.composed[one.id]))
        elif one.kind not in PAPER_KINDS:
            past = tuple(composing.past.get(one.subscriber_id, ()))
            mail = ComposedMail(
                one.kind,
                subscriber.key,
                subscriber.address,
                one.edition_on,
                now,
                delivery_context.imprint,
                language=subscriber.language,
                past=past,
            )
            pick_store.save_compositions(connection, [_composition(one, mail)])
            ready.append(ReadyDelivery(one, mail))
        else:
            fresh.append(one)
    return ready + _settle_selections(delivery_context, connection, fresh, composing, now, summary)


def _load_composed(connection: Connection, composed: Sequence[Delivery]) -> dict[int, ComposedMail]:
    """Return the mails that an earlier attempt composed, by delivery."""
    picks_of = pick_store.read_picks(connection, [(one.id, one.subscriber_id) for one in composed])
    return {
        one.id: ComposedMail.from_json(one.contents, picks_of.get(one.id, ()))
        for one in composed
        if one.contents is not None
    }


def _settle_selections(
    delivery_context: DeliveryContext,
    connection: Connection,
    fresh: Sequence[Delivery],
    composing: _Composing,
    now: datetime,
    summary: Summary,
) -> list[ReadyDelivery]:
    """Record the decision about each digest; return those to be sent, which are stored."""
    ready: list[ReadyDelivery] = []
    compositions: list[Composition] = []
    for one in fresh:
        selection = composing.selections[one.subscriber_id]
        outcome = decide(
            one.kind,
            len(selection.picks),
            selection.considered,
            selection.state,
            one.due_at,
            now,
            delivery_context.wait_policy,
        )
        match outcome:
            case Send(note, _):
                marked = composing.marked.get(one.subscriber_id, ())
                mail = selection.compose(delivery_context.imprint, now, note, one.kind, marked)
                compositions.append(_composition(one, mail, selection))
                ready.append(ReadyDelivery(one, mail))
            case Skip(reason):
                ledger.record_skipped(
                    connection, one.id, reason, selection.papers_after, selection.papers_through, now
                )
                summary.skipped[reason] += 1
            case Retry(until, reason):
                ledger.retry_later(connection, one.id, until, reason)
                summary.to_retry[reason] += 1
    pick_store.save_compositions(connection, compositions)
    return ready


def _composition(one: Delivery, mail: ComposedMail, selection: Selection | None = None) -> Composition:
    return Composition(
        delivery_id=one.id,
        subscriber_id=one.subscriber_id,
        contents=mail.to_json(),
        message_id=mail.message_id,
        papers_after=selection.papers_after if selection else None,
        papers_through=selection.papers_through if selection else None,
        picks=mail.picks,
    )


MARKED_WITHIN = timedelta(days=7)
PAST_DIGESTS = 10
"""Number of past digests that the mail with a subscriber's links lists."""
