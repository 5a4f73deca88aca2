"""Libraries on the preferences page: a file, pasted text, the works of an ORCID iD, papers by an author's name."""

import json
import logging
from pathlib import Path

import pytest

from digest.domain.subscriber import Subscriber
from digest.store.library_papers import read_library
from digest.store.papers import find_by_author
from digest.web.library import LOOKUPS
from digest.web.middleware import LARGEST_BODY, LARGEST_UPLOAD
from digest.wiring import Container
from tests.factories import add_papers, add_subscriber, make_paper
from tests.papers.feed_server import FeedServer, Reply
from tests.web.client import Client
from tests.web.conftest import dump
from tests.web.preferences_page import page_of, previewed, send, send_file

ORCID = "0000-0002-1825-0097"
ROBOTS = b"""TY  - JOUR
TI  - Protein structure prediction from sequences of amino acids
AB  - Protein structure is predicted from sequences.
ER  -
TY  - JOUR
UR  - https://example.org/untitled
ER  -
"""


@pytest.fixture
def zotero(container: Container, orcid: FeedServer) -> FeedServer:
    """Return a local server in Zotero's place."""
    container.settings.__dict__["zotero_url"] = orcid.address
    return orcid


def kept(container: Container, subscriber: Subscriber) -> list[str]:
    with container.database.read() as connection:
        return [one.title for one in read_library(connection, [subscriber.id]).get(subscriber.id, [])]


def test_an_uploaded_file_teaches_and_the_page_says_what_was_understood(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    page = send_file(client, subscriber, ROBOTS, topics="")
    assert "1 of 2 understood: 1 learned from its title; not understood: " in page
    assert "https://example.org/untitled" in page
    assert "Protein structure prediction" in previewed(page)
    assert "1 paper of your library is known by the title." in page
    assert kept(container, subscriber) == ["Protein structure prediction from sequences of amino acids"]
    page = send(client, subscriber, "forget-library")
    assert "Those papers no longer affect your digests." in page
    assert kept(container, subscriber) == []


def test_a_file_and_pasted_text_are_one_library(client: Client, subscriber: Subscriber) -> None:
    page = send_file(client, subscriber, ROBOTS, pasted="A Title That Nobody Knows")
    assert "2 of 3 understood: 2 learned from their titles" in page


def test_the_preview_shows_the_effect_of_a_file_and_stores_nothing(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    before = dump(container)
    answer = client.post(
        f"{page_of(subscriber)}/preview", data={"topics": ""}, files={"file": ("a.ris", ROBOTS, "text/plain")}
    )
    assert "Protein structure prediction" in previewed(answer.text)
    assert dump(container) == before


def test_a_large_file_is_read_and_a_larger_one_is_refused(client: Client, subscriber: Subscriber) -> None:
    padding = b"KW  - x\n" * (2 * LARGEST_BODY // 8)
    page = send_file(client, subscriber, ROBOTS.replace(b"AB  -", padding + b"AB  -"))
    assert "1 of 2 understood" in page
    refused = client.post(
        page_of(subscriber), data={"do": "save"}, files={"file": ("a", b"x" * LARGEST_UPLOAD, "text/plain")}
    )
    assert refused.status_code == 413


def test_a_report_of_somebody_else_is_not_shown(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    answer = client.post(page_of(subscriber), data={"do": "save", "pasted": "A Title That Nobody Knows"})
    signed = answer.headers["location"].partition("report=")[2]
    other = add_subscriber(container.database, "other@example.org")
    for query in (signed, "forged", ""):
        assert "understood" not in client.get(f"{page_of(other)}?done=saved&report={query}").text
    assert "1 of 1 understood" in client.get(f"{page_of(subscriber)}?done=saved&report={signed}").text


def test_the_works_of_an_orcid_are_added(
    client: Client, container: Container, subscriber: Subscriber, orcid: FeedServer
) -> None:
    work = {"title": {"title": {"value": "A Work About Gulls"}}}
    orcid.serve(f"/{ORCID}/works", Reply(json.dumps({"group": [{"work-summary": [work]}]}).encode()))
    page = send(client, subscriber, orcid=f"https://orcid.org/{ORCID}")
    assert "1 of 1 understood: 1 learned from its title." in page
    assert kept(container, subscriber) == ["A Work About Gulls"]


@pytest.mark.parametrize(
    ("status", "said"), [(404, "no public record"), (403, "cannot be read now"), (503, "try again")]
)
def test_an_orcid_that_cannot_be_read_changes_nothing(
    client: Client, container: Container, subscriber: Subscriber, orcid: FeedServer, status: int, said: str
) -> None:
    orcid.serve(f"/{ORCID}/works", Reply(status=status))
    before = dump(container)
    answer = client.post(page_of(subscriber), data={"do": "save", "orcid": ORCID, "topics": "trams"})
    assert answer.status_code == 422
    assert said in answer.text
    assert "trams" in answer.text
    assert dump(container) == before


def test_papers_by_an_author_are_offered_and_not_chosen(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    paper = make_paper(77, authors=("Jörg Müller", "Ada Fern"))
    add_papers(container.database, paper, make_paper(78, authors=("Jörg Fern",)))
    with container.database.read() as connection:
        for name in ("Jörg Müller", "müller jörg", "MÜLLER"):
            assert [one.paper.id for one in find_by_author(connection, name, 9)] == [paper.id]
        assert find_by_author(connection, "Mueller-Unknown", 9) == []
        assert find_by_author(connection, "...", 9) == []
    page = send(client, subscriber, author="jörg müller")
    assert f'name="like" value="{paper.id}"' in page
    assert 'name="do" value="forget"' not in page
    assert "No stored paper has an author of this name." in send(client, subscriber, author="Nobody Else")


def test_each_file_of_the_samples_can_be_uploaded(client: Client, subscriber: Subscriber) -> None:
    folder = Path(__file__).parents[1] / "subscribers" / "libraries"
    for name in ("zotero.rdf", "endnote.ris", "cnki.enw"):
        assert "understood: " in send_file(client, subscriber, (folder / name).read_bytes())


ZOTERO_KEY = "P9NiFoyLeZu2bZNvvuQPDWsd"


def test_the_items_of_a_zotero_library_are_added_and_the_key_is_nowhere(
    client: Client,
    container: Container,
    subscriber: Subscriber,
    zotero: FeedServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    items = [
        {"data": {"key": "A", "itemType": "journalArticle", "title": "A Work About Gulls"}},
        {"data": {"key": "B", "itemType": "note", "note": "read this"}},
        {"data": {"key": "C", "itemType": "preprint", "title": "", "extra": "arXiv: 2603.09999 [cs.CV]"}},
    ]
    zotero.serve("/users/475425/items/top", Reply(json.dumps(items).encode(), headers={"Total-Results": "3"}))
    with caplog.at_level(logging.INFO):
        page = send(client, subscriber, zotero="475425", zotero_key=ZOTERO_KEY)
    assert "2 of 2 understood: 1 learned from its title, 1 that will count when it arrives." in page
    assert kept(container, subscriber) == ["A Work About Gulls"]
    assert zotero.requests[0].headers["Zotero-API-Key"] == ZOTERO_KEY
    for place in (page, caplog.text, repr(dump(container))):
        assert ZOTERO_KEY not in place


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "does not let this key read"), (404, "has no library of user 475425"), (503, "try again")],
)
def test_a_zotero_library_that_cannot_be_read_changes_nothing(
    client: Client, container: Container, subscriber: Subscriber, zotero: FeedServer, status: int, said: str
) -> None:
    zotero.serve("/users/475425/items/top", Reply(status=status))
    before = dump(container)
    fields = {"do": "save", "zotero": "475425", "zotero_key": ZOTERO_KEY, "topics": "trams"}
    answer = client.post(page_of(subscriber), data=fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'name="zotero" value="475425"' in answer.text
    assert ZOTERO_KEY not in answer.text
    assert dump(container) == before


def test_requests_to_zotero_are_limited(client: Client, subscriber: Subscriber, zotero: FeedServer) -> None:
    zotero.serve("/users/475425/items/top", Reply(status=404))
    fields = {"do": "save", "zotero": "475425", "zotero_key": ZOTERO_KEY}
    for _ in range(LOOKUPS.amount):
        client.post(page_of(subscriber), data=fields)
    assert "Too many requests to Zotero" in client.post(page_of(subscriber), data=fields).text
    assert len(zotero.requests) == LOOKUPS.amount
