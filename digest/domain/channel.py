"""Chat channels that a team's digest is posted to: their addresses, and the services that an operator allows.

The address of a channel is a web address with a secret in it, in the form that the service gives:

| Service | Address |
|---|---|
| slack | `https://hooks.slack.com/services/T…/B…/…` |
| discord | `https://discord.com/api/webhooks/…/…` |
| mattermost | `https://HOST/hooks/…` |
| matrix | `https://TOKEN@HOST/!room:server`, or `#alias:server` for the room |
| telegram | `https://api.telegram.org/botTOKEN/CHAT`, the id or the @name of the chat |

A channel is stored as a subscriber. In place of a mail address that subscriber has a name, such as
`1f0c94ab@slack.invalid`, which no mail can be sent to.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from digest.errors import BadInput
from digest.text.languages import gettext

LONGEST_ADDRESS = 500


class Service(StrEnum):
    """A chat service."""

    SLACK = "slack"
    DISCORD = "discord"
    MATTERMOST = "mattermost"
    MATRIX = "matrix"
    TELEGRAM = "telegram"

    @property
    def label(self) -> str:
        """The name as the service writes it."""
        return self.value.capitalize()


HOSTS: Mapping[Service, str] = {
    Service.SLACK: "https://hooks.slack.com",
    Service.DISCORD: "https://discord.com",
    Service.TELEGRAM: "https://api.telegram.org",
}
"""The services that have one host for everybody."""
_EXAMPLES: Mapping[Service, str] = {
    Service.SLACK: "/services/T…/B…/…",
    Service.DISCORD: "/api/webhooks/…/…",
    Service.MATTERMOST: "/hooks/…",
    Service.TELEGRAM: "/botTOKEN/CHAT",
}

_HOST = r"(?P<scheme>https?)://{user}(?P<host>[A-Za-z0-9.-]+(?::\d{{1,5}})?)"
_ANY = _HOST.format(user="") + r"(?P<path>(?:/[A-Za-z0-9._-]+)*?)"
_WITH_TOKEN = _HOST.format(user=r"(?P<token>[A-Za-z0-9._~=-]+)@") + "(?P<path>)"
_FORMS: Mapping[Service, re.Pattern[str]] = {
    service: re.compile(pattern)
    for service, pattern in (
        (Service.SLACK, _ANY + r"/services/(?P<team>[A-Z0-9]+)/(?P<hook>[A-Z0-9]+)/(?P<token>[A-Za-z0-9]+)"),
        (Service.DISCORD, _ANY + r"/api/webhooks/(?P<hook>\d+)/(?P<token>[A-Za-z0-9_-]+)"),
        (Service.MATTERMOST, _ANY + r"/hooks/(?P<token>[A-Za-z0-9]+)"),
        (Service.MATRIX, _WITH_TOKEN + r"/(?P<room>[!#][A-Za-z0-9._~=/+-]+:[A-Za-z0-9.-]+(?::\d{1,5})?)"),
        (
            Service.TELEGRAM,
            _ANY + r"/bot(?P<bot>\d+):(?P<token>[A-Za-z0-9_-]+)/(?P<chat>-?\d+|@[A-Za-z0-9_]+)",
        ),
    )
}
# The web pages of one service have several hosts.
_DISCORD_HOST = re.compile(r"https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/")
_NAME = re.compile(rf"[0-9a-f]{{8}}@(?:{'|'.join(Service)})\.invalid")


@dataclass(frozen=True, slots=True)
class AllowedService:
    """A service that the operator allows, and the only address that its posts are sent to."""

    service: Service
    base: str
    """Scheme, host and port, and the path before the part that names a channel."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `slack`, or `mattermost=https://chat.example.org`. Raises BadInput."""
        name, _, base = text.partition("=")
        if name not in tuple(Service):
            raise BadInput(f"there is no chat service {name[:40]!r}; choose from {', '.join(Service)}")
        service = Service(name)
        base = (base or HOSTS.get(service, "")).rstrip("/")
        if not re.fullmatch(_ANY, base):
            raise BadInput(
                f"{service} needs its address; write it like {service}=https://{service}.example.org"
            )
        return cls(service, base)

    @property
    def example(self) -> str:
        """The form of an address of a channel."""
        scheme, _, host = self.base.partition("://")
        if self.service == Service.MATRIX:
            return f"{scheme}://TOKEN@{host}/!room:server"
        return self.base + _EXAMPLES[self.service]


@dataclass(frozen=True, slots=True)
class ChannelAddress:
    """The address of a channel, which whoever knows it can post to."""

    service: Service
    base: str
    """The address of the service."""
    url: str
    parts: Mapping[str, str]
    """What the address names: the secret `token`, and others by the service."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address as a service gives it. Raises BadInput, whose message does not contain the address."""
        url = _DISCORD_HOST.sub(f"{HOSTS[Service.DISCORD]}/", text.strip())
        if len(url) <= LONGEST_ADDRESS:
            for service, form in _FORMS.items():
                if found := form.fullmatch(url):
                    parts = found.groupdict()
                    base = f"{parts.pop('scheme')}://{parts.pop('host')}{parts.pop('path')}"
                    return cls(service, base, url, parts)
        raise BadInput(
            gettext("This is not the address of a channel; copy it as your chat service shows it.")
        )

    @property
    def masked(self) -> str:
        """The address without its secret."""
        return self.url.replace(self.parts["token"], "…")

    def is_allowed(self, allowed: Collection[AllowedService]) -> bool:
        """Return whether posts to this channel go to an address that the operator allows."""
        return AllowedService(self.service, self.base) in allowed


def channel_name(service: Service, random: str) -> str:
    """Return the name of a channel in place of a mail address; `random` has eight hexadecimal digits."""
    return f"{random}@{service}.invalid"


def service_of(name: str) -> Service:
    """Return the service of the channel with this name."""
    return Service(name.partition("@")[2].removesuffix(".invalid"))


def is_channel_name(text: str) -> bool:
    """Return whether a text is the name of a channel."""
    return _NAME.fullmatch(text) is not None
