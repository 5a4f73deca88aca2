"""Processes a mail that comes in: unsubscribes, suppresses, counts, informs the operator, or forwards it.

Each mail is processed once, recognised by the hash of its bytes, in one transaction. A reply is forwarded before it is
recorded: after a crash between the two it is forwarded twice, and nothing is lost.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from digest.delivery.composed_mail import SenderIdentity
from digest.delivery.soft_bounces import MAILBOX_FULL, note_soft_bounce
from digest.domain.address import address_key
from digest.domain.delivery import KINDS, PAPER_KINDS, Kind, Stream
from digest.domain.inbound import InboundKind, InboundOutcome, MatchedBy, Severity
from digest.domain.refusals import Evidence, is_bounce_confirmed
from digest.errors import BadInput, BadLink
from digest.mail.addresses import read_address
from digest.mail.envelope import Envelope, Transport
from digest.mail.failures import Failure
from digest.mail.forwarding import forward
from digest.mail.inbound import InboundMail, References, classify, worst_failure
from digest.mail.message import message_id
from digest.mail.return_path import is_genuine, read_return_path
from digest.store import consents as consent_store
from digest.store import inbound as inbound_store
from digest.store import refusals as refusal_store
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store.database import Connection, Database
from digest.store.inbound import BouncedDelivery, InboundReport
from digest.subscribers.addresses import address_hash
from digest.subscribers.consent import unsubscribe_in
from digest.subscribers.links import Links
from digest.subscribers.signup import REFUSAL

BOUNCED = "bounced"
POLICY = "refused by policy"
UNAVAILABLE = "mailbox unavailable"
_OWN_MESSAGE_ID = re.compile(rf"<({'|'.join(KINDS)})\.([A-Za-z0-9_-]+)\.(\d{{4}})(\d\d)(\d\d)@[^>]+>")


@dataclass(frozen=True, slots=True)
class InboundContext:
    """The components that processing inbound mail needs."""

    database: Database
    links: Links
    secret: bytes
    account: str
    """The sending account; bounces are counted with the answers of its server."""
    imprint: SenderIdentity
    transport: Transport
    operator: str
    """The mailbox that replies are forwarded to; not needed for events."""


@dataclass(frozen=True, slots=True)
class Match:
    """The subscriber and the mail that an inbound mail is about."""

    by: MatchedBy
    subscriber_id: int
    subscriber_key: str
    address: str
    delivery: BouncedDelivery | None


@dataclass(frozen=True, slots=True)
class Processed:
    """What an inbound mail was, and what was done."""

    kind: InboundKind
    outcome: InboundOutcome
    address: str = ""
    words: str = ""


def operator_mailbox(operator: str, imprint: SenderIdentity) -> str:
    """Return the mailbox of DIGEST_OPERATOR. Raises BadInput if there is none, or if it is the one that is read."""
    hint = "set DIGEST_OPERATOR to Name <address>, where replies of subscribers are forwarded to"
    try:
        mailbox = read_address(operator).mailbox
    except BadInput:
        raise BadInput(f"DIGEST_OPERATOR has no mail address: {hint}.") from None
    if mailbox.lower() in {read_address(imprint.sender).mailbox.lower(), imprint.return_path.lower()}:
        raise BadInput(f"DIGEST_OPERATOR is the address that mail comes in at: {hint}.")
    return mailbox


def process_mail(
    context: InboundContext, content: bytes, now: datetime, envelope_recipient: str = ""
) -> Processed:
    """Process an inbound mail. Raises TryLater, NeverSend or StopRun if it cannot be forwarded.

    After an error nothing is recorded; the caller keeps the mail and processes it again.
    """
    fingerprint = sha256(content).hexdigest()
    inbound = classify(content, envelope_recipient)
    with context.database.read() as connection:
        if inbound_store.is_processed(connection, fingerprint):
            return Processed(inbound.kind, InboundOutcome.REPEATED)
        match = find_match(context, connection, inbound.references)
    is_forwarded = _is_for_operator(inbound, match)
    if is_forwarded:
        _forward(context, content, inbound, fingerprint, now)
    with context.database.begin() as connection:
        match = find_match(context, connection, inbound.references)
        report = _report(inbound, match, fingerprint, now)
        if not inbound_store.save_report(connection, report):
            return Processed(inbound.kind, InboundOutcome.REPEATED)
        outcome = (
            InboundOutcome.FORWARDED if is_forwarded else _apply(context, connection, inbound, match, now)
        )
        inbound_store.set_outcome(connection, fingerprint, outcome)
    return Processed(inbound.kind, outcome, match.address if match else "", report.words)


def process_event(context: InboundContext, inbound: InboundMail, event_id: str, now: datetime) -> Processed:
    """Process a bounce or a complaint that a mail provider has reported and signed.

    The signature is proof, so a match by address alone is enough. An event that is reported again changes nothing.
    """
    fingerprint = sha256(f"event {event_id}".encode()).hexdigest()
    with context.database.begin() as connection:
        match = find_match(context, connection, inbound.references)
        report = _report(inbound, match, fingerprint, now)
        if not inbound_store.save_report(connection, report):
            return Processed(inbound.kind, InboundOutcome.REPEATED)
        outcome = _apply(context, connection, inbound, match, now, is_proven=True)
        inbound_store.set_outcome(connection, fingerprint, outcome)
    return Processed(inbound.kind, outcome, match.address if match else "", report.words)


def find_match(context: InboundContext, connection: Connection, references: References) -> Match | None:
    """Return what an inbound mail is about: by return path, Message-ID, token, or only the address."""
    mailbox = context.imprint.return_path
    for address in references.addresses if mailbox else ():
        key = read_return_path(address, mailbox)
        found = inbound_store.find_by_id(connection, key.delivery_id) if key else None
        if key and found and is_genuine(key, found.subscriber_key, context.secret):
            return _match(MatchedBy.RETURN_PATH, found)
    for one in references.message_ids:
        parts = _OWN_MESSAGE_ID.fullmatch(one)
        edition_on = _date(*parts.groups()[2:]) if parts else None
        if parts and edition_on:
            found = inbound_store.find_edition(connection, parts[2], (Kind(parts[1]),), edition_on)
            if found and found.message_id == one:
                return _match(MatchedBy.MESSAGE_ID, found)
    for token in references.tokens:
        try:
            claim = context.links.read("unsubscribe", token)
        except BadLink:
            continue
        subscriber = subscriber_store.find_by_key(connection, claim.subscriber_key)
        if subscriber:
            found = inbound_store.find_edition(connection, subscriber.key, PAPER_KINDS, claim.issued_on)
            return Match(MatchedBy.TOKEN, subscriber.id, subscriber.key, subscriber.address, found)
    for recipient in references.recipients:
        found = inbound_store.find_newest(connection, address_key(recipient))
        if found:
            return _match(MatchedBy.RECIPIENT, found)
    return None


def _match(by: MatchedBy, found: BouncedDelivery) -> Match:
    return Match(by, found.subscriber_id, found.subscriber_key, found.address, found)


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _is_for_operator(inbound: InboundMail, match: Match | None) -> bool:
    """Return whether a person has to read it: a reply, a forged request, or a complaint about no known subscriber."""
    is_proven = match is not None and match.by != MatchedBy.RECIPIENT
    match inbound.kind:
        case InboundKind.REPLY:
            return True
        case InboundKind.UNSUBSCRIBE:
            return not is_proven
        case InboundKind.COMPLAINT:
            return inbound.feedback_type != "not-spam" and not (inbound.is_spam_report and is_proven)
        case _:
            return False


def _forward(
    context: InboundContext, content: bytes, inbound: InboundMail, fingerprint: str, now: datetime
) -> None:
    sender = read_address(context.imprint.sender)
    mail = forward(
        content,
        inbound,
        sender=sender.header,
        operator=context.operator,
        message_id=message_id("forward", fingerprint[:32], sender.domain),
        now=now,
    )
    with context.transport.open() as connection:
        connection.send(Envelope(sender.mailbox, context.operator, mail, f"forward.{fingerprint[:32]}"))


def _report(inbound: InboundMail, match: Match | None, fingerprint: str, now: datetime) -> InboundReport:
    failure = worst_failure(inbound.failures, [match.address.lower()] if match else [])
    delivery = match.delivery if match else None
    return InboundReport(
        content_sha256=fingerprint,
        received_at=now,
        kind=inbound.kind,
        outcome=InboundOutcome.NOTED,
        severity=failure.severity if failure else None,
        status_code=failure.status if failure else "",
        words=failure.diagnostic if failure else inbound.feedback_type[:100],
        matched_by=match.by if match else None,
        subscriber_id=match.subscriber_id if match else None,
        mail_kind=delivery.kind if delivery else None,
        edition_on=delivery.edition_on if delivery else None,
    )


def _apply(
    context: InboundContext,
    connection: Connection,
    inbound: InboundMail,
    match: Match | None,
    now: datetime,
    *,
    is_proven: bool = False,
) -> InboundOutcome:
    """Apply the changes that the mail requires, and return the outcome.

    `is_proven`: the sender is authenticated, so the report needs no further evidence that it is about our mail.
    """
    if inbound.kind == InboundKind.AUTO_REPLY:
        return InboundOutcome.NOTED
    if match is None:
        return InboundOutcome.UNMATCHED
    if inbound.kind == InboundKind.UNSUBSCRIBE:
        unsubscribe_in(connection, context.secret, match.subscriber_key, now, "mail")
        return InboundOutcome.UNSUBSCRIBED
    if inbound.kind == InboundKind.COMPLAINT:
        return _apply_complaint(context, connection, inbound, match, now)
    failure = worst_failure(inbound.failures, [match.address.lower()])
    if failure is None or match.delivery is None:
        return InboundOutcome.NOTED
    if match.by == MatchedBy.RECIPIENT and not is_proven:
        # Anybody can write an address into a report.
        return InboundOutcome.SUSPECTED if failure.severity == Severity.HARD else InboundOutcome.NOTED
    return _apply_bounce(context, connection, failure, match.delivery, now)


def _apply_complaint(
    context: InboundContext, connection: Connection, inbound: InboundMail, match: Match, now: datetime
) -> InboundOutcome:
    """Suppress the address at once. A complaint also unsubscribes: a later lift does not make the subscriber active."""
    if not inbound.is_spam_report:
        return InboundOutcome.NOTED
    suppression_store.suppress_subscriber(
        connection,
        match.subscriber_id,
        address_hash(match.address, context.secret),
        f"complaint: {inbound.feedback_type}",
        now,
    )
    consent_store.record_consents(connection, [match.subscriber_id], REFUSAL, "complaint", now)
    return InboundOutcome.SUPPRESSED


def _apply_bounce(
    context: InboundContext, connection: Connection, failure: Failure, one: BouncedDelivery, now: datetime
) -> InboundOutcome:
    match failure.severity:
        case Severity.HARD:
            inbound_store.note_on_delivery(connection, one.id, BOUNCED)
            return _apply_hard_bounce(context, connection, failure, one, now)
        case Severity.SOFT if one.stream == Stream.DIGEST:
            is_paused = note_soft_bounce(connection, one.subscriber_id, one.edition_on, now)
            inbound_store.note_on_delivery(connection, one.id, MAILBOX_FULL if is_paused else UNAVAILABLE)
            return InboundOutcome.PAUSED if is_paused else InboundOutcome.COUNTED
        case Severity.POLICY:
            inbound_store.note_on_delivery(connection, one.id, POLICY)
            return InboundOutcome.ALARMED
        case _:
            return InboundOutcome.NOTED


def _apply_hard_bounce(
    context: InboundContext, connection: Connection, failure: Failure, one: BouncedDelivery, now: datetime
) -> InboundOutcome:
    """Suppress the address if the bounce is confirmed by the rule of `digest.domain.refusals`."""
    is_first = refusal_store.note_refusal(connection, one.subscriber_id, one.edition_on, now)
    answers = inbound_store.add_bounced(connection, context.account, one, 1 if is_first else 0)
    subscribers, suppressed = refusal_store.count_list(connection, now)
    evidence = Evidence(
        answers, subscribers, suppressed, inbound_store.was_bounced_before(connection, one, now)
    )
    if not is_bounce_confirmed(evidence):
        return InboundOutcome.SUSPECTED
    answer = f"bounce {failure.status} {failure.diagnostic}".strip()
    refusal_store.suppress_refused(
        connection, one.subscriber_id, address_hash(one.address, context.secret), answer, now
    )
    return InboundOutcome.SUPPRESSED
