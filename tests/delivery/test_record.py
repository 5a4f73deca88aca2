"""A sent mail can be rebuilt byte for byte from its delivery, whatever changed since."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from digest.delivery.composed_mail import ComposedMail, SenderIdentity
from digest.delivery.decisions import WaitPolicy
from digest.delivery.deliver import deliver_ready
from digest.delivery.preview import read_mail
from digest.domain.delivery import KINDS
from digest.domain.paper import FeedItem, Popularity
from digest.domain.subscriber import Frequency, Status
from digest.errors import NotFound
from digest.mail.file_transports import MemoryTransport
from digest.papers.ingest import ingest
from digest.store.database import Database
from digest.subscribers.preferences import Change, change, pause
from digest.subscribers.profiles import ProfileBuilder
from tests.factories import (
    DAY,
    SATURDAY,
    SECRET,
    SUNDAY,
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_paper,
    make_papers,
    one_delivery,
    papers_of,
    rebuilt,
    request_links,
    subscriber_now,
)


def send_one(database: Database, **fields: Any) -> tuple[bytes, Any]:
    """Send one rich digest; return its bytes and its row."""
    add_papers(database, *make_papers(12), upvotes=30)
    ingest(database, [FeedItem(make_paper(1), Popularity(at(TUESDAY, 6), 51, 4, 9))], at(TUESDAY, 6))
    subscriber = add_subscriber(
        database,
        "grace+papers@bücher.example",
        topics=["gaussian splatting: “quotes” & <tags>", "speech recognition"],
        follow=[make_paper(5).authors[0]],
        timezone="America/Argentina/Buenos_Aires",
        **fields,
    )
    transport = MemoryTransport()
    assert deliver_due(delivery_context(database, transport), at(TUESDAY, 12)).sent == 1
    (envelope,) = transport.envelopes
    return envelope.content, one_delivery(database, subscriber)


def test_a_stored_mail_is_rebuilt_with_the_same_bytes(database: Database) -> None:
    content, row = send_one(database)
    assert rebuilt(database, row.id) == content
    assert row.content_sha256 == sha256(content).hexdigest()


def test_later_versions_votes_and_settings_do_not_change_a_stored_mail(database: Database) -> None:
    content, row = send_one(database)
    revised = [
        make_paper(
            number, title=f"Revised {number}", abstract="All new.", authors=("Eve",), withdrawn=number == 3
        )
        for number in range(1, 13)
    ]
    items = [FeedItem(paper, Popularity(at(WEDNESDAY), 900, 70, 800)) for paper in revised]
    assert ingest(database, items, at(WEDNESDAY)).changed == 12
    new = Change(
        topics=("robots",), follow=(), timezone="Asia/Tokyo", hour=3, frequency=Frequency.WEEKLY, max_papers=2
    )
    change(database, ProfileBuilder(), row.address, new, at(WEDNESDAY), dislikes=["2603.00004"])
    pause(database, row.address, None, at(WEDNESDAY))
    assert rebuilt(database, row.id) == content
    assert (
        deliveries_of(database, subscriber_now(database, row.address))[0].content_sha256 == row.content_sha256
    )


def test_a_note_can_be_rebuilt(database: Database) -> None:
    add_papers(database, *make_papers(3))
    subscriber = add_subscriber(database)
    transport = MemoryTransport()
    post = delivery_context(database, transport, wait_policy=WaitPolicy(quiet_day="note"))
    for day in (TUESDAY, SATURDAY, SUNDAY):
        deliver_due(post, at(day))
    row = deliveries_of(database, subscriber)[-1]
    assert (row.status, papers_of(database, row.id)) == ("sent", [])
    assert rebuilt(database, row.id) == transport.envelopes[-1].content


def test_a_confirmation_can_be_rebuilt(database: Database) -> None:
    subscriber = add_subscriber(database, status=Status.PENDING)
    transport = MemoryTransport()
    deliver_due(delivery_context(database, transport), at(TUESDAY, 1) - DAY)
    row = one_delivery(database, subscriber)
    assert rebuilt(database, row.id) == transport.envelopes[0].content
    assert row.content_sha256 == sha256(transport.envelopes[0].content).hexdigest()


def test_the_mail_with_links_can_be_rebuilt_after_further_digests(database: Database) -> None:
    _, first = send_one(database)
    transport = MemoryTransport()
    post = delivery_context(database, transport)
    request_links(database, SECRET, first.address, at(TUESDAY, 13))
    assert deliver_ready(post, lambda: at(TUESDAY, 13)).sent == 1
    add_papers(database, make_paper(99, announced_on=WEDNESDAY))
    assert deliver_due(post, at(WEDNESDAY, 12)).sent == 1
    (row,) = [
        one for one in deliveries_of(database, subscriber_now(database, first.address)) if one.kind == "links"
    ]
    assert rebuilt(database, row.id) == transport.envelopes[0].content
    assert row.content_sha256 == sha256(transport.envelopes[0].content).hexdigest()


def test_the_record_has_the_topics_of_the_mail(database: Database) -> None:
    _, row = send_one(database)
    with database.read() as connection:
        mail = read_mail(connection, row.id)
    assert mail.recipient == "grace+papers@xn--bcher-kva.example"
    assert mail.message_id == row.message_id
    assert mail.considered == 12
    assert {pick.section for pick in mail.picks} == {"for_you", "everyone"}
    assert any(pick.reason.terms for pick in mail.picks)
    assert any(pick.reason.author == make_paper(5).authors[0] for pick in mail.picks)
    assert [pick.paper_row_id for pick in mail.picks] == list(
        dict.fromkeys(pick.paper_row_id for pick in mail.picks)
    )


def test_a_mail_that_was_never_composed_cannot_be_shown(database: Database) -> None:
    subscriber = add_subscriber(database)
    deliver_due(delivery_context(database), at(TUESDAY))
    row = one_delivery(database, subscriber)
    assert row.status == "skipped"
    with pytest.raises(NotFound), database.read() as connection:
        read_mail(connection, row.id)
    with pytest.raises(NotFound), database.read() as connection:
        read_mail(connection, 999_999)


def test_contents_are_restored_from_json() -> None:
    contents = ComposedMail(
        kind="digest",
        subscriber_key="0123456789abcdef",
        recipient="ada@example.org",
        edition_on=TUESDAY,
        composed_at=at(TUESDAY).replace(microsecond=123_456),
        imprint=SenderIdentity("Ada <a@example.org>", "Ada", "Road 1\nTown", "papers.example.org"),
        considered=612,
        about="a · b",
        note="n",
        frequency="every day",
        past=(TUESDAY - DAY, TUESDAY - 2 * DAY),
    )
    assert ComposedMail.from_json(contents.to_json()) == contents
    of_an_earlier_version = contents.to_json()
    del of_an_earlier_version["past"]
    assert ComposedMail.from_json(of_an_earlier_version) == replace(contents, past=())


def test_message_ids_differ_by_subscriber_edition_and_kind() -> None:
    imprint = SenderIdentity("a@example.org", "", "", "papers.example.org")
    ids = {
        ComposedMail(kind, subscriber, "x@example.org", day, at(TUESDAY), imprint).message_id
        for kind in KINDS
        for subscriber in ("0011", "0022")
        for day in (TUESDAY, WEDNESDAY)
    }
    assert len(ids) == len(KINDS) * 4
