"""Channels in exported files: masked, or with their secrets where the operator asks for them."""

import json
from pathlib import Path

import pytest

from digest.domain.channel import ChannelAddress, Service
from digest.domain.subscriber import Frequency, Schedule
from digest.errors import NotFound
from digest.store import channels as channel_store
from digest.store.database import Database
from digest.store.schema import upgrade
from digest.subscribers import channels, teams
from digest.subscribers.import_export import export_lines, import_subscribers
from digest.subscribers.preferences import remove
from digest.subscribers.profiles import ProfileBuilder
from tests.chat.chat_server import TOKEN
from tests.factories import MONDAY, SECRET, TUESDAY, add_subscriber, at, subscriber_now

ADA = "ada@example.org"
ADDRESS = f"https://hooks.slack.com/services/T01/B01/{TOKEN}"


@pytest.fixture
def name(database: Database) -> str:
    """Return the name of a channel of Ada's team."""
    ada = add_subscriber(database, ADA, topics=["gaussian splatting"])
    with database.begin() as connection:
        teams.renew_team(connection, ada)
    schedule = Schedule("Europe/Berlin", 9, Frequency.WEEKDAYS)
    return channels.add_channel(
        database,
        ProfileBuilder(),
        SECRET,
        subscriber_now(database, ADA),
        ChannelAddress.parse(ADDRESS),
        schedule,
        at(MONDAY),
        lambda _: None,
    ).address


def imported(folder: Path, lines: list[str]) -> tuple[Database, list[str]]:
    """Import lines into another installation; return it, and what was rejected."""
    file = folder / "subscribers.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    elsewhere = Database(f"sqlite:///{folder / 'elsewhere.db'}")
    upgrade(elsewhere)
    results = import_subscribers(elsewhere, ProfileBuilder(), SECRET, file, at(TUESDAY), confirmed=False)
    return elsewhere, list(results)[-1].rejected


def test_an_export_masks_the_address_and_such_a_line_is_refused(
    database: Database, name: str, tmp_path: Path
) -> None:
    lines = list(export_lines(database))
    assert json.loads(lines[1])["channel"] == "https://hooks.slack.com/services/T01/B01/…"
    assert "channel" not in json.loads(lines[0])
    assert TOKEN not in "".join(lines)
    elsewhere, rejected = imported(tmp_path, lines)
    assert rejected == [
        "subscribers.jsonl:2: the address of this channel is masked; export it with --channel-addresses."
    ]
    with pytest.raises(NotFound):
        subscriber_now(elsewhere, name)
    elsewhere.close()


def test_an_export_with_addresses_can_be_imported(database: Database, name: str, tmp_path: Path) -> None:
    lines = list(export_lines(database, with_channel_addresses=True))
    elsewhere, rejected = imported(tmp_path, [*lines, lines[1].replace(name, "00000000@slack.invalid")])
    assert len(rejected) == 1
    assert "gets a digest already" in rejected[0]
    channel, ada = subscriber_now(elsewhere, name), subscriber_now(elsewhere, ADA)
    # Ada has to confirm; a channel cannot.
    assert (ada.status, channel.status, channel.service) == ("pending", "active", Service.SLACK)
    assert channel.team == ada.team == subscriber_now(database, ADA).team
    assert channel.schedule == Schedule("Europe/Berlin", 9, Frequency.WEEKDAYS)
    with elsewhere.read() as connection:
        assert channel_store.find_channel_address(connection, name) == ADDRESS
    assert list(export_lines(elsewhere, with_channel_addresses=True))[1] == lines[1]
    elsewhere.close()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (
            {"address": "0123abcd@slack.invalid", "channel": "https://127.0.0.1/x"},
            "not the address of a channel",
        ),
        (
            {"address": "0123abcd@discord.invalid", "channel": ADDRESS},
            "is its name, like 1f0c94ab@slack.invalid",
        ),
        ({"address": "eve@example.org", "channel": ADDRESS}, "is its name, like 1f0c94ab@slack.invalid"),
        ({"address": "0123abcd@slack.invalid"}, "is not a mail address"),
        ({"address": "0123abcd@slack.invalid", "channel": 7}, "channel must be a text"),
    ],
)
def test_a_line_with_a_wrong_channel_is_refused(
    tmp_path: Path, record: dict[str, object], reason: str
) -> None:
    elsewhere, (rejected,) = imported(tmp_path, [json.dumps(record)])
    assert reason in rejected
    assert TOKEN not in rejected
    elsewhere.close()


def test_an_operator_finds_and_removes_a_channel_by_its_name(database: Database, name: str) -> None:
    assert subscriber_now(database, f" {name} ").service == Service.SLACK
    remove(database, SECRET, name, at(TUESDAY))
    assert len(list(export_lines(database))) == 1
