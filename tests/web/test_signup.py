"""Signing up: one mail at most, the same answer for everybody, and no way to bomb a mailbox."""

import email
import re
from email import policy
from pathlib import Path

import pytest

from digest.readers.addresses import address_hash
from digest.readers.signup import confirm
from digest.readers.subscriber import STATUSES
from digest.store import readers as reader_store
from digest.store import suppressions as suppression_store
from digest.web.limits import MAILS_PER_NETWORK
from digest.web.stamps import UNSTAMPED
from digest.wiring import Parts
from tests.factories import (
    BASE_URL,
    SECRET,
    Clock,
    add_papers,
    add_reader,
    deliveries_of,
    make_paper,
    make_papers,
    reader_now,
    set_status,
)
from tests.web.visitor import Visitor, stamp_of


def mails(outbox: Path) -> list[email.message.EmailMessage]:
    found = sorted((outbox / "new").glob("*")) if outbox.exists() else []
    return [email.message_from_bytes(one.read_bytes(), policy=policy.default) for one in found]


def sign_up(visitor: Visitor, address: str, **fields: str) -> str:
    answer = visitor.ask_for_mail(address, **fields)
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
        suppression_store.suppress(
            connection, address_hash("hard@example.org", SECRET), "bounce", parts.clock()
        )
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


def test_one_network_can_ask_so_often_and_another_still_can(visitor: Visitor, tmp_path: Path) -> None:
    for number in range(MAILS_PER_NETWORK):
        sign_up(visitor, f"r{number}@example.org")
    for path in ("/subscribe", "/links"):
        refused = visitor.ask_for_mail("late@example.org", path)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "3600"
    sign_up(Visitor(visitor.app, "192.0.2.2"), "late@example.org")
    assert len(mails(tmp_path / "outbox")) == MAILS_PER_NETWORK + 1


def test_a_mail_that_can_not_go_now_waits_in_the_ledger(
    parts: Parts, visitor: Visitor, tmp_path: Path
) -> None:
    (tmp_path / "outbox").write_text("in the way")
    sign_up(visitor, "ada@example.org")
    (row,) = deliveries_of(parts.database, reader_now(parts.database, "ada@example.org"))
    assert row.status in {"planned", "claimed"}


# The time a person takes.

ASK_FORMS = ("/subscribe", "/links")


@pytest.mark.parametrize("path", ASK_FORMS)
def test_what_comes_at_once_gets_the_form_again_and_then_one_press_is_enough(
    visitor: Visitor, parts: Parts, tmp_path: Path, clock: Clock, path: str
) -> None:
    add_reader(parts.database, "ada@example.org", status="unsubscribed")
    stamp = stamp_of(visitor.get(path).text)
    clock.advance(seconds=1.9)
    again = visitor.post(path, data={"email": "ada@example.org", "stamp": stamp})
    assert again.status_code == 200
    assert again.headers["cache-control"] == "no-store"
    assert "Once more, please" in again.text
    assert 'value="ada@example.org"' in again.text
    assert mails(tmp_path / "outbox") == []
    assert deliveries_of(parts.database, reader_now(parts.database, "ada@example.org")) == []
    clock.advance(seconds=0.2)
    pressed = visitor.post(path, data={"email": "ada@example.org", "stamp": stamp_of(again.text)})
    assert "Check your inbox" in pressed.text
    assert len(mails(tmp_path / "outbox")) == 1


@pytest.mark.parametrize(
    "stamp", [None, "", "x", "0" * 55, UNSTAMPED, "17726256000." + "A" * 43, "\udc80", "é" * 50, "1" * 500]
)
def test_a_form_without_a_stamp_of_ours_is_shown_again(
    visitor: Visitor, tmp_path: Path, clock: Clock, stamp: str | None
) -> None:
    fields = {"email": "ada@example.org"}
    if stamp is not None:
        fields["stamp"] = stamp.encode(errors="replace").decode()
    again = visitor.post("/subscribe", data=fields)
    assert "Once more, please" in again.text
    assert mails(tmp_path / "outbox") == []
    clock.advance(seconds=2)
    pressed = visitor.post("/subscribe", data={**fields, "stamp": stamp_of(again.text)})
    assert "Check your inbox" in pressed.text
    assert len(mails(tmp_path / "outbox")) == 1


def test_a_page_left_open_for_days_still_works_and_for_weeks_takes_one_press_more(
    visitor: Visitor, tmp_path: Path, clock: Clock
) -> None:
    stamp = stamp_of(visitor.get("/").text)
    clock.advance(days=6)
    assert (
        "Check your inbox" in visitor.post("/subscribe", data={"email": "a@example.org", "stamp": stamp}).text
    )
    clock.advance(days=2)
    again = visitor.post("/subscribe", data={"email": "b@example.org", "stamp": stamp})
    assert "Once more, please" in again.text
    assert len(mails(tmp_path / "outbox")) == 1
    clock.advance(seconds=2)
    visitor.post("/subscribe", data={"email": "b@example.org", "stamp": stamp_of(again.text)})
    assert len(mails(tmp_path / "outbox")) == 2


def test_a_stamp_from_a_clock_that_runs_ahead_is_changed_for_one_of_ours(
    visitor: Visitor, tmp_path: Path, clock: Clock
) -> None:
    clock.advance(hours=2)
    stamp = stamp_of(visitor.get("/subscribe").text)
    clock.advance(hours=-2)
    again = visitor.post("/subscribe", data={"email": "a@example.org", "stamp": stamp})
    clock.advance(seconds=2)
    visitor.post("/subscribe", data={"email": "a@example.org", "stamp": stamp_of(again.text)})
    assert len(mails(tmp_path / "outbox")) == 1


@pytest.mark.parametrize("path", ["/", "/subscribe", "/links", "/papers/2603.00001"])
def test_a_page_that_is_kept_is_stamped_as_it_goes_out(
    visitor: Visitor, parts: Parts, clock: Clock, path: str
) -> None:
    add_papers(parts.database, *make_papers(3))
    stamps = []
    for _ in range(3):
        answer = visitor.get(path)
        stamps.append(stamp_of(answer.text))
        assert len(answer.content) == int(answer.headers["content-length"])
        assert answer.headers["cache-control"] == "public, max-age=60"
        clock.advance(seconds=1)
    assert len(set(stamps)) == 3
    assert not visitor.app.state.site.stamps.is_ripe(stamps[2])
    assert visitor.app.state.site.stamps.is_ripe(stamps[0])


def test_the_words_that_stand_for_a_stamp_are_no_stamp(visitor: Visitor, parts: Parts) -> None:
    """A title may hold them, and then holds a stamp; the form has its own all the same."""
    add_papers(parts.database, make_paper(1, title=f"On {UNSTAMPED}"))
    assert len(stamp_of(visitor.get("/").text)) == len(UNSTAMPED)
    assert not visitor.app.state.site.stamps.is_ripe(UNSTAMPED)


def test_what_was_typed_is_shown_again_as_text(visitor: Visitor) -> None:
    again = visitor.post("/subscribe", data={"email": "o'hara&sons+x@example.org"})
    assert 'value="o&#39;hara&amp;sons+x@example.org"' in again.text


# A reader's links.


def ask_for_links(visitor: Visitor, address: str) -> str:
    answer = visitor.ask_for_mail(address, "/links")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_reader_gets_their_links_once_a_day(
    visitor: Visitor, parts: Parts, tmp_path: Path, clock: Clock
) -> None:
    add_reader(parts.database, "Ada@example.org")
    for _ in range(3):
        ask_for_links(visitor, " ada@EXAMPLE.org ")
    (mail,) = mails(tmp_path / "outbox")
    assert mail["To"] == "Ada@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in mail
    part = mail.get_body(("plain",))
    assert part is not None
    found = re.findall(rf"{re.escape(BASE_URL)}(/\S+)", part.get_content())
    assert [one.split("/")[1] for one in found] == ["preferences", "feed", "unsubscribe"]
    for one in found:
        assert visitor.get(one).status_code == 200
    clock.advance(days=1)
    ask_for_links(visitor, "ada@example.org")
    assert len(mails(tmp_path / "outbox")) == 2


def test_links_go_to_whoever_confirmed_and_the_answer_tells_nobody_who_that_is(
    visitor: Visitor, parts: Parts, tmp_path: Path
) -> None:
    for status in STATUSES:
        add_reader(parts.database, f"{status}@example.org", status=status)
    add_reader(parts.database, "hard@example.org")
    returning = add_reader(parts.database, "returning@example.org", status="pending")
    confirm(parts.database, parts.secret, returning.address, parts.clock(), "test")
    set_status(parts.database, returning, "pending")
    with parts.database.begin() as connection:
        suppression_store.suppress(
            connection, address_hash("hard@example.org", SECRET), "bounce", parts.clock()
        )
        before = reader_store.count_by_status(connection)
    known = (*STATUSES, "hard", "returning", "stranger")
    assert len({ask_for_links(visitor, f"{one}@example.org") for one in known}) == 1
    assert {mail["To"] for mail in mails(tmp_path / "outbox") if "links" in mail["Subject"]} == {
        "active@example.org",
        "paused@example.org",
        "unsubscribed@example.org",
        "returning@example.org",
    }
    with parts.database.read() as connection:
        assert reader_store.count_by_status(connection) == before


def test_a_program_that_fills_in_the_form_for_links_gets_none(
    visitor: Visitor, parts: Parts, tmp_path: Path
) -> None:
    add_reader(parts.database)
    told = visitor.ask_for_mail("ada@example.org", "/links", website="https://spam.example").text
    assert mails(tmp_path / "outbox") == []
    assert told == ask_for_links(visitor, "ada@example.org")


def test_who_left_can_erase_themselves_by_the_link_they_asked_for(
    visitor: Visitor, parts: Parts, tmp_path: Path
) -> None:
    add_reader(parts.database, status="unsubscribed")
    ask_for_links(visitor, "ada@example.org")
    part = mails(tmp_path / "outbox")[0].get_body(("plain",))
    assert part is not None
    (link,) = re.findall(rf"{re.escape(BASE_URL)}(/preferences/\S+)", part.get_content())
    assert "Everything is erased" in visitor.post(link, data={"do": "erase"}).text
    with parts.database.read() as connection:
        assert reader_store.count_by_status(connection) == {}
        assert connection.exec_driver_sql("select count(*) from deliveries").scalar_one() == 0


def test_the_way_to_ones_links_is_on_every_page_that_could_need_it(visitor: Visitor) -> None:
    for path in ("/", "/subscribe", "/preferences/forged.20260101.link"):
        assert 'href="/links"' in visitor.get(path).text.partition("<main")[2]
    assert visitor.get("/preferences/forged.20260101.link").text.count('href="/links"') == 2
