"""The links of the mails: only POST changes anything, and each link is valid for one purpose."""

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from http.client import HTTPResponse
from pathlib import Path
from threading import Thread

import pytest
import uvicorn

from digest.delivery.build_mail import build_mail
from digest.delivery.preview import read_mail
from digest.delivery.sample_mail import NO_KEY
from digest.doctor.one_click import PageAnswer, judge_one_click
from digest.domain.delivery import CONFIRM_DAYS, KINDS, PAPER_KINDS, Kind
from digest.domain.subscriber import Status, Subscriber
from digest.jobs.daily import Job, run
from digest.mail.file_transports import MemoryTransport
from digest.subscribers.consent import purge_unconfirmed
from digest.subscribers.links import PURPOSES, Links, Purpose
from digest.subscribers.signup import find_subscriber
from digest.web.app import create_app
from digest.wiring import Container
from tests.factories import (
    BASE_URL,
    SECRET,
    WEDNESDAY,
    Clock,
    add_papers,
    add_subscriber,
    at,
    deliveries_of,
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


@pytest.fixture
def mails(
    container: Container, client: Client, subscriber: Subscriber, tmp_path: Path
) -> dict[Kind, EmailMessage]:
    """Return one mail of every kind: of the ledger, and those requested on the pages."""
    client.request_mail("new@example.org")
    client.request_mail(subscriber.address, "/links")
    outbox = [
        message_from_bytes(file.read_bytes(), policy=default) for file in tmp_path.rglob("outbox/new/*")
    ]
    found: dict[Kind, EmailMessage] = {
        Kind.CONFIRM: next(mail for mail in outbox if mail["To"] == "new@example.org"),
        Kind.LINKS: next(mail for mail in outbox if mail["To"] == subscriber.address),
    }
    delivery = deliveries_of(container.database, subscriber)[0].id
    with container.database.read() as connection:
        composed = read_mail(connection, delivery)
    for kind in (*PAPER_KINDS, Kind.GOODBYE):
        message = build_mail(replace(composed, kind=kind), links(), container.renderer)
        found[kind] = message_from_bytes(message.to_bytes(), policy=default)
    assert set(found) == set(KINDS)
    return found


def links_of(mail: EmailMessage) -> set[str]:
    """Return every link of a mail to our pages, including its headers."""
    texts = [str(value) for value in mail.values()]
    texts += [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return {unescape(one) for text in texts for one in re.findall(rf"{re.escape(BASE_URL)}[^\s\"<>)]*", text)}


LEADS_TO: dict[Kind, set[str]] = {
    **{kind: {"f", "opinion", "preferences", "unsubscribe", "archive", Kind.DIGEST} for kind in PAPER_KINDS},
    Kind.GOODBYE: {"undo", "preferences"},
    Kind.CONFIRM: {Kind.CONFIRM},
    Kind.LINKS: {"preferences", "unsubscribe", "feed"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_get_of_every_link_of_a_mail_changes_nothing(
    container: Container, client: Client, mails: dict[Kind, EmailMessage], kind: Kind
) -> None:
    found = links_of(mails[kind])
    assert {one.split("/")[3] for one in found} >= LEADS_TO[kind]
    if kind in PAPER_KINDS:
        assert sum(one.endswith("/more") for one in found) == sum(one.endswith("/less") for one in found) > 5
    before = dump(container)
    for link in found:
        for method in ("GET", "HEAD", "GET"):
            answer = client.request(method, link.removeprefix(BASE_URL))
            assert answer.status_code == 200, link
            assert "set-cookie" not in answer.headers
            assert (answer.text == "") == (method == "HEAD")
    assert dump(container) == before


@pytest.fixture
def port(container: Container) -> Iterator[int]:
    """Serve the pages with a real server; yield its port."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(container), port=0, log_level="warning", lifespan="off")
    )
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
def test_one_click_unsubscribing_works_with_the_bytes_of_the_rfc(
    container: Container, mails: dict[Kind, EmailMessage], subscriber: Subscriber, port: int, example: str
) -> None:
    mail = mails[Kind.DIGEST]
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
    assert subscriber_now(container.database, subscriber.address).status == "unsubscribed"


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
def test_one_click_unsubscribing_works_with_any_body(
    container: Container, client: Client, subscriber: Subscriber, content: str, kind: str
) -> None:
    answer = client.post(path("unsubscribe", subscriber), content=content, headers={"Content-Type": kind})
    assert answer.status_code == 200
    assert subscriber_now(container.database, subscriber.address).status == "unsubscribed"


def test_unsubscribing_is_idempotent_and_cancels_a_planned_mail(
    container: Container, client: Client, subscriber: Subscriber, clock: Clock
) -> None:
    add_papers(container.database, *make_papers(5, first=100, announced_on=WEDNESDAY))
    for _ in range(2):
        assert "You are unsubscribed" in client.post(path("unsubscribe", subscriber)).text
    clock.advance(days=1)
    transport = MemoryTransport()
    run(delivery_context(container.database, transport), container.profiles, Job(), clock)
    assert not transport.envelopes
    assert "Welcome back" in client.post(path("unsubscribe", subscriber) + "/undo").text
    assert subscriber_now(container.database, subscriber.address).status == "active"
    run(delivery_context(container.database, transport), container.profiles, Job(), clock)
    assert len(transport.envelopes) == 1


def test_an_unsubscribe_link_never_expires(
    container: Container, client: Client, subscriber: Subscriber, clock: Clock
) -> None:
    clock.advance(days=3000)
    assert client.post(path("unsubscribe", subscriber)).status_code == 200
    assert subscriber_now(container.database, subscriber.address).status == "unsubscribed"


def pending(container: Container) -> tuple[Subscriber, str]:
    waiting = add_subscriber(container.database, "new@example.org", status=Status.PENDING, now=at(WEDNESDAY))
    return waiting, path("confirm", waiting)


def test_confirming_requires_a_post_and_is_recorded_once(container: Container, client: Client) -> None:
    waiting, link = pending(container)
    assert "Confirm subscription" in client.get(link).text
    assert subscriber_now(container.database, waiting.address).status == "pending"
    page = client.post(link)
    assert page.status_code == 200
    assert "What do you work on?" in page.text
    assert f'action="/preferences/{waiting.key}.' in page.text
    assert subscriber_now(container.database, waiting.address).status == "active"
    assert "You are already subscribed" in client.post(link).text
    with container.database.read() as connection:
        assert len(connection.exec_driver_sql("select * from consents").all()) == 1


def test_a_confirmation_expires_and_can_be_requested_again(
    container: Container, client: Client, clock: Clock
) -> None:
    waiting, link = pending(container)
    clock.advance(days=CONFIRM_DAYS + 1)
    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 403
        assert "Send a new link" in answer.text
    assert subscriber_now(container.database, waiting.address).status == "pending"
    assert "Check your inbox" in client.post(f"{link}/again").text
    fresh = links().link("confirm", waiting.key, clock().date()).removeprefix(BASE_URL)
    assert sorted(row.edition_on for row in deliveries_of(container.database, waiting)) == [
        WEDNESDAY,
        clock().date(),
    ]
    assert client.post(fresh).status_code == 200
    assert subscriber_now(container.database, waiting.address).status == "active"


def test_an_old_confirmation_does_not_undo_an_unsubscription(container: Container, client: Client) -> None:
    waiting, link = pending(container)
    client.post(link)
    client.post(path("unsubscribe", waiting))
    assert "You have unsubscribed" in client.post(link).text
    assert subscriber_now(container.database, waiting.address).status == "unsubscribed"


def test_unconfirmed_subscribers_are_deleted_unless_they_confirmed_before(
    container: Container, client: Client, subscriber: Subscriber, clock: Clock
) -> None:
    pending(container)
    client.post(path("unsubscribe", subscriber))
    client.request_mail(subscriber.address)
    assert subscriber_now(container.database, subscriber.address).status == "pending"
    clock.advance(days=CONFIRM_DAYS)
    assert purge_unconfirmed(container.database, clock()) == 0
    clock.advance(days=1)
    assert purge_unconfirmed(container.database, clock()) == 1
    assert subscriber_now(container.database, subscriber.address).status == "unsubscribed"
    assert client.get(path("confirm", subscriber)).status_code == 200


@pytest.mark.parametrize("made_for", PURPOSES)
def test_a_link_is_valid_for_one_purpose_only(
    client: Client, container: Container, subscriber: Subscriber, made_for: Purpose
) -> None:
    token = path(made_for, subscriber).rpartition("/")[2]
    before = dump(container)
    for purpose in PURPOSES:
        ending = {"feed": ".xml", "feedback": "?paper=2603.00001&verdict=more"}.get(purpose, "")
        for method in ("GET", "POST"):
            if purpose == made_for or (method == "POST" and purpose in {"digest", "feed", "archive"}):
                continue
            answer = client.request(method, f"/{purpose}/{token}{ending}")
            assert answer.status_code == 403, f"{method} {purpose}"
            assert "open it again from the mail" in answer.text
    assert dump(container) == before


def test_links_of_an_erased_subscriber_show_an_explanation(client: Client, subscriber: Subscriber) -> None:
    client.post(path("preferences", subscriber), data={"do": "erase"})
    for purpose in ("preferences", "confirm", "digest"):
        answer = client.get(path(purpose, subscriber))
        assert answer.status_code == 404
        assert "was erased" in answer.text
    assert client.post(path("unsubscribe", subscriber)).status_code == 200


def test_less_like_this_is_stored_shown_and_undone(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    link = path("feedback", subscriber) + "?paper=2603.00004&verdict=less"
    page = client.get(link)
    assert "Less like this?" in page.text
    before = dump(container)["profiles"]
    target = path("feedback", subscriber)
    done = client.post(target, data={"paper": "2603.00004", "verdict": "less"})
    assert "Noted" in done.text
    assert "Counts for less now" in done.text
    assert dump(container)["profiles"] != before
    assert [row[2] for row in dump(container)["feedback"]] == ["less"]
    undone = client.post(target, data={"paper": "2603.00004", "verdict": "none"})
    assert "Undone" in undone.text
    assert dump(container)["feedback"] == []
    assert [row[1] for row in dump(container)["profiles"]] == [row[1] for row in before]


def test_a_post_to_the_feedback_link_of_the_mail_works(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    assert client.post(path("feedback", subscriber) + "?paper=2603.00004&verdict=more").status_code == 200
    assert [row[2] for row in dump(container)["feedback"]] == ["more"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("?paper=2603.00004&verdict=maybe", 422),
        ("?paper=9999.00001", 422),
        ("?paper=2603.99999", 404),
    ],
)
def test_invalid_feedback_is_refused(client: Client, subscriber: Subscriber, query: str, status: int) -> None:
    assert client.get(path("feedback", subscriber) + query).status_code == status


def test_the_web_view_shows_the_papers_of_the_mail(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    page = client.get(path("digest", subscriber)).text
    with container.database.read() as connection:
        titles = connection.exec_driver_sql(
            "select title from papers p join picks on paper_row_id = p.id"
        ).all()
    assert titles
    for (title,) in titles:
        assert title in page
    assert '<p class="why" dir="auto">Matches <em>' in page
    other_day = links().link("digest", subscriber.key, at(WEDNESDAY).date().replace(day=1))
    assert client.get(other_day.removeprefix(BASE_URL)).status_code == 404


def test_private_pages_are_not_cached(client: Client, subscriber: Subscriber) -> None:
    for purpose in ("preferences", "unsubscribe", "digest", "confirm"):
        answer = client.get(path(purpose, subscriber))
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_secret_of_the_tests_is_that_of_the_application(
    container: Container, subscriber: Subscriber
) -> None:
    assert container.secret == SECRET
    with container.database.read() as connection:
        assert find_subscriber(connection, subscriber.address).key == subscriber.key


@pytest.mark.usefixtures("subscriber")
def test_the_pages_answer_the_doctor_as_rfc_8058_asks_and_change_nothing(
    client: Client, container: Container
) -> None:
    before = dump(container)
    link = container.links.link("unsubscribe", NO_KEY, container.clock().date())
    answer = client.post(link, data={"List-Unsubscribe": "One-Click"})
    found = PageAnswer(BASE_URL, answer.status_code, answer.headers.get("Location", ""))
    assert judge_one_click(found).state == "good"
    assert "Set-Cookie" not in answer.headers
    assert dump(container) == before
