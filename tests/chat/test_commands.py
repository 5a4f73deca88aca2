"""The commands of an operator, with a channel: a run posts, and what they print has no secret."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from digest.cli.app import application
from digest.domain.channel import ChannelAddress, Service
from digest.domain.subscriber import Schedule
from digest.store.database import Database
from digest.subscribers import channels, teams
from digest.subscribers.profiles import ProfileBuilder
from tests.chat.chat_server import TOKEN, ChatServer
from tests.factories import (
    MONDAY,
    SECRET,
    TUESDAY,
    add_papers,
    add_subscriber,
    at,
    make_papers,
    subscriber_now,
)


@pytest.fixture
def name(sqlite_url: str, server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a channel of this installation."""
    monkeypatch.setenv("DIGEST_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("DIGEST_SECRET_KEY", SECRET.decode())
    monkeypatch.setenv("DIGEST_CHAT", ",".join(server.settings))
    monkeypatch.setenv("DIGEST_SOURCES", "sample")
    database = Database(sqlite_url)
    add_papers(database, *make_papers(12))
    add_subscriber(database, topics=["gaussian splatting"])
    ada = subscriber_now(database, "ada@example.org")
    with database.begin() as connection:
        teams.renew_team(connection, ada)
    added = channels.add_channel(
        database,
        ProfileBuilder(),
        SECRET,
        subscriber_now(database, "ada@example.org"),
        ChannelAddress.parse(server.address(Service.MATTERMOST)),
        Schedule(),
        at(MONDAY),
        lambda _: None,
    )
    database.close()
    return added.address


def command(*words: str) -> str:
    result = CliRunner().invoke(application, words)
    assert result.exit_code == 0, result.output
    assert TOKEN not in result.output
    return result.output


def test_a_run_posts_and_the_ledger_shows_the_post(name: str, server: ChatServer) -> None:
    preview = command("preview", name, "--now", f"{TUESDAY}T08:00")
    assert preview.startswith("**Trending papers, 3 March 2026**")
    assert server.posts == []
    command("run", "--no-fetch", "--now", f"{TUESDAY}T08:00")
    assert server.texts(Service.MATTERMOST) == [preview.strip()]
    (row,) = json.loads(command("deliveries", "list", "--kind", "post", "--json"))
    assert (row["address"], row["status"]) == (name, "sent")
    assert command("deliveries", "show", str(row["id"]), "--format", "text") == preview


def test_a_channel_is_listed_shown_paused_and_removed_by_its_name(name: str) -> None:
    assert name in command("subscribers", "list", "--search", ".invalid")
    shown = json.loads(command("subscribers", "show", name, "--json"))
    assert shown["reader"]["channel"].endswith("/hooks/…")
    assert "is paused" in command("subscribers", "pause", name)
    assert "is active" in command("subscribers", "resume", name)
    assert f"{name} is erased." in command("subscribers", "remove", name, "--yes")


def test_an_export_asks_for_secrets_explicitly(name: str, tmp_path: Path) -> None:
    assert name in command("subscribers", "export")
    file = tmp_path / "team.jsonl"
    command("subscribers", "export", str(file), "--channel-addresses")
    assert TOKEN in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0
