"""Nobody unconfirmed, unsubscribed, paused or suppressed gets a digest, whenever that came about."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from digest.delivery.claimed import Claimed, Kind
from digest.delivery.deliver import LEASE, Summary, compose_batch, deliver_batch, deliver_ready
from digest.delivery.outcome import Drop, Patience, standing
from digest.delivery.plan import plan_due, plan_edition
from digest.mail.envelope import Envelope
from digest.readers.preferences import pause, resume
from digest.readers.signup import confirm
from digest.readers.subscriber import STATUSES, Status
from digest.store import deliveries as ledger
from digest.store.database import Database
from tests.factories import (
    DAY,
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    Interposed,
    add_papers,
    add_reader,
    add_readers,
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
    resume(database, reader.address)
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
    confirm(database, reader.address, at(TUESDAY), "test")
    deliver_due(post, at(TUESDAY))
    assert len(transport.envelopes) == 2
    assert len(received_by(database, reader)[TUESDAY]) == 5


def test_who_confirmed_meanwhile_is_not_asked_again(database: Database) -> None:
    reader = add_reader(database, status="pending")
    confirm(database, reader.address, at(MONDAY, 1), "test")
    summary = deliver_ready(office(database), lambda: at(MONDAY, 2))
    assert dict(summary.skipped) == {"already active": 1}


def test_confirmations_go_before_digests(database: Database) -> None:
    add_papers(database, *make_papers(5))
    digest = add_reader(database, "early@example.org")
    plan_due(database, at(MONDAY))
    new = add_reader(database, "late@example.org", status="pending", now=at(MONDAY, 9))
    transport = Interposed(lambda envelope, send: send(envelope))
    assert deliver_batch(office(database, transport), Clock(at(TUESDAY, 2)), Summary())
    assert sent_to(transport.memory) == [new.address, digest.address]


def claimed(kind: Kind = "digest", *, contents: bool = False, in_flight: bool = False) -> Claimed:
    return Claimed(1, 1, kind, TUESDAY, at(TUESDAY), 1, {} if contents else None, in_flight)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("contents", [False, True])
def test_each_kind_of_mail_is_for_one_status(status: Status, *, contents: bool) -> None:
    now = at(TUESDAY, 9)
    digest = standing(claimed(contents=contents), status, TUESDAY, now, Patience())
    asked = standing(claimed("confirm", contents=contents), status, TUESDAY, now, Patience())
    assert (digest is None) == (status == "active")
    assert (asked is None) == (status == "pending")


def test_a_digest_is_superseded_until_it_is_composed() -> None:
    now = at(WEDNESDAY, 1)
    assert standing(claimed(), "active", WEDNESDAY, now, Patience()) == Drop("superseded")
    assert standing(claimed(contents=True), "active", WEDNESDAY, now, Patience()) is None


def test_a_stale_mail_that_may_have_gone_out_keeps_its_papers() -> None:
    late = at(TUESDAY) + Patience().stale_after + timedelta(seconds=1)
    assert standing(claimed(), "active", TUESDAY, late, Patience()) == Drop("stale")
    kept = standing(claimed(contents=True, in_flight=True), "active", TUESDAY, late, Patience())
    assert kept == Drop("stale", keeps_papers=True)
