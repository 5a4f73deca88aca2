"""Channels in the ledger: planned, selected, posted and recorded as mails are, and no paper twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from digest.chat.rendering import PostRenderer
from digest.chat.transport import ChatConnection, ChatTransport
from digest.delivery.context import LEASE, ChatDelivery, ConnectionAllowance, DeliveryContext
from digest.delivery.deliver import deliver_ready
from digest.domain.channel import ChannelAddress, Service
from digest.domain.delivery import Kind
from digest.domain.subscriber import Frequency, Schedule, Status, Subscriber, Verdict
from digest.errors import BadInput, NotFound
from digest.mail.envelope import Envelope
from digest.mail.file_transports import MemoryTransport
from digest.store import channels as channel_store
from digest.store import deliveries as ledger
from digest.store.channel_models import channels as channel_table
from digest.store.database import Database
from digest.store.deliveries import NewDelivery
from digest.subscribers import channels, teams
from digest.subscribers.feedback import record_feedback
from digest.subscribers.preferences import pause, remove, resume
from digest.subscribers.profiles import ProfileBuilder
from tests.chat.chat_server import BUSY, GONE, TAKEN, TOKEN, ChatServer
from tests.factories import (
    MONDAY,
    SECRET,
    TEMPLATES,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_papers,
    one_delivery,
    received_by,
    sent_to,
    subscriber_now,
)

ADA = "ada@example.org"


class Crash(Exception):
    """The process ends."""


class CrashAfterPost(ChatTransport):
    """A transport whose process ends after each post, before it is recorded."""

    @contextmanager
    def open(self) -> Iterator[ChatConnection]:
        with super().open() as connection:

            class Crashing(ChatConnection):
                def send(self, envelope: Envelope) -> str:
                    connection.send(envelope)
                    raise Crash

            yield Crashing((), lambda _: None)


def find_address(database: Database, name: str) -> str | None:
    with database.read() as connection:
        return channel_store.find_channel_address(connection, name)


def chat_context(
    database: Database, server: ChatServer, transport: type[ChatTransport] = ChatTransport
) -> DeliveryContext:
    chat = ChatDelivery(
        transport(server.allowed, lambda name: find_address(database, name)),
        PostRenderer(TEMPLATES.parent / "chat"),
        ConnectionAllowance(4),
    )
    return replace(delivery_context(database), chat=chat)


def founder(database: Database) -> Subscriber:
    """Return a subscriber with a topic and a team, who gets no mails in these tests."""
    ada = add_subscriber(database, ADA, topics=["gaussian splatting"], frequency=Frequency.OFF)
    with database.begin() as connection:
        teams.renew_team(connection, ada)
    return subscriber_now(database, ADA)


def add(database: Database, server: ChatServer, service: Service, number: int = 1) -> Subscriber:
    """Add a channel to Ada's team, for posts at 7:00 UTC."""
    added = channels.add_channel(
        database,
        ProfileBuilder(),
        SECRET,
        subscriber_now(database, ADA),
        ChannelAddress.parse(server.address(service, number)),
        Schedule(),
        at(MONDAY),
        lambda _: None,
    )
    return subscriber_now(database, added.address)


@pytest.fixture
def channel(database: Database, server: ChatServer) -> Subscriber:
    """Return a channel of Ada's team; there are papers."""
    add_papers(database, *make_papers(30))
    founder(database)
    return add(database, server, Service.SLACK)


def test_a_channel_has_what_its_team_shares_and_is_due_at_its_hour(
    database: Database, channel: Subscriber
) -> None:
    assert channel.interests == subscriber_now(database, ADA).interests
    assert (channel.status, channel.service) == (Status.ACTIVE, Service.SLACK)
    assert channel.next_due_at == at(TUESDAY, 7)


def test_what_a_member_rates_counts_for_the_channel(database: Database, channel: Subscriber) -> None:
    key = subscriber_now(database, ADA).key
    record_feedback(database, ProfileBuilder(), key, "2603.00004", Verdict.MORE, at(MONDAY))
    with database.read() as connection:
        assert len(teams.members(connection, str(channel.team))) == 1
        teammates = teams.teammates(connection, subscriber_now(database, ADA))
    assert teammates == [channel.id]


def test_every_service_gets_the_digest_of_the_team(database: Database, server: ChatServer) -> None:
    add_papers(database, *make_papers(12))
    founder(database)
    added = [add(database, server, service) for service in Service]
    context = chat_context(database, server)
    summary = deliver_due(context, at(TUESDAY))
    assert (summary.sent, summary.stopped) == (len(Service), "")
    for service, channel in zip(Service, added, strict=True):
        (text,) = server.texts(service)
        assert "Trending papers, 3 March 2026" in text
        row = one_delivery(database, channel)
        assert (row.kind, row.status) == (Kind.POST, "sent")
        assert row.smtp_answer == f"posted to {service.label}"
        for paper_id in received_by(database, channel)[TUESDAY]:
            assert f"arxiv.org/abs/{paper_id}" in text
    assert isinstance(context.transport, MemoryTransport)
    assert sent_to(context.transport) == []


def test_no_paper_is_posted_twice(database: Database, server: ChatServer, channel: Subscriber) -> None:
    context = chat_context(database, server)
    for number, day in enumerate((TUESDAY, WEDNESDAY, THURSDAY), 1):
        # The second version of a paper that was posted is the same paper.
        add_papers(
            database,
            *make_papers(12, first=100 * number, announced_on=day),
            *make_papers(3, announced_on=day),
        )
        deliver_due(context, at(day))
        deliver_due(context, at(day, 9))
    editions = received_by(database, channel)
    posted = [paper_id for papers in editions.values() for paper_id in papers]
    assert len(posted) == len(set(posted)) > len(editions[TUESDAY])
    texts = "\n".join(server.texts(Service.SLACK))
    assert all(texts.count(f"/{paper_id}|") == 1 for paper_id in posted)


def test_a_crash_after_a_post_repeats_that_post_alone(
    database: Database, server: ChatServer, channel: Subscriber
) -> None:
    with pytest.raises(Crash):
        deliver_due(chat_context(database, server, CrashAfterPost), at(TUESDAY))
    context, later = chat_context(database, server), at(TUESDAY) + LEASE + timedelta(minutes=1)
    deliver_ready(context, lambda: later)
    first, again = server.texts(Service.SLACK)
    assert first == again
    assert one_delivery(database, channel).status == "sent"
    deliver_due(context, at(WEDNESDAY))
    posted = [paper_id for papers in received_by(database, channel).values() for paper_id in papers]
    assert len(posted) == len(set(posted))


@pytest.mark.parametrize("service", Service)
def test_a_busy_service_gets_the_same_post_later(
    database: Database, server: ChatServer, service: Service
) -> None:
    add_papers(database, *make_papers(12))
    founder(database)
    channel = add(database, server, service)
    server.answers[service] = BUSY[service]
    context, clock = chat_context(database, server), Clock(at(TUESDAY))
    deliver_due(context, clock.now)
    row = one_delivery(database, channel)
    assert (row.status, row.attempts, row.reason) == ("planned", 1, "the server asked to try later")
    server.answers[service] = TAKEN[service]
    clock.advance(minutes=10)
    assert deliver_ready(context, clock).sent == 1
    assert subscriber_now(database, channel.address).status == "active"


@pytest.mark.parametrize("service", Service)
def test_a_channel_that_is_gone_is_stopped_and_its_team_sees_why(
    database: Database, server: ChatServer, service: Service
) -> None:
    add_papers(database, *make_papers(12))
    ada = founder(database)
    channel = add(database, server, service)
    server.answers[service] = GONE[service]
    context = chat_context(database, server)
    summary = deliver_due(context, at(TUESDAY))
    assert summary.failed == {"the channel is gone": 1}
    row = one_delivery(database, channel)
    reason = f"{service.label} refuses this channel (error {GONE[service][0]})."
    assert (row.status, row.smtp_answer) == ("failed", reason)
    with database.read() as connection:
        (shown,) = channels.find_channels(connection, ada)
    assert (shown.is_active, shown.refusal) == (False, reason)
    # Nothing more is planned, until somebody starts it again; the papers come then.
    deliver_due(context, at(WEDNESDAY))
    server.answers[service] = TAKEN[service]
    channels.restart_channel(database, ada, channel.address, lambda _: None)
    deliver_due(context, at(THURSDAY))
    assert list(received_by(database, channel)) == [THURSDAY]


def test_a_channel_of_a_service_that_is_no_longer_allowed_is_stopped(
    database: Database, server: ChatServer, channel: Subscriber
) -> None:
    context = chat_context(database, replace(server, port=1))
    deliver_due(context, at(TUESDAY))
    assert server.posts == []
    assert "does not post to Slack" in str(one_delivery(database, channel).smtp_answer)


def test_a_mail_server_in_trouble_does_not_stop_posts(
    database: Database, server: ChatServer, channel: Subscriber
) -> None:
    bo = add_subscriber(database, "bo@example.org", topics=["speech"])
    server.answers[Service.SLACK] = GONE[Service.SLACK]
    context = chat_context(database, server)
    summary = deliver_due(context, at(TUESDAY))
    assert (summary.sent, summary.failed.total(), summary.stopped) == (1, 1, "")
    assert one_delivery(database, bo).status == "sent"
    assert one_delivery(database, channel).status == "failed"


def test_a_channel_gets_no_mail_of_any_kind(
    database: Database, server: ChatServer, channel: Subscriber
) -> None:
    with database.begin() as connection:
        for kind in (Kind.CONFIRM, Kind.LINKS, Kind.WELCOME, Kind.CATCH_UP, Kind.DIGEST, Kind.WEEKLY):
            ledger.plan(connection, kind, [NewDelivery(channel.id, TUESDAY, at(TUESDAY))])
        ledger.plan(
            connection, Kind.POST, [NewDelivery(subscriber_now(database, ADA).id, TUESDAY, at(TUESDAY))]
        )
    context = chat_context(database, server)
    deliver_ready(context, lambda: at(TUESDAY))
    assert isinstance(context.transport, MemoryTransport)
    assert sent_to(context.transport) == []
    assert server.posts == []
    reasons = {row.reason for row in deliveries_of(database, channel)}
    assert reasons == {"no mail to a channel"}


def test_a_pause_of_the_operator_ends_without_a_catch_up(
    database: Database, server: ChatServer, channel: Subscriber
) -> None:
    context = chat_context(database, server)
    deliver_due(context, at(TUESDAY))
    pause(database, channel.address, None, at(TUESDAY, 9))
    resume(database, SECRET, channel.address, at(THURSDAY, 6))
    assert {row.kind for row in deliveries_of(database, channel)} == {Kind.POST}
    add_papers(database, *make_papers(12, first=100, announced_on=WEDNESDAY))
    assert deliver_due(context, at(THURSDAY)).sent == 1


def test_without_new_papers_nothing_is_posted(database: Database, server: ChatServer) -> None:
    founder(database)
    channel = add(database, server, Service.DISCORD)
    context = chat_context(database, server)
    noted = replace(context, wait_policy=replace(context.wait_policy, quiet_day="note"))
    deliver_due(noted, at(TUESDAY))
    assert one_delivery(database, channel).status == "skipped"
    assert server.posts == []


def test_a_process_without_chat_leaves_posts_alone(database: Database, channel: Subscriber) -> None:
    deliver_due(delivery_context(database), at(TUESDAY))
    assert one_delivery(database, channel).status == "planned"


# Adding and removing.


def test_a_channel_is_added_once_in_all_teams(
    database: Database, server: ChatServer, channel: Subscriber
) -> None:
    assert channel.service == Service.SLACK
    with pytest.raises(BadInput, match="gets a digest already"):
        add(database, server, Service.SLACK)
    for number in range(2, 2 + channels.MOST_CHANNELS - 1):
        add(database, server, Service.SLACK, number)
    with pytest.raises(BadInput, match="which is the most"):
        add(database, server, Service.SLACK, 99)


def test_a_channel_that_does_not_take_the_first_post_is_not_stored(
    database: Database, server: ChatServer
) -> None:
    def refuse(_: ChannelAddress) -> None:
        raise BadInput("Slack refuses this channel.")

    ada = founder(database)
    address = ChannelAddress.parse(server.address(Service.SLACK))
    with pytest.raises(BadInput, match="refuses"):
        channels.add_channel(database, ProfileBuilder(), SECRET, ada, address, Schedule(), at(MONDAY), refuse)
    with database.read() as connection:
        assert channels.find_channels(connection, ada) == []


def test_a_channel_of_another_team_cannot_be_touched(database: Database, channel: Subscriber) -> None:
    eve = add_subscriber(database, "eve@example.org")
    with database.begin() as connection:
        teams.renew_team(connection, eve)
    eve = subscriber_now(database, "eve@example.org")
    with pytest.raises(NotFound):
        channels.restart_channel(database, eve, channel.address, lambda _: None)
    with database.read() as connection, pytest.raises(NotFound):
        channels.own_channel(connection, eve, channel.address)


@pytest.mark.parametrize("way", ["leave", "erase", "join another"])
def test_the_channels_of_a_team_end_with_its_last_person(
    database: Database, channel: Subscriber, way: str
) -> None:
    ada = subscriber_now(database, ADA)
    bo = add_subscriber(database, "bo@example.org")
    with database.begin() as connection:
        teams.renew_team(connection, bo)
    other = str(subscriber_now(database, "bo@example.org").team)
    if way == "erase":
        remove(database, SECRET, ADA, at(MONDAY))
    else:
        with database.begin() as connection:
            if way == "leave":
                teams.leave_team(connection, ada)
            else:
                teams.join_team(connection, ProfileBuilder(), ada, other, at(MONDAY))
    with pytest.raises(NotFound):
        subscriber_now(database, channel.address)
    with database.read() as connection:
        assert connection.execute(select(channel_table)).all() == []


def test_an_address_is_in_no_representation(database: Database, channel: Subscriber) -> None:
    with database.read() as connection:
        stored = channel_store.find_channels(connection, [channel.id])[channel.id]
        shown = channels.find_channels(connection, subscriber_now(database, ADA))
    assert TOKEN in stored.address
    assert TOKEN not in repr((stored, shown, channel))
