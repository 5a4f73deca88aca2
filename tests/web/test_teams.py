"""A team on the pages: inviting, joining with an address or as a subscriber, and leaving."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from digest.domain.subscriber import Status, Subscriber
from digest.subscribers.signup import confirm
from digest.wiring import Container
from tests.factories import BASE_URL, SECRET, add_subscriber, subscriber_now
from tests.web.client import Client
from tests.web.conftest import dump
from tests.web.preferences_page import page_of, send

BO = "bo@example.org"


@pytest.fixture
def invite(client: Client, subscriber: Subscriber) -> Callable[[], str]:
    """Return a function that makes an invitation and returns its path."""

    def make() -> str:
        page = send(client, subscriber, "invite")
        link = re.search(r'readonly value="([^"]+)"', page)
        assert link
        return link[1].removeprefix(BASE_URL)

    return make


def test_a_colleague_joins_by_the_link_and_shares_the_topics(
    client: Client, container: Container, subscriber: Subscriber, invite: Callable[[], str]
) -> None:
    send(client, subscriber, topics="gaussian splatting\nrobot grasping")
    link = invite()
    before = dump(container)
    page = client.get(link)
    assert page.headers["cache-control"] == "no-store"
    assert "gaussian splatting" in page.text
    assert subscriber.address not in page.text
    assert dump(container) == before
    client.request_mail(BO, link, frequency="weekdays", hour="9", timezone="Europe/Berlin")
    bo = subscriber_now(container.database, BO)
    assert (bo.status, bo.schedule.hour) == (Status.PENDING, 9)
    confirm(container.database, SECRET, BO, container.clock(), "test")
    assert bo.interests == subscriber_now(container.database, subscriber.address).interests
    assert "1 other" in client.get(page_of(subscriber)).text


def test_an_ended_or_forged_invitation_is_refused(client: Client, invite: Callable[[], str]) -> None:
    old, new = invite(), invite()
    assert old != new
    for link in (old, f"{new}x", "/team/nonsense"):
        answers = client.get(link), client.post(link, data={"email": BO})
        assert [answer.status_code for answer in answers] == [403, 403]
    assert client.get(new).status_code == 200


def test_a_subscriber_joins_and_leaves_on_the_preferences_page(
    client: Client, container: Container, subscriber: Subscriber, invite: Callable[[], str]
) -> None:
    send(client, subscriber, topics="gaussian splatting")
    bo = add_subscriber(container.database, BO, topics=["speech"])
    page = send(client, bo, "join", invitation=f" {BASE_URL}{invite()} ")
    assert "share the topics and ratings of this team" in page
    assert subscriber_now(container.database, BO).interests.topics == ("gaussian splatting",)
    send(client, bo, topics="speech")
    assert subscriber_now(container.database, subscriber.address).interests.topics == ("speech",)
    send(client, bo, "leave_team")
    send(client, bo, topics="protein design")
    assert subscriber_now(container.database, subscriber.address).interests.topics == ("speech",)


def test_a_wrong_invitation_is_explained_on_the_page(client: Client, subscriber: Subscriber) -> None:
    answer = client.post(page_of(subscriber), data={"do": "join", "invitation": "hello"})
    assert answer.status_code == 422
    assert "This link is incomplete" in answer.text


def test_a_program_that_fills_in_an_invitation_gets_no_mail(
    client: Client, invite: Callable[[], str], tmp_path: Path
) -> None:
    answer = client.post(invite(), data={"email": BO, "website": "https://spam.example"})
    assert answer.status_code == 200
    assert not list(tmp_path.glob("outbox/new/*"))


def test_several_topics_are_shared_by_one_address(client: Client, container: Container) -> None:
    link = container.links.share("gaussian splatting · robot grasping · something lo…")
    assert link == f"{BASE_URL}/?topics=gaussian%20splatting%3B%20robot%20grasping"
    page = client.get(link.removeprefix(BASE_URL))
    assert 'value="gaussian splatting; robot grasping"' in page.text
    client.request_mail(BO, "/subscribe", topics="gaussian splatting; robot grasping")
    assert subscriber_now(container.database, BO).interests.topics == ("gaussian splatting", "robot grasping")
    assert container.links.share("") == f"{BASE_URL}/"
