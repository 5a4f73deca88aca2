"""Signing up: one mail at most, the same answer for everybody, and no way to bomb a mailbox."""

import email
from email import policy
from pathlib import Path

import pytest

from digest.readers.addresses import address_hash
from digest.store import readers as reader_store
from digest.web.limits import SIGN_UPS, SIGN_UPS_PER_DOMAIN, SIGN_UPS_PER_NETWORK, network
from digest.wiring import Parts
from tests.factories import SECRET, Clock, add_reader, deliveries_of, reader_now
from tests.web.visitor import Visitor


def mails(outbox: Path) -> list[email.message.EmailMessage]:
    found = sorted((outbox / "new").glob("*")) if outbox.exists() else []
    return [email.message_from_bytes(one.read_bytes(), policy=policy.default) for one in found]


def sign_up(visitor: Visitor, address: str, **fields: str) -> str:
    answer = visitor.post("/subscribe", data={"email": address, **fields})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_an_address_gets_one_confirmation_a_day_without_a_word_of_the_visitor(
    visitor: Visitor, parts: Parts, tmp_path: Path, clock: Clock
) -> None:
    for _ in range(3):
        sign_up(visitor, "Ada.Grün+papers@example.org".replace("ü", "ue"), name="Buy pills", topics="pills")
    (mail,) = mails(tmp_path / "outbox")
    assert mail["To"] == "Ada.Gruen+papers@example.org"
    assert "pills" not in mail.as_string()
    assert "List-Unsubscribe" not in mail
    clock.advance(days=1)
    sign_up(visitor, "ada.gruen+papers@EXAMPLE.org")
    assert len(mails(tmp_path / "outbox")) == 2
    assert len(deliveries_of(parts.database, reader_now(parts.database, "ada.gruen+papers@example.org"))) == 2


def test_the_answer_tells_nobody_who_is_a_reader(visitor: Visitor, parts: Parts, tmp_path: Path) -> None:
    for status in ("active", "paused", "pending", "unsubscribed", "suppressed"):
        add_reader(parts.database, f"{status}@example.org", status=status)
    with parts.database.begin() as connection:
        reader_store.suppress(connection, address_hash("hard@example.org", SECRET), "bounce", parts.clock())
    known = ("active", "paused", "pending", "unsubscribed", "suppressed", "hard", "stranger")
    assert len({sign_up(visitor, f"{one}@example.org") for one in known}) == 1
    assert {mail["To"] for mail in mails(tmp_path / "outbox")} == {
        "pending@example.org",
        "unsubscribed@example.org",
        "stranger@example.org",
    }
    for status in ("active", "paused", "suppressed"):
        assert reader_now(parts.database, f"{status}@example.org").status == status


def test_a_program_that_fills_in_everything_is_told_the_same_and_gets_nothing(
    visitor: Visitor, tmp_path: Path
) -> None:
    told = sign_up(visitor, "bot@example.org", website="https://spam.example")
    assert told == sign_up(visitor, "ada@example.org")
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
def test_what_is_no_address_is_refused_with_a_word_of_help(visitor: Visitor, typed: str) -> None:
    answer = visitor.post("/subscribe", data={"email": typed})
    assert answer.status_code == 422
    assert "is no mail address" in answer.text


def test_an_international_domain_is_written_to_in_its_ascii_form(visitor: Visitor, tmp_path: Path) -> None:
    sign_up(visitor, "ada@bücher.example")
    assert [mail["To"] for mail in mails(tmp_path / "outbox")] == ["ada@xn--bcher-kva.example"]


def test_one_network_can_ask_so_often_and_another_still_can(
    visitor: Visitor, tmp_path: Path, clock: Clock
) -> None:
    for number in range(SIGN_UPS_PER_NETWORK):
        sign_up(visitor, f"r{number}@example.org")
    refused = visitor.post("/subscribe", data={"email": "late@example.org"})
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3600"
    sign_up(Visitor(visitor.app, "192.0.2.2"), "late@example.org")
    clock.advance(hours=1)
    sign_up(visitor, "later@example.org")
    assert len(mails(tmp_path / "outbox")) == SIGN_UPS_PER_NETWORK + 2


def test_a_flood_sends_no_more_than_the_limits_allow(visitor: Visitor, parts: Parts) -> None:
    allowed = sum(
        visitor.app.state.site.limits.allow(
            {
                "sign-ups": SIGN_UPS,
                f"domain {n % 7}": SIGN_UPS_PER_DOMAIN,
                f"network {n % 900}": SIGN_UPS_PER_NETWORK,
            }
        )
        for n in range(10_000)
    )
    assert allowed == SIGN_UPS
    assert visitor.post("/subscribe", data={"email": "ada@example.org"}).status_code == 429
    assert visitor.get("/").status_code == 200
    with parts.database.read() as connection:
        assert reader_store.count_by_status(connection) == {}


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_a_network_is_one_caller(host: str, counted: str) -> None:
    assert network(host) == counted


def test_a_mail_that_can_not_go_now_waits_in_the_ledger(
    parts: Parts, visitor: Visitor, tmp_path: Path
) -> None:
    (tmp_path / "outbox").write_text("in the way")
    sign_up(visitor, "ada@example.org")
    (row,) = deliveries_of(parts.database, reader_now(parts.database, "ada@example.org"))
    assert row.status in {"planned", "claimed"}
