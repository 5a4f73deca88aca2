"""Addresses of channels: only those of known services, without options, and shown without their secret."""

import sys

import pytest

from digest.chat.transport import require_apprise
from digest.domain.channel import (
    AllowedService,
    ChannelAddress,
    Service,
    channel_name,
    is_channel_name,
    service_of,
)
from digest.errors import BadInput
from digest.settings import read_settings

ADDRESSES = {
    Service.SLACK: "https://hooks.slack.com/services/T01/B02/SeCrEt99",
    Service.DISCORD: "https://discord.com/api/webhooks/77/SeCrEt99",
    Service.MATTERMOST: "https://chat.example.org/team/hooks/SeCrEt99",
    Service.MATRIX: "https://SeCrEt99@matrix.example.org/!room:example.org",
    Service.TELEGRAM: "https://api.telegram.org/bot77:SeCrEt99/-100",
}


@pytest.mark.parametrize("service", Service)
def test_an_address_is_read_and_masked(service: Service) -> None:
    address = ChannelAddress.parse(f"  {ADDRESSES[service]} ")
    assert address.service == service
    assert address.masked == ADDRESSES[service].replace("SeCrEt99", "…")


def test_every_web_page_of_discord_is_one_service() -> None:
    for host in ("discordapp.com", "ptb.discord.com", "canary.discord.com"):
        address = ChannelAddress.parse(f"https://{host}/api/webhooks/77/SeCrEt99")
        assert address.url == ADDRESSES[Service.DISCORD]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "file:///etc/passwd",
        "json://127.0.0.1/services/T01/B02/SeCrEt99",
        "slack://T01/B02/SeCrEt99",
        f"{ADDRESSES[Service.SLACK]}?template=/etc/passwd",
        f"{ADDRESSES[Service.MATTERMOST]}#x",
        "https://user:word@chat.example.org/hooks/SeCrEt99",
        "https://hooks.slack.com@127.0.0.1/services/T01/B02/SeCrEt99",
        "https://hooks.slack.com\\@evil.example/services/T01/B02/SeCrEt99",
        "https://[::1]/hooks/SeCrEt99",
        "https://chat.example.org/hooks/SeCrEt99/../../x",
        f"{ADDRESSES[Service.SLACK]}\n",
        ADDRESSES[Service.SLACK] + "9" * 500,
    ],
)
def test_another_address_is_refused_without_repeating_it(text: str) -> None:
    if text.endswith("\n"):
        assert ChannelAddress.parse(text).url == text.strip()
        return
    with pytest.raises(BadInput) as refused:
        ChannelAddress.parse(text)
    assert "SeCrEt99" not in str(refused.value)


@pytest.mark.parametrize("service", Service)
def test_posts_go_only_to_the_hosts_that_the_operator_allows(service: Service) -> None:
    address = ChannelAddress.parse(ADDRESSES[service])
    allowed = [
        AllowedService.parse(text)
        for text in (
            "slack",
            "discord",
            "telegram",
            "mattermost=https://chat.example.org/team/",
            "matrix=https://matrix.example.org",
        )
    ]
    assert address.is_allowed(allowed)
    assert not address.is_allowed([one for one in allowed if one.service != service])
    assert not address.is_allowed([AllowedService(service, "https://elsewhere.example.org")])
    for other in ("http://127.0.0.1", "https://chat.example.org.evil.example", "https://chat.example.org"):
        assert not ChannelAddress.parse(f"{other}/hooks/SeCrEt99").is_allowed(allowed)


@pytest.mark.parametrize("text", ["irc", "mattermost", "matrix", "slack=ftp://x", "slack=https://u@x", ""])
def test_a_service_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        AllowedService.parse(text)


def test_a_channel_has_a_name_that_no_mail_can_be_sent_to() -> None:
    name = channel_name(Service.MATRIX, "00ff12ab")
    assert name == "00ff12ab@matrix.invalid"
    assert is_channel_name(name)
    assert service_of(name) == Service.MATRIX
    assert not is_channel_name("00ff12ab@matrix.org")
    assert not is_channel_name("00ff12ab@irc.invalid")


def test_each_service_has_an_example_at_its_address() -> None:
    examples = [
        AllowedService.parse(text).example for text in ("slack", "telegram", "matrix=https://m.example")
    ]
    assert examples == [
        "https://hooks.slack.com/services/T…/B…/…",
        "https://api.telegram.org/botTOKEN/CHAT",
        "https://TOKEN@m.example/!room:server",
    ]


def test_a_wrong_setting_says_how_to_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_CHAT", "slack,matrix")
    with pytest.raises(
        BadInput, match=r"^DIGEST_CHAT: matrix needs its address; write it like matrix=https://"
    ):
        read_settings()
    monkeypatch.setenv("DIGEST_CHAT", "slack, matrix=https://matrix.example.org")
    assert read_settings().chat == ("slack", "matrix=https://matrix.example.org")


def test_without_the_library_the_operator_reads_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(BadInput, match=r"trending-papers-digest\[chat\]"):
        require_apprise()
