"""SMTP with real servers on this machine: delivery, and the error for each refusal."""

import re
import socket
import time
from collections.abc import Callable

import pytest

from digest.errors import ConnectionLost, DigestError, NeverSend, PolicyRefused, StopRun, TryLater
from digest.mail.smtp_answers import Answer, sort_refusal
from digest.mail.transports import transport_from
from tests.mail.servers import SILENCE, Handler
from tests.mail.smtp_client import CONTENT, at, envelope

GREETING = [b"220 ready", b"250 ready for mail"]
PIPELINING_GREETING = [b"220 ready", b"250-ready for mail\r\n250 PIPELINING"]


def test_all_mails_of_a_batch_are_sent_over_one_connection_unchanged(
    handler: Handler, serve: Callable[..., int]
) -> None:
    with at(serve(handler)).open() as connection:
        answers = [connection.send(envelope(f"subscriber{number}@example.net")) for number in range(20)]
    assert handler.connections == 1
    assert answers == ["250 OK queued as 7"] * 20
    assert [mail.rcpt_tos for mail in handler.accepted] == [
        [f"subscriber{number}@example.net"] for number in range(20)
    ]
    assert {mail.mail_from for mail in handler.accepted} == {"digest@example.org"}
    assert {mail.content for mail in handler.accepted} == {CONTENT}


def test_an_empty_batch_opens_no_connection(handler: Handler, serve: Callable[..., int]) -> None:
    with at(serve(handler)).open():
        pass
    assert handler.connections == 0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("450 4.2.1 greylisted", TryLater),
        ("451 try again", TryLater),
        ("452 4.2.2 over quota", TryLater),
        ("550 5.1.1 no such user", NeverSend),
        ("550 mailbox unavailable", NeverSend),
        ("551 user not local", NeverSend),
        ("553 mailbox name not allowed", NeverSend),
        ("550 5.2.1 mailbox disabled", NeverSend),
        ("552 5.2.2 mailbox full", TryLater),
        ("552 storage exceeded", TryLater),
        ("550 5.2.2 mailbox full", TryLater),
        ("554 5.3.0 no", TryLater),
        ("550 5.1.1 unknown in relay recipient table", NeverSend),
        ("554 5.7.1 relay access denied", PolicyRefused),
        ("550 relaying denied", PolicyRefused),
        ("530 5.7.0 log in first", StopRun),
    ],
)
def test_a_refused_recipient_affects_only_that_mail(
    handler: Handler, serve: Callable[..., int], answer: str, expected: type[DigestError]
) -> None:
    handler.rcpt["bad@example.net"] = answer
    with at(serve(handler)).open() as connection:
        with pytest.raises(expected, match=re.escape(answer)):
            connection.send(envelope("bad@example.net"))
        connection.send(envelope())
    assert handler.connections == 1
    assert [mail.rcpt_tos for mail in handler.accepted] == [["subscriber@example.net"]]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("451 4.3.0 try again", TryLater),
        ("452 disk full", TryLater),
        ("552 5.2.2 mailbox full", TryLater),
        ("550 looks like spam", TryLater),
        ("550 5.1.1 no such user after all", NeverSend),
        ("550 5.7.1 not from you", StopRun),
    ],
)
def test_a_refused_mail_affects_only_itself(
    handler: Handler, serve: Callable[..., int], answer: str, expected: type[DigestError]
) -> None:
    handler.data = [answer]
    with at(serve(handler)).open() as connection:
        with pytest.raises(expected, match=re.escape(answer)):
            connection.send(envelope())
        connection.send(envelope())
    assert handler.connections == 1
    assert len(handler.accepted) == 1


def test_a_policy_refusal_after_accepted_mails_concerns_that_mail(
    handler: Handler, serve: Callable[..., int]
) -> None:
    handler.rcpt["closed@example.net"] = "550 5.7.1 members only"
    with at(serve(handler)).open() as connection:
        connection.send(envelope())
        with pytest.raises(TryLater, match="policy"):
            connection.send(envelope("closed@example.net"))


def test_a_refused_sender_stops_the_run_and_names_the_setting(
    handler: Handler, serve: Callable[..., int]
) -> None:
    handler.mail = "553 5.1.8 no such sender domain"
    with at(serve(handler)).open() as connection, pytest.raises(StopRun, match="DIGEST_SENDER"):
        connection.send(envelope())


def test_a_server_that_accepts_no_mail_stops_the_run(handler: Handler, serve: Callable[..., int]) -> None:
    handler.mail = "451 4.3.2 too busy"
    with at(serve(handler)).open() as connection:
        with pytest.raises(StopRun, match="too busy"):
            connection.send(envelope())
        handler.mail = ""
        connection.send(envelope())
    assert handler.connections == 1


@pytest.mark.parametrize("ending", [b"421 4.7.0 enough for now", b""])
@pytest.mark.parametrize("greeting", [GREETING, PIPELINING_GREETING], ids=["one-by-one", "pipelining"])
def test_a_connection_ended_between_mails_is_reopened(
    scripted: Callable[[list[bytes]], int], greeting: list[bytes], ending: bytes
) -> None:
    mail = [b"250 ok", b"250 ok", b"354 go on", b"250 accepted"]
    goodbye = [ending, b""] if ending else [b""]
    port = scripted([*greeting, *mail, *goodbye, *greeting, *mail])
    with at(port).open() as connection:
        assert connection.send(envelope()) == "250 accepted"
        assert connection.send(envelope()) == "250 accepted"


def test_a_connection_ended_twice_delays_its_mail_and_the_next_mail_reconnects(
    scripted: Callable[[list[bytes]], int],
) -> None:
    mail = [b"250 ok", b"250 ok", b"354 go on", b"250 accepted"]
    port = scripted([*GREETING, *mail, b"", *GREETING, b"", *GREETING, *mail])
    with at(port).open() as connection:
        connection.send(envelope())
        with pytest.raises(TryLater, match="ended the connection"):
            connection.send(envelope())
        assert connection.send(envelope()) == "250 accepted"


def test_a_mail_with_a_lost_answer_is_not_sent_again_at_once(scripted: Callable[[list[bytes]], int]) -> None:
    mail = [b"250 ok", b"250 ok", b"354 go on"]
    port = scripted(
        [
            *GREETING,
            *mail,
            b"250 first",
            b"250 ok",
            b"250 ok",
            b"354 go on",
            b"",
            *GREETING,
            *mail,
            b"250 third",
        ]
    )
    with at(port).open() as connection:
        connection.send(envelope())
        with pytest.raises(TryLater, match="did not answer whether"):
            connection.send(envelope())
        assert connection.send(envelope()) == "250 third"


def test_421_after_the_mail_is_try_later_and_the_next_mail_gets_a_new_connection(
    scripted: Callable[[list[bytes]], int],
) -> None:
    mail = [b"250 ok", b"250 ok", b"354 go on"]
    port = scripted([*GREETING, *mail, b"421 4.3.2 shutting down", *[b""], *GREETING, *mail, b"250 accepted"])
    with at(port).open() as connection:
        with pytest.raises(TryLater, match="shutting down"):
            connection.send(envelope())
        assert connection.send(envelope()) == "250 accepted"


def test_a_silent_server_causes_a_time_out(scripted: Callable[[list[bytes]], int]) -> None:
    port = scripted([*GREETING, SILENCE])
    with (
        at(port, timeout_seconds=0.3).open() as connection,
        pytest.raises(ConnectionLost, match="complete answer"),
    ):
        connection.send(envelope())


@pytest.mark.parametrize("step", range(6), ids=["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"])
def test_an_answer_that_never_ends_causes_a_time_out(
    dripping: Callable[[list[bytes]], int], step: int
) -> None:
    """Each piece arrives in time; a time-out per read would wait for ever."""
    answers = [b"220 ready", b"250 ready for mail", b"250 ok", b"250 ok", b"354 go on", b"250 accepted"]
    began_at = time.monotonic()
    with at(dripping(answers[:step]), timeout_seconds=0.4).open() as connection, pytest.raises(DigestError):
        connection.send(envelope())
    assert time.monotonic() - began_at < 3


def test_the_size_of_an_answer_is_limited(dripping: Callable[..., int]) -> None:
    with at(dripping([b"220 ready"], pause=0.0)).open() as connection, pytest.raises(DigestError):
        connection.send(envelope())


@pytest.mark.parametrize("step", ["RCPT", "MAIL"])
def test_421_on_a_new_connection_stops_the_run(scripted: Callable[[list[bytes]], int], step: str) -> None:
    answers = [b"250 ok", b"421 4.7.0 not now"] if step == "RCPT" else [b"421 4.7.0 not now"]
    with at(scripted([*GREETING, *answers])).open() as connection, pytest.raises(StopRun, match="not now"):
        connection.send(envelope())


def test_a_pipelining_server_that_waits_for_a_mail_without_recipient_gets_none(
    scripted: Callable[[list[bytes]], int],
) -> None:
    port = scripted(
        [
            *PIPELINING_GREETING,
            b"250 ok",
            b"550 5.1.1 nobody",
            b"354 go on",
            b"554 no recipient",
            b"250 reset",
            b"250 ok",
            b"250 ok",
            b"354 go on",
            b"250 accepted",
        ]
    )
    with at(port).open() as connection:
        with pytest.raises(NeverSend, match="nobody"):
            connection.send(envelope())
        assert connection.send(envelope()) == "250 accepted"


@pytest.mark.parametrize("answer", [b"hello?", b"350 perhaps", b"", b"25 ok"])
def test_only_a_2xx_answer_counts_as_sent(scripted: Callable[[list[bytes]], int], answer: bytes) -> None:
    port = scripted([*GREETING, b"250 ok", b"250 ok", b"354 go on", answer])
    with at(port).open() as connection, pytest.raises(TryLater):
        connection.send(envelope())


def test_a_refused_connection_stops_the_run() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with at(port).open() as connection, pytest.raises(StopRun, match="DIGEST_MAIL_URL"):
        connection.send(envelope())


def test_an_unknown_host_stops_the_run() -> None:
    with at(25, host="mail.invalid").open() as connection, pytest.raises(StopRun, match=r"mail\.invalid"):
        connection.send(envelope())


def test_a_busy_greeting_stops_the_run(scripted: Callable[[list[bytes]], int]) -> None:
    with (
        at(scripted([b"421 too many connections"])).open() as connection,
        pytest.raises(StopRun, match="too many"),
    ):
        connection.send(envelope())


def test_a_554_greeting_stops_the_run(scripted: Callable[[list[bytes]], int]) -> None:
    with (
        at(scripted([b"554 no service for you"])).open() as connection,
        pytest.raises(StopRun, match="no service"),
    ):
        connection.send(envelope())


@pytest.mark.parametrize(
    "recipient",
    ["a@b.c>\r\nRCPT TO:<evil@example.net", "a b@example.net", "", "jörg@example.net", "no-at-sign"],
)
def test_an_address_that_could_inject_a_command_is_never_sent(
    handler: Handler, serve: Callable[..., int], recipient: str
) -> None:
    with at(serve(handler)).open() as connection:
        with pytest.raises(NeverSend):
            connection.send(envelope(recipient))
        connection.send(envelope())
    assert [mail.rcpt_tos for mail in handler.accepted] == [["subscriber@example.net"]]


def test_every_refusal_has_its_error() -> None:
    for step in ("MAIL", "RCPT", "DATA"):
        for code in (*range(400, 460), *range(500, 560)):
            for status in ("", "5.1.1", "5.2.2", "5.7.1", "4.2.0"):
                error = sort_refusal(step, Answer(code, f"{status} text".strip()), has_taken_mail=False)
                assert isinstance(error, TryLater | NeverSend | StopRun)
                if code < 500:
                    assert isinstance(error, StopRun if step == "MAIL" else TryLater)


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ("554 5.7.1 <ana@example.net>: Relay access denied", "does not relay"),
        ("550 5.7.26 unauthenticated mail", "SPF, DKIM and DMARC"),
        ("550 5.7.515 access denied", "SPF, DKIM and DMARC"),
        ("550 5.7.25 no PTR record", "reverse DNS"),
        ("530 5.7.29 must use TLS", "user and password|TLS"),
        ("550 5.7.1 message content rejected", "ask who runs it"),
    ],
)
def test_a_refusal_by_policy_names_its_cause(answer: str, advice: str) -> None:
    code, _, text = answer.partition(" ")
    error = sort_refusal("RCPT", Answer(int(code), text), has_taken_mail=False)
    assert re.search(advice, str(error))
    assert "DIGEST_SENDER" not in str(error)


def test_the_server_is_told_the_name_of_the_settings(handler: Handler, serve: Callable[..., int]) -> None:
    transport = transport_from(f"smtp://127.0.0.1:{serve(handler)}", "papers.example.org")
    with transport.open() as connection:
        connection.send(envelope())
    assert handler.names == ["papers.example.org"]
