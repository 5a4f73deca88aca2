"""The links of the mails: GET looks, POST acts, and no link does what it was not made for."""

import re
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from http.client import HTTPResponse
from pathlib import Path
from threading import Thread

import pytest
import uvicorn

from digest.delivery.claimed import KINDS, Kind
from digest.delivery.daily import Job, run
from digest.delivery.letters import CONFIRM_DAYS
from digest.mail.folders import MemoryTransport
from digest.readers.consent import purge_unconfirmed
from digest.readers.links import PURPOSES, Links, Purpose
from digest.readers.signup import find
from digest.readers.subscriber import Subscriber
from digest.web.app import create_app
from digest.wiring import Parts
from tests.factories import (
    BASE_URL,
    SECRET,
    WEDNESDAY,
    Clock,
    add_papers,
    add_reader,
    at,
    deliveries_of,
    links,
    make_papers,
    office,
    reader_now,
    rebuilt,
)
from tests.web.conftest import dump
from tests.web.visitor import Visitor

TOPICS = ["gaussian splatting", "robot grasping"]


@pytest.fixture
def reader(parts: Parts) -> Subscriber:
    add_papers(parts.database, *make_papers(12))
    added = add_reader(parts.database, topics=TOPICS)
    post = office(parts.database)
    run(post, parts.profiles, Job(), lambda: at(WEDNESDAY))
    return added


def path(purpose: Purpose, reader: Subscriber, link_maker: Links | None = None) -> str:
    return (link_maker or links()).link(purpose, reader.key, WEDNESDAY).removeprefix(BASE_URL)


@pytest.fixture
def mails(parts: Parts, visitor: Visitor, reader: Subscriber, tmp_path: Path) -> dict[Kind, EmailMessage]:
    """One mail of every kind: the digest, and what is sent from the pages."""
    visitor.ask_for_mail("new@example.org")
    visitor.ask_for_mail(reader.address, "/links")
    outbox = [
        message_from_bytes(file.read_bytes(), policy=default) for file in tmp_path.rglob("outbox/new/*")
    ]
    found: dict[Kind, EmailMessage] = {
        "confirm": next(mail for mail in outbox if mail["To"] == "new@example.org"),
        "links": next(mail for mail in outbox if mail["To"] == reader.address),
        "digest": message_from_bytes(
            rebuilt(parts.database, deliveries_of(parts.database, reader)[0].id), policy=default
        ),
    }
    assert set(found) == set(KINDS)
    return found


def links_of(mail: EmailMessage) -> set[str]:
    """Every link of a mail that leads to us, its headers included."""
    texts = [str(value) for value in mail.values()]
    texts += [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return {unescape(one) for text in texts for one in re.findall(rf"{re.escape(BASE_URL)}[^\s\"<>)]*", text)}


LEADS_TO: dict[Kind, set[str]] = {
    "digest": {"feedback", "preferences", "unsubscribe", "digest"},
    "confirm": {"confirm"},
    "links": {"preferences", "unsubscribe", "feed"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_looking_at_every_link_of_a_mail_changes_nothing(
    parts: Parts, visitor: Visitor, mails: dict[Kind, EmailMessage], kind: Kind
) -> None:
    found = links_of(mails[kind])
    assert {one.split("/")[3] for one in found} >= LEADS_TO[kind]
    if kind == "digest":
        assert sum("verdict=more" in one for one in found) == sum("verdict=less" in one for one in found) > 5
    before = dump(parts)
    for link in found:
        for method in ("GET", "HEAD", "GET"):
            answer = visitor.ask(method, link.removeprefix(BASE_URL))
            assert answer.status_code == 200, link
            assert "set-cookie" not in answer.headers
            assert (answer.text == "") == (method == "HEAD")
    assert dump(parts) == before


@pytest.fixture
def port(parts: Parts) -> Iterator[int]:
    """The pages behind a real server, as mail programs reach them."""
    server = uvicorn.Server(uvicorn.Config(create_app(parts), port=0, log_level="warning", lifespan="off"))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    number: int = server.servers[0].sockets[0].getsockname()[1]
    yield number
    server.should_exit = True
    thread.join()


RFC_8058 = {
    # Section 8.1, and the body of section 8.2.
    "simple": (
        "POST {path} HTTP/1.1\r\n"
        "Host: {host}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 26\r\n"
        "\r\n"
        "List-Unsubscribe=One-Click"
    ),
    "multipart": (
        "POST {path} HTTP/1.1\r\n"
        "Host: {host}\r\n"
        "Content-Type: multipart/form-data; boundary=---FormBoundaryjWmhtjORrn\r\n"
        "Content-Length: 130\r\n"
        "\r\n"
        "-----FormBoundaryjWmhtjORrn\r\n"
        'Content-Disposition: form-data; name="List-Unsubscribe"\r\n'
        "\r\n"
        "One-Click\r\n"
        "-----FormBoundaryjWmhtjORrn--\r\n"
    ),
}


@pytest.mark.parametrize("example", RFC_8058)
def test_one_click_unsubscribing_works_with_the_very_bytes_of_the_rfc(
    parts: Parts, mails: dict[Kind, EmailMessage], reader: Subscriber, port: int, example: str
) -> None:
    mail = mails["digest"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (link,) = re.findall(r"<(https://[^>]*)>", mail["List-Unsubscribe"])
    host, path = re.fullmatch(r"https://([^/]*)(/.*)", link).groups()  # type: ignore[union-attr]
    request = RFC_8058[example].format(path=path, host=host).encode()
    sent = request.partition(b"\r\n\r\n")[2]
    assert f"Content-Length: {len(sent)}\r\n".encode() in request
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = HTTPResponse(connection)
        answer.begin()
        body = answer.read().decode()
    assert answer.status == 200
    assert answer.getheader("Location") is None
    assert answer.getheader("Set-Cookie") is None
    assert "You are unsubscribed" in body
    assert reader_now(parts.database, reader.address).status == "unsubscribed"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("", "text/plain"),
        ("--nonsense", "multipart/form-data"),
        ("--x\r\n", "multipart/form-data; boundary=x"),
        ("List-Unsubscribe=No", "application/x-www-form-urlencoded"),
        ("\xff\x00" * 400, "application/octet-stream"),
    ],
)
def test_one_click_unsubscribing_works_whatever_is_sent_along(
    parts: Parts, visitor: Visitor, reader: Subscriber, content: str, kind: str
) -> None:
    answer = visitor.post(path("unsubscribe", reader), content=content, headers={"Content-Type": kind})
    assert answer.status_code == 200
    assert reader_now(parts.database, reader.address).status == "unsubscribed"


def test_unsubscribing_twice_is_once_and_a_mail_already_planned_is_not_sent(
    parts: Parts, visitor: Visitor, reader: Subscriber, clock: Clock
) -> None:
    add_papers(parts.database, *make_papers(5, first=100, announced_on=WEDNESDAY))
    for _ in range(2):
        assert "You are unsubscribed" in visitor.post(path("unsubscribe", reader)).text
    clock.advance(days=1)
    transport = MemoryTransport()
    run(office(parts.database, transport), parts.profiles, Job(), clock)
    assert not transport.envelopes
    assert "Welcome back" in visitor.post(path("unsubscribe", reader) + "/undo").text
    assert reader_now(parts.database, reader.address).status == "active"
    run(office(parts.database, transport), parts.profiles, Job(), clock)
    assert len(transport.envelopes) == 1


def test_an_old_unsubscribe_link_works_for_ever(
    parts: Parts, visitor: Visitor, reader: Subscriber, clock: Clock
) -> None:
    clock.advance(days=3000)
    assert visitor.post(path("unsubscribe", reader)).status_code == 200
    assert reader_now(parts.database, reader.address).status == "unsubscribed"


def pending(parts: Parts) -> tuple[Subscriber, str]:
    waiting = add_reader(parts.database, "new@example.org", status="pending", now=at(WEDNESDAY))
    return waiting, path("confirm", waiting)


def test_confirming_takes_a_post_and_happens_once(parts: Parts, visitor: Visitor) -> None:
    waiting, link = pending(parts)
    assert "Confirm subscription" in visitor.get(link).text
    assert reader_now(parts.database, waiting.address).status == "pending"
    page = visitor.post(link)
    assert page.status_code == 200
    assert "What do you work on?" in page.text
    assert f'action="/preferences/{waiting.key}.' in page.text
    assert reader_now(parts.database, waiting.address).status == "active"
    assert "You are already subscribed" in visitor.post(link).text
    with parts.database.read() as connection:
        assert len(connection.exec_driver_sql("select * from consents").all()) == 1


def test_a_confirmation_lapses_and_can_be_asked_for_again(
    parts: Parts, visitor: Visitor, clock: Clock
) -> None:
    waiting, link = pending(parts)
    clock.advance(days=CONFIRM_DAYS + 1)
    for answer in (visitor.get(link), visitor.post(link)):
        assert answer.status_code == 403
        assert "Send a new link" in answer.text
    assert reader_now(parts.database, waiting.address).status == "pending"
    assert "Check your inbox" in visitor.post(f"{link}/again").text
    fresh = links().link("confirm", waiting.key, clock().date()).removeprefix(BASE_URL)
    assert sorted(row.edition_on for row in deliveries_of(parts.database, waiting)) == [
        WEDNESDAY,
        clock().date(),
    ]
    assert visitor.post(fresh).status_code == 200
    assert reader_now(parts.database, waiting.address).status == "active"


def test_an_old_confirmation_does_not_undo_a_goodbye(parts: Parts, visitor: Visitor) -> None:
    waiting, link = pending(parts)
    visitor.post(link)
    visitor.post(path("unsubscribe", waiting))
    assert "You have unsubscribed" in visitor.post(link).text
    assert reader_now(parts.database, waiting.address).status == "unsubscribed"


def test_who_never_confirms_is_forgotten_and_who_did_once_is_not(
    parts: Parts, visitor: Visitor, reader: Subscriber, clock: Clock
) -> None:
    pending(parts)
    visitor.post(path("unsubscribe", reader))
    visitor.ask_for_mail(reader.address)
    assert reader_now(parts.database, reader.address).status == "pending"
    clock.advance(days=CONFIRM_DAYS)
    assert purge_unconfirmed(parts.database, clock()) == 0
    clock.advance(days=1)
    assert purge_unconfirmed(parts.database, clock()) == 1
    assert reader_now(parts.database, reader.address).status == "unsubscribed"
    assert visitor.get(path("confirm", reader)).status_code == 200


@pytest.mark.parametrize("made_for", PURPOSES)
def test_a_link_is_good_for_one_purpose_only(
    visitor: Visitor, parts: Parts, reader: Subscriber, made_for: Purpose
) -> None:
    token = path(made_for, reader).rpartition("/")[2]
    before = dump(parts)
    for purpose in PURPOSES:
        ending = {"feed": ".xml", "feedback": "?paper=2603.00001&verdict=more"}.get(purpose, "")
        for method in ("GET", "POST"):
            if purpose == made_for or (method == "POST" and purpose in {"digest", "feed"}):
                continue
            answer = visitor.ask(method, f"/{purpose}/{token}{ending}")
            assert answer.status_code == 403, f"{method} {purpose}"
            assert "open it again from the mail" in answer.text
    assert dump(parts) == before


def test_links_of_an_erased_reader_say_so(visitor: Visitor, reader: Subscriber) -> None:
    visitor.post(path("preferences", reader), data={"do": "erase"})
    for purpose in ("preferences", "confirm", "digest"):
        answer = visitor.get(path(purpose, reader))
        assert answer.status_code == 404
        assert "Nothing is kept" in answer.text
    assert visitor.post(path("unsubscribe", reader)).status_code == 200


def test_less_like_this_is_kept_shown_and_undone(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    link = path("feedback", reader) + "?paper=2603.00004&verdict=less"
    page = visitor.get(link)
    assert "Less like this?" in page.text
    before = dump(parts)["profiles"]
    target = path("feedback", reader)
    done = visitor.post(target, data={"paper": "2603.00004", "verdict": "less"})
    assert "Noted" in done.text
    assert "Counts for less now" in done.text
    assert dump(parts)["profiles"] != before
    assert [row[2] for row in dump(parts)["feedback"]] == ["less"]
    undone = visitor.post(target, data={"paper": "2603.00004", "verdict": "none"})
    assert "Taken back" in undone.text
    assert dump(parts)["feedback"] == []
    assert [row[1] for row in dump(parts)["profiles"]] == [row[1] for row in before]


def test_a_post_to_the_very_link_of_the_mail_works_too(
    visitor: Visitor, parts: Parts, reader: Subscriber
) -> None:
    assert visitor.post(path("feedback", reader) + "?paper=2603.00004&verdict=more").status_code == 200
    assert [row[2] for row in dump(parts)["feedback"]] == ["more"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("?paper=2603.00004&verdict=maybe", 422),
        ("?paper=9999.00001", 422),
        ("?paper=2603.99999", 404),
    ],
)
def test_feedback_on_nothing_is_refused(
    visitor: Visitor, reader: Subscriber, query: str, status: int
) -> None:
    assert visitor.get(path("feedback", reader) + query).status_code == status


def test_the_web_view_shows_what_the_mail_had(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    page = visitor.get(path("digest", reader)).text
    with parts.database.read() as connection:
        titles = connection.exec_driver_sql("select title from papers p join picks on paper_id = p.id").all()
    assert titles
    for (title,) in titles:
        assert title in page
    assert "Because of:" in page
    other_day = links().link("digest", reader.key, at(WEDNESDAY).date().replace(day=1))
    assert visitor.get(other_day.removeprefix(BASE_URL)).status_code == 404


def test_private_pages_are_kept_by_nobody(visitor: Visitor, reader: Subscriber) -> None:
    for purpose in ("preferences", "unsubscribe", "digest", "confirm"):
        answer = visitor.get(path(purpose, reader))
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_secret_of_the_tests_is_the_one_of_the_site(parts: Parts, reader: Subscriber) -> None:
    assert parts.secret == SECRET
    with parts.database.read() as connection:
        assert find(connection, reader.address).key == reader.key
