"""Signing up: at most one mail, the same response for every address, limits per mailbox."""

import email
import re
from email import policy
from pathlib import Path

import pytest

from digest.domain.subscriber import STATUSES, Status
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.subscribers.addresses import address_hash
from digest.subscribers.signup import confirm
from digest.web.form_tokens import TOKEN_PLACEHOLDER
from digest.web.limits import MAILS_PER_NETWORK
from digest.wiring import Container
from tests.factories import (
    BASE_URL,
    SECRET,
    Clock,
    add_papers,
    add_subscriber,
    deliveries_of,
    make_paper,
    make_papers,
    set_status,
    subscriber_now,
)
from tests.web.client import Client, form_token_of


def mails(outbox: Path) -> list[email.message.EmailMessage]:
    found = sorted((outbox / "new").glob("*")) if outbox.exists() else []
    return [email.message_from_bytes(one.read_bytes(), policy=policy.default) for one in found]


def sign_up(client: Client, address: str, **fields: str) -> str:
    answer = client.request_mail(address, **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_an_address_gets_one_confirmation_a_day_without_typed_text(
    client: Client, container: Container, tmp_path: Path, clock: Clock
) -> None:
    for _ in range(3):
        sign_up(client, "Ada.Grün+papers@example.org".replace("ü", "ue"), name="Buy pills", topics="pills")
    (mail,) = mails(tmp_path / "outbox")
    assert mail["To"] == "Ada.Gruen+papers@example.org"
    assert "pills" not in mail.as_string()
    assert "List-Unsubscribe" not in mail
    clock.advance(days=1)
    sign_up(client, "ada.gruen+papers@EXAMPLE.org")
    assert len(mails(tmp_path / "outbox")) == 2
    assert (
        len(
            deliveries_of(
                container.database, subscriber_now(container.database, "ada.gruen+papers@example.org")
            )
        )
        == 2
    )


def test_the_response_does_not_reveal_subscribers(
    client: Client, container: Container, tmp_path: Path
) -> None:
    for status in Status:
        add_subscriber(container.database, f"{status}@example.org", status=status)
    with container.database.begin() as connection:
        suppression_store.suppress(
            connection, address_hash("hard@example.org", SECRET), "bounce", container.clock()
        )
    known = ("active", "paused", "pending", "unsubscribed", "suppressed", "hard", "stranger")
    assert len({sign_up(client, f"{one}@example.org") for one in known}) == 1
    assert {mail["To"] for mail in mails(tmp_path / "outbox")} == {
        "pending@example.org",
        "unsubscribed@example.org",
        "stranger@example.org",
    }
    for status in (Status.ACTIVE, Status.PAUSED, Status.SUPPRESSED):
        assert subscriber_now(container.database, f"{status}@example.org").status == status


def test_a_program_that_fills_in_every_field_gets_the_same_response_and_no_mail(
    client: Client, tmp_path: Path
) -> None:
    told = sign_up(client, "bot@example.org", website="https://spam.example")
    assert told == sign_up(client, "ada@example.org")
    assert [mail["To"] for mail in mails(tmp_path / "outbox")] == ["ada@example.org"]


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "a b@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "a@b",
        "x" * 300,
    ],
)
def test_an_invalid_address_is_refused_with_advice(client: Client, typed: str) -> None:
    answer = client.post("/subscribe", data={"email": typed})
    assert answer.status_code == 422
    assert "is not a mail address" in answer.text


def test_mail_to_an_international_domain_uses_its_ascii_form(client: Client, tmp_path: Path) -> None:
    sign_up(client, "ada@bücher.example")
    assert [mail["To"] for mail in mails(tmp_path / "outbox")] == ["ada@xn--bcher-kva.example"]


def test_the_limit_of_one_network_does_not_affect_another(client: Client, tmp_path: Path) -> None:
    for number in range(MAILS_PER_NETWORK):
        sign_up(client, f"r{number}@example.org")
    for path in ("/subscribe", "/links"):
        refused = client.request_mail("late@example.org", path)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "3600"
    sign_up(Client(client.app, "192.0.2.2"), "late@example.org")
    assert len(mails(tmp_path / "outbox")) == MAILS_PER_NETWORK + 1


def test_a_mail_that_cannot_be_sent_waits_in_the_ledger(
    container: Container, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "outbox").write_text("in the way")
    sign_up(client, "ada@example.org")
    (row,) = deliveries_of(container.database, subscriber_now(container.database, "ada@example.org"))
    assert row.status in {"planned", "claimed"}


# Forms sent too soon.

ASK_FORMS = ("/subscribe", "/links")


@pytest.mark.parametrize("path", ASK_FORMS)
def test_a_form_sent_too_soon_is_shown_again_and_then_accepted(
    client: Client, container: Container, tmp_path: Path, clock: Clock, path: str
) -> None:
    add_subscriber(container.database, "ada@example.org", status=Status.UNSUBSCRIBED)
    form_token = form_token_of(client.get(path).text)
    clock.advance(seconds=1.9)
    again = client.post(path, data={"email": "ada@example.org", "form_token": form_token})
    assert again.status_code == 200
    assert again.headers["cache-control"] == "no-store"
    assert "Once more, please" in again.text
    assert 'value="ada@example.org"' in again.text
    assert mails(tmp_path / "outbox") == []
    assert deliveries_of(container.database, subscriber_now(container.database, "ada@example.org")) == []
    clock.advance(seconds=0.2)
    pressed = client.post(path, data={"email": "ada@example.org", "form_token": form_token_of(again.text)})
    assert "Check your inbox" in pressed.text
    assert len(mails(tmp_path / "outbox")) == 1


@pytest.mark.parametrize(
    "form_token",
    [None, "", "x", "0" * 55, TOKEN_PLACEHOLDER, "17726256000." + "A" * 43, "\udc80", "é" * 50, "1" * 500],
)
def test_a_form_without_a_valid_token_is_shown_again(
    client: Client, tmp_path: Path, clock: Clock, form_token: str | None
) -> None:
    fields = {"email": "ada@example.org"}
    if form_token is not None:
        fields["form_token"] = form_token.encode(errors="replace").decode()
    again = client.post("/subscribe", data=fields)
    assert "Once more, please" in again.text
    assert mails(tmp_path / "outbox") == []
    clock.advance(seconds=2)
    pressed = client.post("/subscribe", data={**fields, "form_token": form_token_of(again.text)})
    assert "Check your inbox" in pressed.text
    assert len(mails(tmp_path / "outbox")) == 1


def test_a_form_open_for_days_is_accepted_and_for_weeks_is_shown_again(
    client: Client, tmp_path: Path, clock: Clock
) -> None:
    form_token = form_token_of(client.get("/").text)
    clock.advance(days=6)
    assert (
        "Check your inbox"
        in client.post("/subscribe", data={"email": "a@example.org", "form_token": form_token}).text
    )
    clock.advance(days=2)
    again = client.post("/subscribe", data={"email": "b@example.org", "form_token": form_token})
    assert "Once more, please" in again.text
    assert len(mails(tmp_path / "outbox")) == 1
    clock.advance(seconds=2)
    client.post("/subscribe", data={"email": "b@example.org", "form_token": form_token_of(again.text)})
    assert len(mails(tmp_path / "outbox")) == 2


def test_a_token_from_the_future_is_replaced(client: Client, tmp_path: Path, clock: Clock) -> None:
    clock.advance(hours=2)
    form_token = form_token_of(client.get("/subscribe").text)
    clock.advance(hours=-2)
    again = client.post("/subscribe", data={"email": "a@example.org", "form_token": form_token})
    clock.advance(seconds=2)
    client.post("/subscribe", data={"email": "a@example.org", "form_token": form_token_of(again.text)})
    assert len(mails(tmp_path / "outbox")) == 1


@pytest.mark.parametrize("path", ["/", "/subscribe", "/links", "/papers/2603.00001"])
def test_a_cached_page_gets_a_token_when_it_is_sent(
    client: Client, container: Container, clock: Clock, path: str
) -> None:
    add_papers(container.database, *make_papers(3))
    form_tokens = []
    for _ in range(3):
        answer = client.get(path)
        form_tokens.append(form_token_of(answer.text))
        assert len(answer.content) == int(answer.headers["content-length"])
        assert answer.headers["cache-control"] == "public, max-age=60"
        clock.advance(seconds=1)
    assert len(set(form_tokens)) == 3
    assert not client.app.state.context.form_tokens.is_old_enough(form_tokens[2])
    assert client.app.state.context.form_tokens.is_old_enough(form_tokens[0])


def test_the_placeholder_is_not_a_valid_token(client: Client, container: Container) -> None:
    """A title with the placeholder gets a token, too; the form still has its own."""
    add_papers(container.database, make_paper(1, title=f"On {TOKEN_PLACEHOLDER}"))
    assert len(form_token_of(client.get("/").text)) == len(TOKEN_PLACEHOLDER)
    assert not client.app.state.context.form_tokens.is_old_enough(TOKEN_PLACEHOLDER)


def test_typed_text_is_escaped_when_it_is_shown_again(client: Client) -> None:
    again = client.post("/subscribe", data={"email": "o'hara&sons+x@example.org"})
    assert 'value="o&#39;hara&amp;sons+x@example.org"' in again.text


# A subscriber's links.


def request_links(client: Client, address: str) -> str:
    answer = client.request_mail(address, "/links")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_subscriber_gets_their_links_at_most_once_a_day(
    client: Client, container: Container, tmp_path: Path, clock: Clock
) -> None:
    add_subscriber(container.database, "Ada@example.org")
    for _ in range(3):
        request_links(client, " ada@EXAMPLE.org ")
    (mail,) = mails(tmp_path / "outbox")
    assert mail["To"] == "Ada@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in mail
    part = mail.get_body(("plain",))
    assert part is not None
    found = re.findall(rf"{re.escape(BASE_URL)}(/\S+)", part.get_content())
    assert [one.split("/")[1] for one in found] == ["preferences", "feed", "unsubscribe"]
    for one in found:
        assert client.get(one).status_code == 200
    clock.advance(days=1)
    request_links(client, "ada@example.org")
    assert len(mails(tmp_path / "outbox")) == 2


def test_links_are_sent_to_confirmed_subscribers_and_the_response_does_not_reveal_them(
    client: Client, container: Container, tmp_path: Path
) -> None:
    for status in STATUSES:
        add_subscriber(container.database, f"{status}@example.org", status=status)
    add_subscriber(container.database, "hard@example.org")
    returning = add_subscriber(container.database, "returning@example.org", status=Status.PENDING)
    confirm(container.database, container.secret, returning.address, container.clock(), "test")
    set_status(container.database, returning, Status.PENDING)
    with container.database.begin() as connection:
        suppression_store.suppress(
            connection, address_hash("hard@example.org", SECRET), "bounce", container.clock()
        )
        before = subscriber_store.count_by_status(connection)
    known = (*STATUSES, "hard", "returning", "stranger")
    assert len({request_links(client, f"{one}@example.org") for one in known}) == 1
    assert {mail["To"] for mail in mails(tmp_path / "outbox") if "links" in mail["Subject"]} == {
        "active@example.org",
        "paused@example.org",
        "unsubscribed@example.org",
        "returning@example.org",
    }
    with container.database.read() as connection:
        assert subscriber_store.count_by_status(connection) == before


def test_a_program_that_fills_in_the_links_form_gets_no_mail(
    client: Client, container: Container, tmp_path: Path
) -> None:
    add_subscriber(container.database)
    told = client.request_mail("ada@example.org", "/links", website="https://spam.example").text
    assert mails(tmp_path / "outbox") == []
    assert told == request_links(client, "ada@example.org")


def test_an_unsubscribed_subscriber_can_request_links_and_erase_their_data(
    client: Client, container: Container, tmp_path: Path
) -> None:
    add_subscriber(container.database, status=Status.UNSUBSCRIBED)
    request_links(client, "ada@example.org")
    part = mails(tmp_path / "outbox")[0].get_body(("plain",))
    assert part is not None
    (link,) = re.findall(rf"{re.escape(BASE_URL)}(/preferences/\S+)", part.get_content())
    assert "Everything is erased" in client.post(link, data={"do": "erase"}).text
    with container.database.read() as connection:
        assert subscriber_store.count_by_status(connection) == {}
        assert connection.exec_driver_sql("select count(*) from deliveries").scalar_one() == 0


def test_every_page_that_needs_it_links_to_the_links_form(client: Client) -> None:
    for path in ("/", "/subscribe", "/preferences/forged.20260101.link"):
        assert 'href="/links"' in client.get(path).text.partition("<main")[2]
    assert client.get("/preferences/forged.20260101.link").text.count('href="/links"') == 2
