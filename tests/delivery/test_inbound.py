"""Inbound mail changes the right subscriber, once, and on evidence only."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from digest.delivery.deliver import deliver_ready
from digest.delivery.inbound import (
    BOUNCED,
    InboundContext,
    Processed,
    operator_mailbox,
    process_mail,
)
from digest.delivery.plan import plan_due
from digest.delivery.soft_bounces import MAILBOX_FULL
from digest.domain.delivery import Stream
from digest.domain.inbound import InboundKind, InboundOutcome, MatchedBy
from digest.domain.refusals import ACCEPTED, Answers, Evidence, is_bounce_confirmed
from digest.domain.subscriber import Status, Subscriber
from digest.errors import BadInput, MailboxFull, TryLater
from digest.mail.envelope import Envelope
from digest.mail.file_transports import MemoryTransport
from digest.store import inbound as inbound_store
from digest.store import refusals as refusal_store
from digest.store.database import Database
from digest.subscribers import suppressions as suppression_use_case
from digest.subscribers.preferences import remove, resume
from tests.factories import (
    DAY,
    IMPRINT,
    MONDAY,
    SECRET,
    TUESDAY,
    Clock,
    Interposed,
    add_papers,
    add_subscriber,
    at,
    count_suppressions,
    deliver_due,
    deliveries_of,
    delivery_context,
    links,
    make_papers,
    subscriber_now,
    together,
)
from tests.mail.inbound_shapes import HEAD, SHAPES, arf, dsn, failed, plain
from tests.mail.test_inbound import mutated

ANA = "ana@example.net"
OPERATOR = "ada@example.org"
SENDER = replace(IMPRINT, return_path="bounces@papers.example.org")
NOON = at(TUESDAY, 12)


@dataclass
class SentDigests:
    """Ana and twenty others who got Tuesday's digest."""

    database: Database
    context: InboundContext
    sent: list[Envelope]
    forwarded: MemoryTransport
    ana: Subscriber

    def process(self, content: bytes, now: Any = NOON, recipient: str = "") -> Processed:
        return process_mail(self.context, content, now, recipient)

    @property
    def status(self) -> str:
        return str(subscriber_now(self.database, ANA).status)

    @property
    def envelope(self) -> Envelope:
        """Ana's last mail."""
        return [envelope for envelope in self.sent if envelope.recipient == ANA][-1]

    def original(self, *, has_return_path: bool = False) -> str:
        """The header of Ana's last mail, as reports return it."""
        head = self.envelope.content.partition(b"\r\n\r\n")[0].decode()
        return (f"Return-Path: <{self.envelope.sender}>\r\n" if has_return_path else "") + head

    def bounce(self, status: str, words: str = "", *, to: str | None = None, original: str = "") -> bytes:
        """Return a report to the return path of Ana's last mail."""
        head = HEAD.replace("bounces+2s-aaaaaaaaaaaa@papers.example.org", to or self.envelope.sender)
        return dsn(failed(status, words), head=head, original=original)


def context_of(database: Database, forwarded: MemoryTransport) -> InboundContext:
    return InboundContext(
        database=database,
        links=links(),
        secret=SECRET,
        account="mail",
        imprint=SENDER,
        transport=forwarded,
        operator=OPERATOR,
    )


@pytest.fixture
def scene(database: Database) -> SentDigests:
    add_papers(database, *make_papers(3))
    ana = add_subscriber(database, ANA)
    for number in range(20):
        add_subscriber(database, f"s{number}@example.net")
    transport = MemoryTransport()
    deliver_due(replace(delivery_context(database, transport), imprint=SENDER), at(TUESDAY))
    assert len(transport.envelopes) == 21
    forwarded = MemoryTransport()
    return SentDigests(database, context_of(database, forwarded), transport.envelopes, forwarded, ana)


# Hard bounces.


def test_an_unknown_user_is_suppressed_once(scene: SentDigests) -> None:
    content = scene.bounce("5.1.1", "550 5.1.1 user unknown")
    done = scene.process(content)
    assert (done.kind, done.outcome, done.address) == (InboundKind.BOUNCE, InboundOutcome.SUPPRESSED, ANA)
    assert scene.status == Status.SUPPRESSED
    assert scene.process(content).outcome == InboundOutcome.REPEATED
    (row,) = deliveries_of(scene.database, scene.ana)
    assert (row.status, row.reason) == ("sent", BOUNCED)
    with scene.database.read() as connection:
        (report,) = inbound_store.find_reports(connection)
        shown = suppression_use_case.described(connection, SECRET, ANA)
    assert (report.matched_by, report.status_code, report.address) == (MatchedBy.RETURN_PATH, "5.1.1", ANA)
    assert "5.1.1 user unknown" in shown["reason"]


def test_two_processes_apply_a_mail_once(scene: SentDigests) -> None:
    content = scene.bounce("5.1.1")
    outcomes = [one.outcome for one in together(*[lambda: scene.process(content)] * 2)]
    assert sorted(outcomes) == sorted([InboundOutcome.SUPPRESSED, InboundOutcome.REPEATED])


@pytest.mark.parametrize("recognised", ["return path in the report", "Message-ID", "envelope"])
def test_a_bounce_is_recognised_by_what_only_we_could_write(scene: SentDigests, recognised: str) -> None:
    to, original, recipient = "digest@papers.example.org", "", ""
    if recognised == "return path in the report":
        original = scene.original(has_return_path=True)
    elif recognised == "Message-ID":
        original = f"Message-ID: {deliveries_of(scene.database, scene.ana)[0].message_id}"
    else:
        recipient = scene.envelope.sender
    content = scene.bounce("5.1.1", to=to, original=original).replace(ANA.encode(), b"x@forwarded.example")
    assert scene.process(content, recipient=recipient).outcome == InboundOutcome.SUPPRESSED
    assert scene.status == Status.SUPPRESSED


def forged_key(scene: SentDigests) -> str:
    local, _, domain = scene.envelope.sender.partition("@")
    return f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}"


def another_delivery(scene: SentDigests) -> str:
    other = next(envelope for envelope in scene.sent if envelope.recipient != ANA)
    number, _, _ = other.sender.partition("+")[2].partition("-")
    return f"bounces+{number}-{scene.envelope.sender.partition('-')[2]}"


@pytest.mark.parametrize("to", [forged_key, another_delivery, lambda _: "digest@papers.example.org"])
def test_a_forged_bounce_suppresses_nobody(scene: SentDigests, to: Callable[[SentDigests], str]) -> None:
    """It names an address, which anybody can write."""
    done = scene.process(scene.bounce("5.1.1", "550 5.1.1 user unknown", to=to(scene)))
    assert done.outcome == InboundOutcome.SUSPECTED
    assert scene.status == Status.ACTIVE
    assert count_suppressions(scene.database) == 0


def test_a_relay_that_returns_most_mails_suppresses_almost_nobody(scene: SentDigests) -> None:
    """One of twenty-one is more than 1 % of the list, so it needs half of the list to have got the mail."""
    for envelope in scene.sent:
        head = HEAD.replace("bounces+2s-aaaaaaaaaaaa@papers.example.org", envelope.sender)
        scene.process(dsn(failed("5.1.1", recipient=envelope.recipient), head=head, original=""))
    # While more mails have arrived than come back, a bounce is believed.
    assert count_suppressions(scene.database) <= 10


def test_an_edition_of_bounces_on_a_long_list_is_bound_by_the_daily_share() -> None:
    suppressed = 0
    for bounced in range(1, 1001):
        evidence = Evidence(Answers(1000 - bounced, bounced), 2001, suppressed, refused_before=False)
        suppressed += is_bounce_confirmed(evidence)
    assert suppressed == 20


def test_a_mail_of_an_erased_subscriber_is_nobodys(scene: SentDigests) -> None:
    content, original = scene.bounce("5.1.1"), scene.original()
    remove(scene.database, SECRET, ANA, NOON)
    assert scene.process(content).outcome == InboundOutcome.UNMATCHED
    assert scene.process(arf("abuse", original=original)).outcome == InboundOutcome.FORWARDED


# Soft bounces and policy.


def test_a_mailbox_that_is_full_for_five_editions_is_paused(database: Database) -> None:
    ana = add_subscriber(database, ANA)
    transport = MemoryTransport()
    sending = replace(delivery_context(database, transport), imprint=SENDER)
    scene = SentDigests(
        database, context_of(database, MemoryTransport()), transport.envelopes, MemoryTransport(), ana
    )
    outcomes = []
    for number in range(5):
        day = MONDAY + (number + 1) * DAY if number < 4 else MONDAY + 7 * DAY
        add_papers(database, *make_papers(3, first=10 * number + 1, announced_on=day))
        deliver_due(sending, at(day))
        content = scene.bounce("5.2.2", f"552 5.2.2 full {day}")
        outcomes.append(scene.process(content, at(day, 12)).outcome)
        assert scene.process(content.replace(b"sorry", b"so sorry"), at(day, 13)).outcome in {
            InboundOutcome.COUNTED,
            InboundOutcome.NOTED,
        }
    assert outcomes == [InboundOutcome.COUNTED] * 4 + [InboundOutcome.PAUSED]
    assert scene.status == Status.PAUSED
    resume(database, SECRET, ANA, at(MONDAY + 8 * DAY))
    assert (
        scene.process(scene.bounce("5.2.2", "again"), at(MONDAY + 8 * DAY)).outcome == InboundOutcome.COUNTED
    )
    assert scene.status == Status.ACTIVE


def test_a_full_mailbox_that_the_server_names_at_once_is_counted_by_edition(database: Database) -> None:
    ana = add_subscriber(database, ANA)
    answer = "The mailbox is full: 552 5.2.2 over quota."

    def refuse(_: Envelope, __: Callable[[Envelope], str]) -> str:
        raise MailboxFull(answer)

    context = delivery_context(database, Interposed(refuse))
    clock = Clock(at(TUESDAY))
    for number in range(5):
        day = MONDAY + (number + 1) * DAY if number < 4 else MONDAY + 7 * DAY
        add_papers(database, *make_papers(3, first=10 * number + 1, announced_on=day))
        clock.now = at(day)
        plan_due(database, clock.now)
        for _ in range(3):
            assert subscriber_now(database, ANA).status == Status.ACTIVE or number == 4
            deliver_ready(context, clock)
            clock.advance(hours=5)
    assert subscriber_now(database, ANA).status == Status.PAUSED
    last = deliveries_of(database, ana)[-1]
    assert (last.status, last.reason, last.smtp_answer) == ("failed", MAILBOX_FULL, answer)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("4.4.7", InboundOutcome.COUNTED),
        ("5.7.26", InboundOutcome.ALARMED),
        ("5.1.8", InboundOutcome.ALARMED),
    ],
)
def test_what_is_not_the_subscribers_doing_suppresses_nobody(
    scene: SentDigests, status: str, outcome: InboundOutcome
) -> None:
    assert scene.process(scene.bounce(status)).outcome == outcome
    assert scene.status == Status.ACTIVE


# Complaints, requests, replies.


def test_a_complaint_stops_all_mail_and_a_lift_makes_nobody_active(scene: SentDigests) -> None:
    done = scene.process(arf("abuse", original=scene.original()))
    assert done.outcome == InboundOutcome.SUPPRESSED
    assert scene.status == Status.SUPPRESSED
    _, lifted = suppression_use_case.lift(scene.database, SECRET, ANA, "a mistake", NOON + timedelta(hours=1))
    assert lifted is not None
    assert lifted.status == Status.UNSUBSCRIBED


def test_a_complaint_that_names_only_an_address_is_for_the_operator(scene: SentDigests) -> None:
    content = arf("abuse", f"Original-Rcpt-To: {ANA}\r\n", original="Subject: Papers\r\n")
    assert scene.process(content).outcome == InboundOutcome.FORWARDED
    assert scene.status == Status.ACTIVE
    assert [envelope.recipient for envelope in scene.forwarded.envelopes] == [OPERATOR]


def test_not_spam_changes_nothing(scene: SentDigests) -> None:
    assert scene.process(arf("not-spam", original=scene.original())).outcome == InboundOutcome.NOTED
    assert scene.status == Status.ACTIVE


def test_the_mail_that_list_unsubscribe_asks_for_unsubscribes(scene: SentDigests) -> None:
    token = links().link("unsubscribe", scene.ana.key, TUESDAY).rpartition("/")[2]
    assert scene.process(plain(f"unsubscribe {token}", "")).outcome == InboundOutcome.UNSUBSCRIBED
    assert scene.status == Status.UNSUBSCRIBED


def test_a_forged_request_to_unsubscribe_is_for_the_operator(scene: SentDigests) -> None:
    token = links().link("preferences", scene.ana.key, TUESDAY).rpartition("/")[2]
    assert scene.process(plain(f"unsubscribe {token}", "")).outcome == InboundOutcome.FORWARDED
    assert scene.status == Status.ACTIVE


def test_a_reply_is_forwarded_and_a_vacation_notice_is_not(scene: SentDigests) -> None:
    away = plain("Re: Papers", "Away.", "Auto-Submitted: auto-replied")
    assert scene.process(away).outcome == InboundOutcome.NOTED
    assert scene.forwarded.envelopes == []
    assert scene.process(plain("Re: Papers", "Thanks!")).outcome == InboundOutcome.FORWARDED
    (envelope,) = scene.forwarded.envelopes
    assert (envelope.recipient, envelope.sender) == (OPERATOR, "digest@papers.example.org")
    assert b"Thanks!" in envelope.content


def test_a_reply_that_cannot_be_forwarded_is_tried_again(scene: SentDigests) -> None:
    fails = [True]

    def interfere(envelope: Envelope, send: Callable[[Envelope], str]) -> str:
        if fails.pop():
            raise TryLater("The mail server asks to wait: 451.")
        return send(envelope)

    transport = Interposed(interfere)
    scene.context = replace(scene.context, transport=transport)
    content = plain("Re: Papers", "Thanks!")
    with pytest.raises(TryLater):
        scene.process(content)
    fails.append(False)
    assert scene.process(content).outcome == InboundOutcome.FORWARDED
    assert len(transport.envelopes) == 1


@pytest.mark.parametrize(
    "operator", ["", "The library", "digest@papers.example.org", "bounces@papers.example.org"]
)
def test_replies_need_another_mailbox_to_go_to(operator: str) -> None:
    with pytest.raises(BadInput, match="DIGEST_OPERATOR"):
        operator_mailbox(operator, SENDER)
    assert operator_mailbox("Ada <ada@example.org>", SENDER) == OPERATOR


def test_mangled_mails_suppress_and_unsubscribe_nobody(sqlite_url: str) -> None:
    """However a mail is mangled: if it is about no subscriber, or not proven, it changes nothing."""
    database = Database(sqlite_url)
    add_papers(database, *make_papers(3))
    ana = add_subscriber(database, ANA)
    deliver_due(replace(delivery_context(database, MemoryTransport()), imprint=SENDER), at(TUESDAY))
    context = context_of(database, MemoryTransport())
    rng = Random(2)
    for number in range(400):
        process_mail(context, mutated(SHAPES[number % len(SHAPES)].content, rng), NOON)
    assert subscriber_now(database, ANA).status == Status.ACTIVE
    assert count_suppressions(database) == 0
    assert ana.address == ANA
    database.close()


def test_bounced_mails_do_not_count_as_taken(database: Database) -> None:
    add_papers(database, *make_papers(3))
    add_subscriber(database, ANA)
    deliver_due(replace(delivery_context(database, MemoryTransport()), imprint=SENDER), at(TUESDAY))
    with database.begin() as connection:
        refusal_store.add_answers(connection, "mail", Stream.DIGEST, TUESDAY, ACCEPTED * 9, NOON)
        found = inbound_store.find_newest(connection, ANA)
        assert found is not None
        assert found.edition_on == date(2026, 3, 3)
        assert inbound_store.add_bounced(connection, "mail", found, 3) == Answers(7, 3)
