"""Authors followed by ORCID iD on the preferences page."""

import json

import pytest

from digest.domain.paper import FeedItem
from digest.domain.subscriber import Subscriber
from digest.papers.ingest import ingest
from digest.web.followed_authors import MOST_NAMED
from digest.wiring import Container
from tests.factories import MONDAY, at, make_paper, subscriber_now
from tests.papers.feed_server import FeedServer, Reply
from tests.web.client import Client
from tests.web.conftest import dump
from tests.web.preferences_page import page_of, previewed, send

ADA = "0000-0002-1825-0097"
# The others of these have no name.
OTHERS = ("0000-0001-5109-3700", "0000-0002-1694-233X", "0000-0003-1613-5981", "0000-0001-6187-6610")


@pytest.fixture
def named(orcid: FeedServer) -> FeedServer:
    name = {"given-names": {"value": "Ada"}, "family-name": {"value": "Fern"}}
    orcid.serve(f"/{ADA}/person", Reply(json.dumps({"name": name}).encode()))
    return orcid


def followed(container: Container, subscriber: Subscriber) -> tuple[str, ...]:
    return subscriber_now(container.database, subscriber.address).interests.follow


def test_a_new_orcid_is_saved_with_the_name_that_orcid_has(
    client: Client, container: Container, subscriber: Subscriber, named: FeedServer
) -> None:
    paper = make_paper(1, authors=("A. Fern", "Bo Li"))
    ingest(container.database, [FeedItem(paper)], at(MONDAY, 1))
    page = send(client, subscriber, follow=f"Bo Moss\nhttps://orcid.org/{ADA}", topics="")
    assert followed(container, subscriber) == ("Bo Moss", f"{ADA}|Ada Fern")
    assert f"{ADA}|Ada Fern" in page
    assert "By A. Fern, whom you follow" in previewed(page)
    # A name that was removed stays removed.
    send(client, subscriber, follow=ADA)
    assert followed(container, subscriber) == (ADA,)
    send(client, subscriber, follow=f"{ADA}|A. Fern")
    assert followed(container, subscriber) == (f"{ADA}|A. Fern",)
    assert len(named.requests) == 1


@pytest.mark.parametrize(
    "reply", [Reply(status=404), Reply(status=403), Reply(status=503), Reply(b"<html>"), Reply(b"{}")]
)
def test_an_orcid_without_a_name_is_saved_as_it_is(
    client: Client, container: Container, subscriber: Subscriber, orcid: FeedServer, reply: Reply
) -> None:
    orcid.serve(f"/{ADA}/person", reply)
    assert "Saved." in send(client, subscriber, follow=ADA)
    assert followed(container, subscriber) == (ADA,)


def test_a_wrong_orcid_is_refused_and_nothing_is_saved(
    client: Client, container: Container, subscriber: Subscriber, orcid: FeedServer
) -> None:
    before = dump(container)
    answer = client.post(
        page_of(subscriber), data={"do": "save", "follow": "0000-0002-1825-0098", "topics": "gulls"}
    )
    assert answer.status_code == 422
    assert "is not an ORCID iD; it looks like 0000-0002-1825-0097" in answer.text
    assert dump(container) == before
    assert orcid.requests == []


def test_few_names_are_requested_at_once(
    client: Client, container: Container, subscriber: Subscriber, named: FeedServer
) -> None:
    many = [*OTHERS, "0000-0001-7857-2795", ADA]
    send(client, subscriber, follow="\n".join(many))
    assert followed(container, subscriber) == tuple(many)
    assert len(named.requests) == MOST_NAMED
