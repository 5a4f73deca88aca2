"""What the links of a mail answer: short feedback links, opinions about a digest, and the undo of a goodbye."""

from datetime import timedelta

import pytest

from digest.domain.subscriber import Subscriber
from digest.jobs.daily import Job, run
from digest.store.opinions import EditionOpinions, count_opinions
from digest.subscribers.links import Links, Purpose
from digest.wiring import Container
from tests.factories import (
    BASE_URL,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    delivery_context,
    links,
    make_papers,
    subscriber_now,
)
from tests.web.client import Client
from tests.web.conftest import dump

TOPICS = ["gaussian splatting", "robot grasping"]


@pytest.fixture
def subscriber(container: Container) -> Subscriber:
    add_papers(container.database, *make_papers(12))
    added = add_subscriber(container.database, topics=TOPICS)
    post = delivery_context(container.database)
    run(post, container.profiles, Job(), lambda: at(WEDNESDAY))
    return added


def path(purpose: Purpose, subscriber: Subscriber, link_maker: Links | None = None) -> str:
    return (link_maker or links()).link(purpose, subscriber.key, WEDNESDAY).removeprefix(BASE_URL)


def short_link(subscriber: Subscriber, paper_id: str = "2603.00004") -> str:
    return links().feedback_pages(subscriber.key, WEDNESDAY, [paper_id])[0].removeprefix(BASE_URL)


def test_a_short_feedback_link_shows_both_choices_and_only_post_stores_one(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    link = short_link(subscriber)
    assert len(link) <= 60
    before = dump(container)
    page = client.get(link).text
    assert "More or less like this?" in page
    assert page.count(f'action="{link}"') == 2
    assert "More like this?" in client.get(f"{link}/more").text
    assert client.get(f"{link}/perhaps").status_code == 422
    assert dump(container) == before
    for verdict in ("more", "less"):
        assert "Noted" in client.post(link, data={"verdict": verdict}).text
        assert [row[2] for row in dump(container)["feedback"]] == [verdict]
    assert "So far you want less like this" in client.get(link).text
    assert "Undone" in client.post(link, data={"verdict": "none"}).text
    assert dump(container)["feedback"] == []


def test_a_forged_short_link_is_refused(client: Client, container: Container, subscriber: Subscriber) -> None:
    before = dump(container)
    token = short_link(subscriber).rpartition("/")[2]
    for forged in (token[:-1], token + "A", "A" + token[1:], token.swapcase(), "x", "%00", "é"):
        for answer in (client.get(f"/f/{forged}"), client.post(f"/f/{forged}", data={"verdict": "more"})):
            assert answer.status_code == 403, forged
    assert dump(container) == before


def test_the_opinion_about_a_digest_is_counted_by_edition(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    link = path("opinion", subscriber)
    before = dump(container)
    assert "Was the digest of 4 March 2026 good?" in client.get(link).text
    assert client.get(f"{link}/yes").status_code == 200
    assert client.get(f"{link}/perhaps").status_code == 422
    assert dump(container) == before
    for answer in ("yes", "no"):
        assert "Thank you" in client.post(link, data={"answer": answer}).text
    assert client.post(link, data={"answer": "x"}).status_code == 422
    with container.database.read() as connection:
        assert count_opinions(connection, WEDNESDAY) == [EditionOpinions(WEDNESDAY, 0, 1)]
        assert count_opinions(connection, WEDNESDAY + timedelta(days=1)) == []


def test_an_opinion_about_a_digest_that_is_not_stored_is_not_counted(
    client: Client, subscriber: Subscriber
) -> None:
    link = links().link("opinion", subscriber.key, WEDNESDAY + timedelta(days=7)).removeprefix(BASE_URL)
    assert client.post(link, data={"answer": "yes"}).status_code == 404


def test_the_link_of_the_goodbye_undoes_it_once(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    client.post(path("unsubscribe", subscriber))
    undo = path("undo", subscriber)
    assert "Get papers again?" in client.get(undo).text
    assert subscriber_now(container.database, subscriber.address).status == "unsubscribed"
    assert "Welcome back" in client.post(undo).text
    assert subscriber_now(container.database, subscriber.address).status == "active"
    assert "nothing to undo" in client.get(undo).text
    client.post(path("unsubscribe", subscriber))
    answer = client.post(undo)
    assert answer.status_code == 403
    assert "used already" in answer.text
    assert subscriber_now(container.database, subscriber.address).status == "unsubscribed"
