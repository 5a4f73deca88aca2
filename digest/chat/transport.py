"""The transport of posts to chat channels, through the library `apprise`, which speaks the interface of each service.

Posts go to the services that the operator allows, and to no other address: apprise gets the parts of a checked address
instead of a URL, whose options can read files and name other hosts, and follows no redirect. A service with one host for
everybody can be at another address, too, such as a proxy. Apprise says in a log line what a service answered; the code
in it decides whether the channel is gone or the post is retried.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from digest.domain.channel import AllowedService, ChannelAddress, Service
from digest.errors import BadInput, NeverSend, TryLater
from digest.mail.envelope import Envelope
from digest.text.languages import gettext

GONE = frozenset({400, 401, 403, 404, 410})
"""The codes with which the services refuse a channel: its address or token is no longer valid."""
MOST_UNANSWERED = 3
"""Posts to one service without an answer, after which the other posts of a batch are retried later."""
TIMEOUT_SECONDS = 15.0
_CODE = re.compile(r"error=(\d{3})")
NEEDS_EXTRA = "DIGEST_CHAT needs apprise; run: pip install 'trending-papers-digest[chat]'"


class ChatTransport:
    """Posts the text of an envelope to the channel that its recipient names."""

    def __init__(
        self, allowed: Collection[AllowedService], find_address: Callable[[str], str | None]
    ) -> None:
        """`find_address` returns the address of a channel by its name, None for none."""
        self._allowed = allowed
        self._find_address = find_address

    @contextmanager
    def open(self) -> Iterator["ChatConnection"]:
        """Return a connection for a batch. Each post has a connection of its own to its service."""
        yield ChatConnection(self._allowed, self._find_address)


class ChatConnection:
    """Sends posts, one after another."""

    def __init__(
        self, allowed: Collection[AllowedService], find_address: Callable[[str], str | None]
    ) -> None:
        self._allowed = allowed
        self._find_address = find_address
        self._unanswered: Counter[str] = Counter()
        """Posts in a row without an answer, by the service's address."""

    def send(self, envelope: Envelope) -> str:
        """Post the text; return what the service answered. Raises TryLater, or NeverSend for a channel that is gone."""
        address = self._find_address(envelope.recipient)
        if address is None:
            raise NeverSend(gettext("The channel was removed."))
        try:
            channel = ChannelAddress.parse(address)
        except BadInput as error:
            raise NeverSend(str(error)) from None
        return self.post(channel, envelope.content.decode())

    def post(self, channel: ChannelAddress, text: str) -> str:
        """Post a text in Markdown to a channel; return what the service answered. Raises what `send` raises."""
        label = channel.service.label
        if not channel.is_allowed(self._allowed):
            raise NeverSend(
                gettext("This installation does not post to %(service)s at this address.", service=label)
            )
        if self.unanswered(channel.base) >= MOST_UNANSWERED:
            raise TryLater(gettext("%(service)s does not answer.", service=label))
        is_posted, lines = _notify(channel, text)
        codes = [int(code) for line in lines for code in _CODE.findall(line)]
        if is_posted or codes:
            self._unanswered[channel.base] = 0
        if is_posted:
            return f"posted to {label}"
        if codes and codes[-1] in GONE:
            raise NeverSend(
                gettext("%(service)s refuses this channel (error %(code)s).", service=label, code=codes[-1])
            )
        if codes:
            raise TryLater(
                gettext("%(service)s asks to try later (error %(code)s).", service=label, code=codes[-1])
            )
        self._unanswered[channel.base] += 1
        raise TryLater(gettext("%(service)s does not answer.", service=label))

    def unanswered(self, base: str) -> int:
        """Return how many posts in a row a service, by its address, has not answered."""
        return self._unanswered[base]


def require_apprise() -> None:
    """Raise BadInput if the extra is not installed."""
    try:
        import apprise  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise BadInput(NEEDS_EXTRA) from None


def _notify(channel: ChannelAddress, text: str) -> tuple[bool, list[str]]:
    """Return whether a text was posted, and the log lines about it."""
    import apprise  # noqa: PLC0415 - an extra

    # Its log lines name chats and rooms; at lower levels they contain tokens.
    logging.getLogger("apprise").propagate = False
    asset = apprise.AppriseAsset(
        app_id="Trending papers", async_mode=False, http_redirects=False, storage_mode="memory"
    )
    try:
        plugin = _plugin(channel, asset)
    except apprise.AppriseImproperlyConfigured:
        # Its form of a token may be stricter than ours.
        raise NeverSend(
            gettext("This is not the address of a channel of %(service)s.", service=channel.service.label)
        ) from None
    plugin.socket_connect_timeout = plugin.socket_read_timeout = TIMEOUT_SECONDS
    sender = apprise.Apprise(asset=asset)
    sender.add(plugin)
    # An error in it becomes a log line without a code, so it costs this post only.
    result = sender.notify(body=text, body_format=apprise.NotifyFormat.MARKDOWN)
    return bool(result), [entry.message for one in result.results for entry in one.logs()]


def _plugin(channel: ChannelAddress, asset: Any) -> Any:
    """Return apprise's object for a channel. Its registry of plugins would import more than a hundred of them."""
    plugin: Any
    parts, base = channel.parts, urlsplit(channel.base)
    host = {"asset": asset, "host": base.hostname, "port": base.port, "secure": base.scheme == "https"}
    match channel.service:
        case Service.SLACK:
            from apprise.plugins.slack import NotifySlack  # noqa: PLC0415 - an extra

            tokens = {"token_a": parts["team"], "token_b": parts["hook"], "token_c": parts["token"]}
            plugin = NotifySlack(**tokens, include_image=False, include_footer=False, asset=asset)
            plugin.webhook_url = f"{channel.base}/services"
        case Service.DISCORD:
            from apprise.plugins.discord import NotifyDiscord  # noqa: PLC0415 - an extra

            plugin = NotifyDiscord(parts["hook"], parts["token"], avatar=False, asset=asset)
            plugin.notify_url = f"{channel.base}/api/webhooks"
        case Service.MATTERMOST:
            from apprise.plugins.mattermost import NotifyMattermost  # noqa: PLC0415 - an extra

            plugin = NotifyMattermost(parts["token"], fullpath=base.path, **host)
        case Service.MATRIX:
            from apprise.plugins.matrix import NotifyMatrix  # noqa: PLC0415 - an extra

            # Discovery would ask the server for the address of another one.
            options = {"discovery": False, "e2ee": False, "mode": "off"}
            plugin = NotifyMatrix(targets=[parts["room"]], password=parts["token"], **options, **host)
        case Service.TELEGRAM:
            from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415 - an extra

            bot = f"{parts['bot']}:{parts['token']}"
            plugin = NotifyTelegram(bot, [parts["chat"]], detect_owner=False, mdv="v2", asset=asset)
            plugin.notify_url = f"{channel.base}/bot"
    return plugin
