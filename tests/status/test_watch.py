"""Alarms and the dead man's switch, over real web and mail servers and a real database."""

import sys
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from functools import partial
from pathlib import Path

import pytest

from digest.domain.paper import FetchStatus
from digest.errors import BadInput, DigestError
from digest.status.alarms import Message
from digest.status.channels import channel_from
from digest.status.watch import HEARTBEAT_EVERY, TURN, channel_of, watch, watch_and_beat
from digest.store.alarms import find_alarms
from digest.store.circuit_breakers import Circuit, close_circuit, save_circuit
from digest.store.database import Database
from digest.wiring import Container
from tests.factories import (
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    delivery_context,
    make_papers,
    record_fetch,
    together,
)
from tests.mail.servers import Handler
from tests.status.conftest import Hook

MESSAGE = Message("digest: disk BAD", "BAD disk: full.\n", ("disk",), ())
Installation = Callable[..., Container]


def fail_feed(database: Database, clock: Clock) -> None:
    record_fetch(database, clock(), FetchStatus.FAILED)


def heal_feed(database: Database, clock: Clock) -> None:
    record_fetch(database, clock(), newest_on=clock().date())


def test_a_feed_that_fails_and_heals_is_reported_twice(
    installation: Installation, database: Database, clock: Clock, hook: Hook
) -> None:
    container = installation(alarm=hook.url, sources=("arxiv",))
    heal_feed(database, clock)
    for _ in range(3):
        assert watch(container).message is None
        clock.advance(minutes=5)
    clock.advance(days=2)
    for _ in range(20):
        fail_feed(database, clock)
        watch(container)
        clock.advance(minutes=5)
    heal_feed(database, clock)
    for _ in range(20):
        watch(container)
        clock.advance(minutes=5)
    assert [(body["bad"], body["good"]) for body in hook.bodies] == [
        (["feed arxiv"], []),
        ([], ["feed arxiv"]),
    ]
    assert "fault" in hook.bodies[0]["text"]
    assert all(call[:2] == ("POST", "/hook") for call in hook.calls)


def test_an_open_circuit_is_an_alarm_until_it_closes(
    installation: Installation, database: Database, clock: Clock, hook: Hook
) -> None:
    container = installation(alarm=hook.url)
    name = "smtp://mail.example.org"
    with database.begin() as connection:
        save_circuit(
            connection, Circuit(name, clock(), clock() + timedelta(minutes=5), 3, "535 bad password")
        )
    watch(container)
    with database.begin() as connection:
        close_circuit(connection, name)
    clock.advance(hours=1)
    watch(container)
    first, last = hook.bodies
    assert (first["bad"], last["good"]) == ([f"circuit {name}"], [f"circuit {name}"])
    assert "535 bad password" in first["text"]


def test_an_edition_not_sent_by_its_hour_is_an_alarm(
    installation: Installation, database: Database, clock: Clock, hook: Hook
) -> None:
    add_subscriber(database, next_due_at=at(WEDNESDAY, 7))
    container = installation(alarm=hook.url)
    clock.now = at(WEDNESDAY, 8)
    watch(container)
    assert hook.calls == []
    clock.now = at(WEDNESDAY, 10)
    watch(container)
    assert [body["bad"] for body in hook.bodies] == [["schedule"]]
    add_papers(database, *make_papers(5, announced_on=TUESDAY))
    deliver_due(delivery_context(database), clock())
    clock.advance(minutes=30)
    watch(container)
    assert [body["good"] for body in hook.bodies] == [[], ["schedule"]]


def test_a_silent_beat_is_an_alarm(installation: Installation, hook: Hook) -> None:
    # A Redis that does not answer is as bad as one that has seen no beat.
    watch(installation(alarm=hook.url, broker_url="redis://127.0.0.1:1/0"))
    assert [body["bad"] for body in hook.bodies] == [["beat"]]


def test_many_processes_send_one_message(
    installation: Installation, database: Database, clock: Clock, hook: Hook
) -> None:
    fail_feed(database, clock)
    containers = [installation(alarm=hook.url, sources=("arxiv",)) for _ in range(6)]
    found = together(*(partial(watch, one) for one in containers))
    assert sum(not one.is_elsewhere for one in found) == 1
    assert len(hook.calls) == 1


def test_a_message_that_did_not_go_out_is_sent_by_the_next_check(
    installation: Installation, database: Database, clock: Clock, hook: Hook
) -> None:
    fail_feed(database, clock)
    container = installation(alarm=hook.url, sources=("arxiv",))
    hook.status = 500
    assert "500" in watch(container).error
    clock.advance(minutes=5)
    hook.status = 200
    assert watch(container).message is not None
    clock.advance(minutes=5)
    assert watch(container).message is None
    with database.read() as connection:
        (alarm,) = find_alarms(connection).values()
    assert (alarm.is_bad, alarm.told_bad, alarm.messages) == (True, True, 1)


def test_an_alarm_by_mail_goes_to_the_operator(
    installation: Installation, database: Database, clock: Clock, serve: Callable[..., int]
) -> None:
    handler = Handler()
    port = serve(handler)
    fail_feed(database, clock)
    container = installation(
        alarm="mailto:ada@example.org", mail_url=f"smtp://127.0.0.1:{port}?tls=no", sources=("arxiv",)
    )
    assert watch(container).error == ""
    (envelope,) = handler.accepted
    assert envelope.rcpt_tos == ["ada@example.org"]
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert mail["Subject"] == "digest: feed arxiv BAD"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "digest papers fetch arxiv" in mail.get_content()


def test_an_alarm_by_a_command_has_the_text_on_its_standard_input(tmp_path: Path) -> None:
    script = tmp_path / "tell me.py"
    script.write_text(
        "import os, sys\n"
        f"open({str(tmp_path / 'told')!r}, 'w').write(os.environ['DIGEST_ALARM_SUBJECT'] + '\\n' + sys.stdin.read())\n"
    )
    _channel(f"{sys.executable} '{script}'")(MESSAGE)
    assert (tmp_path / "told").read_text() == "digest: disk BAD\nBAD disk: full.\n"


def _channel(alarm: str) -> Callable[[Message], None]:
    def no_transport() -> object:
        raise AssertionError

    return channel_from(alarm, no_transport, "digest@example.org", at(WEDNESDAY))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("alarm", "said"),
    [
        (f"{sys.executable} -c 'import sys; sys.exit(3)'", "code 3"),
        ("/nowhere/tell", "could not be run"),
        ("http://127.0.0.1:1/secret", "does not answer"),
        ("https://[/secret", "does not answer"),
    ],
)
def test_a_channel_that_fails_says_so_without_its_secrets(alarm: str, said: str) -> None:
    with pytest.raises(DigestError, match=said) as raised:
        _channel(alarm)(MESSAGE)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("alarm", ["mailto:", "mailto:nobody", "tell 'me", " "])
def test_an_unusable_alarm_is_refused(alarm: str) -> None:
    with pytest.raises(BadInput, match="DIGEST_ALARM"):
        _channel(alarm)


def test_without_the_setting_nothing_is_checked_or_stored(
    installation: Installation, database: Database
) -> None:
    container = installation()
    assert channel_of(container) is None
    assert watch(container).checks == ()
    watch_and_beat(container)
    with database.read() as connection:
        assert find_alarms(connection) == {}


def test_the_switch_is_called_each_hour_while_there_is_no_alarm(
    installation: Installation, database: Database, clock: Clock, hook: Hook
) -> None:
    container = installation(heartbeat_url=hook.url, sources=("arxiv",))
    heal_feed(database, clock)
    for _ in range(25):
        watch_and_beat(container)
        clock.advance(minutes=5)
    assert [call[:2] for call in hook.calls] == [("GET", "/hook")] * 3
    fail_feed(database, clock)
    clock.advance(days=2)
    watch_and_beat(container)
    assert len(hook.calls) == 3
    assert timedelta(0) < TURN < HEARTBEAT_EVERY
