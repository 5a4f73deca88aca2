"""Nobody unconfirmed, unsubscribed, paused or suppressed gets a digest, whenever that came about."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from digest.delivery.claimed import KINDS, RECIPIENTS, Claimed, Kind
from digest.delivery.deliver import LEASE, Summary, compose_batch, deliver_ready
from digest.delivery.outcome import Drop, Patience, standing
from digest.delivery.plan import plan_due, plan_edition
from digest.mail.envelope import Envelope
from digest.readers.preferences import pause, resume
from digest.readers.signup import confirm
from digest.readers.subscriber import STATUSES, Status
from digest.store import deliveries as ledger
from digest.store.database import Database
from digest.store.deliveries import NewDelivery
from digest.store.recording import recorder
from tests.factories import (
    DAY,
    MONDAY,
    SECRET,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    Interposed,
    add_papers,
    add_reader,
    add_readers,
    ask_for_links,
    at,
    deliver_due,
    deliveries_of,
    make_papers,
    office,
    one_delivery,
    reader_now,
    received_by,
    sent_to,
    set_status,
    whole_run,
)

SILENT: list[Status] = ["pending", "paused", "unsubscribed", "suppressed"]
Send = Callable[[Envelope], str]


@pytest.mark.parametrize("status", SILENT)
def test_who_is_not_active_is_not_planned(database: Database, status: Status) -> None:
    add_papers(database, *make_papers(5))
    reader = add_reader(database, status=status)
    assert plan_due(database, at(TUESDAY)) == 0
    assert plan_edition(database, TUESDAY, at(TUESDAY)) == 0
    assert [row.kind for row in deliveries_of(database, reader)] in ([], ["confirm"])


@pytest.mark.parametrize("status", SILENT)
def test_who_changed_since_planning_gets_nothing(database: Database, status: Status) -> None:
    add_papers(database, *make_papers(5))
    changed, other = add_readers(database, 2)
    plan_due(database, at(TUESDAY))
    set_status(database, changed, status)
    transport = Interposed(lambda envelope, send: send(envelope))
    deliver_ready(office(database, transport), lambda: at(TUESDAY))
    assert sent_to(transport.memory) == [other.address]
    row = one_delivery(database, changed)
    assert (row.status, row.reason) == ("skipped", "unconfirmed" if status == "pending" else status)


@pytest.mark.parametrize("status", SILENT)
def test_who_changed_since_claiming_gets_nothing(database: Database, status: Status) -> None:
    add_papers(database, *make_papers(5))
    changed, other = add_readers(database, 2)
    plan_due(database, at(TUESDAY))
    with database.begin() as connection:
        work = ledger.claim(connection, at(TUESDAY), LEASE, 10)
    set_status(database, changed, status)
    ready = compose_batch(office(database), work, at(TUESDAY), Summary())
    assert [one.contents.recipient for one in ready] == [other.address]


@pytest.mark.parametrize("status", SILENT)
def test_who_changes_while_the_batch_is_sent_gets_nothing(database: Database, status: Status) -> None:
    add_papers(database, *make_papers(5))
    readers = add_readers(database, 3)

    def change_the_next(envelope: Envelope, send: Send) -> str:
        if envelope.recipient == readers[0].address:
            set_status(database, readers[1], status)
        return send(envelope)

    transport = Interposed(change_the_next)
    summary = deliver_due(office(database, transport), at(TUESDAY))
    assert sent_to(transport.memory) == [readers[0].address, readers[2].address]
    assert dict(summary.skipped) == {"withdrawn": 1}
    row = one_delivery(database, readers[1])
    assert (row.status, row.reason, row.contents) == ("skipped", "withdrawn", None)
    with database.read() as connection:
        assert not ledger.received(connection, [readers[1].id], 0)


def test_who_unsubscribes_after_a_crash_is_not_written_to_again(database: Database) -> None:
    def crash(*_: object) -> str:
        raise ConnectionAbortedError

    add_papers(database, *make_papers(5))
    reader = add_reader(database)
    plan_due(database, at(TUESDAY))
    with pytest.raises(ConnectionAbortedError):
        deliver_ready(office(database, Interposed(crash)), lambda: at(TUESDAY))
    set_status(database, reader, "unsubscribed")
    assert deliver_ready(office(database), lambda: at(TUESDAY, 9)).sent == 0
    assert one_delivery(database, reader).status == "skipped"


def test_opening_a_delivery_again_does_not_reach_who_left(database: Database) -> None:
    add_papers(database, *make_papers(5))
    reader = add_reader(database)
    plan_due(database, at(TUESDAY))
    set_status(database, reader, "unsubscribed")
    deliver_ready(office(database), lambda: at(TUESDAY))
    with database.begin() as connection:
        assert ledger.retry(connection, [one_delivery(database, reader).id], at(TUESDAY, 9)) == 1
    assert deliver_ready(office(database), lambda: at(TUESDAY, 9)).sent == 0


def test_a_pause_that_is_over_ends_by_itself(database: Database) -> None:
    add_papers(database, *make_papers(5, announced_on=WEDNESDAY))
    reader = add_reader(database)
    pause(database, reader.address, THURSDAY, at(MONDAY))
    assert whole_run(office(database), at(WEDNESDAY)).deliveries.sent == 0
    assert reader_now(database, reader.address).status == "paused"
    assert whole_run(office(database), at(THURSDAY)).deliveries.sent == 1
    assert reader_now(database, reader.address).paused_until is None


def test_a_pause_without_an_end_lasts(database: Database) -> None:
    add_papers(database, *make_papers(5))
    reader = add_reader(database)
    pause(database, reader.address, None, at(MONDAY))
    assert whole_run(office(database), at(MONDAY + 60 * DAY)).planned == 0
    resume(database, SECRET, reader.address, at(WEDNESDAY))
    assert whole_run(office(database), at(MONDAY + 61 * DAY)).planned == 1


# Confirmations.


def test_somebody_new_gets_one_confirmation_and_no_digest(database: Database) -> None:
    add_papers(database, *make_papers(5))
    reader = add_reader(database, status="pending")
    transport = Interposed(lambda envelope, send: send(envelope))
    post = office(database, transport)
    for hour in (1, 7, 8, 9):
        deliver_due(post, at(MONDAY, hour))
    assert sent_to(transport.memory) == [reader.address]
    assert b"List-Unsubscribe" not in transport.envelopes[0].content
    confirm(database, SECRET, reader.address, at(TUESDAY), "test")
    deliver_due(post, at(TUESDAY))
    assert len(transport.envelopes) == 2
    assert len(received_by(database, reader)[TUESDAY]) == 5


def test_who_confirmed_meanwhile_is_not_asked_again(database: Database) -> None:
    reader = add_reader(database, status="pending")
    confirm(database, SECRET, reader.address, at(MONDAY, 1), "test")
    summary = deliver_ready(office(database), lambda: at(MONDAY, 2))
    assert dict(summary.skipped) == {"already active": 1}


def test_confirmations_go_before_digests(database: Database) -> None:
    add_papers(database, *make_papers(5))
    digest = add_reader(database, "early@example.org")
    plan_due(database, at(MONDAY))
    new = add_reader(database, "late@example.org", status="pending", now=at(MONDAY, 9))
    transport = Interposed(lambda envelope, send: send(envelope))
    deliver_ready(office(database, transport), Clock(at(TUESDAY, 2)))
    assert sent_to(transport.memory) == [new.address, digest.address]


def claimed(kind: Kind = "digest", *, contents: bool = False, in_flight: bool = False) -> Claimed:
    return Claimed(1, 1, kind, TUESDAY, at(TUESDAY), 1, {} if contents else None, in_flight)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("contents", [False, True])
def test_each_kind_of_mail_is_for_its_recipients(status: Status, *, contents: bool) -> None:
    now = at(TUESDAY, 9)
    outcomes = {
        kind: standing(claimed(kind, contents=contents), status, TUESDAY, now, Patience()) for kind in KINDS
    }
    assert (outcomes["digest"] is None) == (status == "active")
    assert (outcomes["confirm"] is None) == (status == "pending")
    assert (outcomes["links"] is None) == (status != "suppressed")


def test_the_last_question_before_sending_knows_the_same_recipients(database: Database) -> None:
    readers = [add_reader(database, f"{status}@example.org", status=status) for status in STATUSES]
    with database.begin() as connection:
        for kind in KINDS:
            new = [NewDelivery(one.id, WEDNESDAY, at(TUESDAY)) for one in readers]
            ledger.plan(connection, kind, new)
        work = ledger.claim(connection, at(TUESDAY), LEASE, 100)
    status_of = {one.id: one.status for one in readers}
    last = recorder(database)
    wanted = {
        (one.kind, status_of[one.subscriber_id])
        for one in work
        if one.edition_on == WEDNESDAY and last.may_be_sent(one)
    }
    assert wanted == {(kind, status) for kind in KINDS for status in RECIPIENTS[kind]}


def test_a_digest_is_superseded_until_it_is_composed() -> None:
    now = at(WEDNESDAY, 1)
    assert standing(claimed("links"), "active", WEDNESDAY, now, Patience()) is None
    assert standing(claimed(), "active", WEDNESDAY, now, Patience()) == Drop("superseded")
    assert standing(claimed(contents=True), "active", WEDNESDAY, now, Patience()) is None


def test_a_stale_mail_that_may_have_gone_out_keeps_its_papers() -> None:
    late = at(TUESDAY) + Patience().stale_after + timedelta(seconds=1)
    assert standing(claimed(), "active", TUESDAY, late, Patience()) == Drop("stale")
    kept = standing(claimed(contents=True, in_flight=True), "active", TUESDAY, late, Patience())
    assert kept == Drop("stale", keeps_papers=True)


# A reader's links.


@pytest.mark.parametrize("status", STATUSES)
def test_links_go_out_unless_the_reader_was_suppressed_meanwhile(database: Database, status: Status) -> None:
    reader = add_reader(database)
    assert ask_for_links(database, SECRET, reader.address, at(MONDAY, 9)) is not None
    set_status(database, reader, status)
    transport = Interposed(lambda envelope, send: send(envelope))
    deliver_ready(office(database, transport), lambda: at(MONDAY, 9))
    assert sent_to(transport.memory) == ([] if status == "suppressed" else [reader.address])
    row = one_delivery(database, reader)
    assert (row.kind, row.reason) == ("links", "suppressed" if status == "suppressed" else "")


def test_the_links_of_the_last_digests_are_in_the_mail(database: Database) -> None:
    reader = add_reader(database)
    transport = Interposed(lambda envelope, send: send(envelope))
    post = office(database, transport)
    for day in range(12):
        add_papers(database, *make_papers(1, first=100 + day, announced_on=MONDAY + day * DAY))
        assert deliver_due(post, at(MONDAY + day * DAY)).sent == 1
    asked_on = MONDAY + 12 * DAY
    ask_for_links(database, SECRET, reader.address, at(asked_on, 1))
    assert deliver_ready(post, lambda: at(asked_on, 1)).sent == 1
    content = transport.envelopes[-1].content.replace(b"=\r\n", b"")
    found = {
        day for day in range(12) if f"digest/{reader.key}.{MONDAY + day * DAY:%Y%m%d}.".encode() in content
    }
    assert found == set(range(2, 12))
    for purpose in ("preferences", "feed", "unsubscribe"):
        assert f"/{purpose}/{reader.key}.{asked_on:%Y%m%d}.".encode() in content
    assert b"List-Unsubscribe" not in content


def test_links_go_out_though_the_next_edition_is_planned(database: Database) -> None:
    """Where it is tomorrow already, tomorrow's digest is in the ledger before today's links."""
    add_papers(database, *make_papers(5))
    reader = add_reader(database, timezone="Pacific/Kiritimati", hour=7)
    assert plan_due(database, at(TUESDAY, 18)) == 1
    assert one_delivery(database, reader).edition_on == WEDNESDAY
    ask_for_links(database, SECRET, reader.address, at(TUESDAY, 18))
    transport = Interposed(lambda envelope, send: send(envelope))
    assert deliver_ready(office(database, transport), lambda: at(TUESDAY, 18)).sent == 2


def test_links_go_before_digests(database: Database) -> None:
    add_papers(database, *make_papers(5))
    add_reader(database, "early@example.org")
    waiting = add_reader(database, "late@example.org", frequency="off")
    plan_due(database, at(TUESDAY, 8))
    ask_for_links(database, SECRET, waiting.address, at(TUESDAY, 9))
    transport = Interposed(lambda envelope, send: send(envelope))
    deliver_ready(office(database, transport), Clock(at(TUESDAY, 9)))
    assert sent_to(transport.memory) == [waiting.address, "early@example.org"]
