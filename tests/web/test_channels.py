"""Chat channels on the preferences page: added with a first post, shown without their secret, removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.domain.channel import Service
from digest.domain.subscriber import Subscriber
from digest.jobs import recurring
from digest.web.app import create_app
from digest.wiring import Container
from tests.chat.chat_server import GONE, TAKEN, TOKEN, ChatServer
from tests.chat.conftest import server
from tests.factories import Clock, add_papers, add_subscriber, links, make_papers, subscriber_now
from tests.web.client import Client
from tests.web.conftest import dump, make_container
from tests.web.html_validity import faults_of
from tests.web.preferences_page import page_of, send

__all__ = ["server"]
BO = "bo@example.org"


@pytest.fixture
def container(server: ChatServer, sqlite_url: str, clock: Clock, tmp_path: Path) -> Iterator[Container]:
    """Return an installation that allows all services."""
    plain = make_container(sqlite_url, clock, tmp_path / "outbox")
    made = Container(plain.settings.model_copy(update={"chat": server.settings}), clock)
    yield made
    made.close()


@pytest.fixture
def member(client: Client, container: Container) -> Subscriber:
    """Return a subscriber with a team."""
    add_papers(container.database, *make_papers(12))
    ada = add_subscriber(container.database, topics=["gaussian splatting"], timezone="Europe/Berlin")
    send(client, ada, "invite")
    return subscriber_now(container.database, ada.address)


def add(client: Client, member: Subscriber, address: str, **fields: str) -> str:
    usual = {"channel_hour": "16", "channel_frequency": "weekdays"}
    return send(client, member, "add_channel", channel=address, **{**usual, **fields})


def names(container: Container) -> list[str]:
    return [str(row[2]) for row in dump(container)["subscribers"] if row[-1] is not None]


@pytest.mark.parametrize("service", Service)
def test_a_channel_is_added_with_a_first_post_and_gets_the_digest_at_its_hour(
    client: Client,
    container: Container,
    member: Subscriber,
    server: ChatServer,
    clock: Clock,
    service: Service,
) -> None:
    page = add(client, member, f" {server.address(service)} ")
    assert "The channel got a first message." in page
    assert f"<b>{service.label}</b>" in page
    assert "On weekdays at 16:00 (Europe/Berlin)." in page
    assert TOKEN not in page
    assert "on weekdays at 16:00" in server.texts(service)[0]
    recurring.plan(container)
    recurring.post(container)
    assert len(server.posts) == 1
    clock.advance(hours=4)
    recurring.plan(container)
    recurring.post(container)
    assert "Trending papers, 4 March 2026" in server.texts(service)[1]
    # It is not counted as a person.
    assert "You are the only member so far" in client.get(page_of(member)).text


def test_a_member_who_joins_later_sees_and_removes_the_channel(
    client: Client, container: Container, member: Subscriber, server: ChatServer
) -> None:
    add(client, member, server.address(Service.DISCORD))
    bo = add_subscriber(container.database, BO)
    invitation = links().link("team", str(member.team), member.created_at.date())
    page = send(client, bo, "join", invitation=invitation)
    assert "1 other" in page
    assert f"{server.base}/api/webhooks/123451/…" in page
    (name,) = names(container)
    page = send(client, bo, "remove_channel", channel=name)
    assert "Nothing is posted to that channel any more." in page
    assert names(container) == []
    assert dump(container)["channels"] == []


def test_a_channel_that_is_refused_is_not_stored_and_the_reason_is_shown(
    client: Client, container: Container, member: Subscriber, server: ChatServer
) -> None:
    server.answers[Service.SLACK] = GONE[Service.SLACK]
    fields = {"do": "add_channel", "channel_hour": "8", "channel_frequency": "daily"}
    for address, reason in (
        (server.address(Service.SLACK), "Slack refuses this channel (error 404). Check its address"),
        (
            f"http://127.0.0.1:1/hooks/{TOKEN}",
            "This installation does not post to Mattermost at this address.",
        ),
        ("file:///etc/passwd", "This is not the address of a channel"),
        ("", "This is not the address of a channel"),
    ):
        answer = client.post(page_of(member), data={**fields, "channel": address})
        assert answer.status_code == 422
        assert reason in answer.text
        assert TOKEN not in answer.text
    assert names(container) == []


@pytest.mark.parametrize(("field", "value"), [("channel_hour", "99"), ("channel_frequency", "hourly")])
def test_a_wrong_schedule_is_explained(
    client: Client, member: Subscriber, server: ChatServer, field: str, value: str
) -> None:
    fields = {"do": "add_channel", "channel": server.address(Service.SLACK)}
    schedule = {"channel_hour": "8", "channel_frequency": "daily", field: value}
    answer = client.post(page_of(member), data={**fields, **schedule})
    assert answer.status_code == 422
    assert server.posts == []


def test_a_stopped_channel_says_why_and_is_started_again(
    client: Client, container: Container, member: Subscriber, server: ChatServer, clock: Clock
) -> None:
    add(client, member, server.address(Service.SLACK))
    server.answers[Service.SLACK] = GONE[Service.SLACK]
    clock.advance(hours=4)
    recurring.plan(container)
    recurring.post(container)
    page = client.get(page_of(member)).text
    assert "Stopped: Slack refuses this channel (error 404)." in page
    (name,) = names(container)
    again = {"do": "restart_channel", "channel": name}
    assert client.post(page_of(member), data=again).status_code == 422
    server.answers[Service.SLACK] = TAKEN[Service.SLACK]
    page = send(client, member, "restart_channel", channel=name)
    assert "gets digests again" in page
    assert "Stopped" not in page


def test_the_channels_of_others_are_out_of_reach(
    client: Client, container: Container, member: Subscriber, server: ChatServer
) -> None:
    add(client, member, server.address(Service.SLACK))
    (name,) = names(container)
    eve = add_subscriber(container.database, "eve@example.org")
    before = dump(container)
    for action in ("remove_channel", "restart_channel"):
        answer = client.post(page_of(eve), data={"do": action, "channel": name})
        assert answer.status_code == 422
        assert "This channel was removed" in answer.text
    answer = client.post(
        page_of(eve),
        data={"do": "add_channel", "channel": server.address(Service.DISCORD), "channel_hour": "8"},
    )
    assert answer.status_code == 422
    assert dump(container) == before


def test_first_posts_are_limited(client: Client, member: Subscriber, server: ChatServer) -> None:
    server.answers[Service.SLACK] = GONE[Service.SLACK]
    fields = {"do": "add_channel", "channel_hour": "8", "channel_frequency": "daily"}
    for number in range(11):
        answer = client.post(
            page_of(member), data={**fields, "channel": server.address(Service.SLACK, number)}
        )
        assert answer.status_code == 422
    assert "Too many messages to channels" in answer.text
    assert len(server.paths) == 10


def test_without_services_the_page_says_nothing_about_channels(
    client: Client, member: Subscriber, sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    assert "Chat channels" in client.get(page_of(member)).text
    plain = make_container(sqlite_url, clock, tmp_path / "outbox")
    assert "Chat channels" not in Client(create_app(plain)).get(page_of(member)).text
    plain.close()


def test_the_page_with_channels_validates(
    client: Client, container: Container, member: Subscriber, server: ChatServer, clock: Clock, tmp_path: Path
) -> None:
    added = add(client, member, server.address(Service.SLACK))
    add(client, member, server.address(Service.MATRIX), channel_hour="23")
    server.answers[Service.SLACK] = GONE[Service.SLACK]
    clock.advance(hours=4)
    recurring.plan(container)
    recurring.post(container)
    pages = {"added": added, "stopped": client.get(page_of(member)).text}
    assert "Stopped" in pages["stopped"]
    assert faults_of(pages, tmp_path) == {}
