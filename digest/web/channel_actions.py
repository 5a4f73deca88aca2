"""The part of a team's section about chat channels: what it shows, and its buttons."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from limits import RateLimitItemPerHour

from digest.delivery.composed_mail import schedule_in_words
from digest.domain.channel import ChannelAddress
from digest.domain.subscriber import Schedule, Subscriber
from digest.errors import BadInput, NeverSend, TryLater
from digest.store.database import Connection
from digest.subscribers import channels
from digest.subscribers.preferences import remove
from digest.text.languages import gettext, gettext_noop
from digest.web.context import WebContext
from digest.web.forms import Form

FIRST_POSTS = RateLimitItemPerHour(10)
"""Per team."""
CHANNEL_DONE = {
    "channel_added": gettext_noop("The channel got a first message. Its digests come at the hour you chose."),
    "channel_removed": gettext_noop("Removed. Nothing is posted to that channel any more."),
    "channel_restarted": gettext_noop("The channel got a message, and gets digests again."),
}


def channel_values(context: WebContext, connection: Connection, subscriber: Subscriber) -> dict[str, Any]:
    """Return the values of `_channels.html`."""
    return {
        "channels": channels.find_channels(connection, subscriber),
        "channel_services": context.container.chat_services,
    }


def _send_first(context: WebContext, member: Subscriber, schedule: Schedule) -> channels.SendFirst:
    """Return the function that sends the first post to a channel. It raises BadInput and TryLater."""

    def send(channel: ChannelAddress) -> None:
        if not context.previews.hit(FIRST_POSTS, "channel", member.team or ""):
            raise TryLater(gettext("Too many messages to channels; please continue in an hour."), 3600)
        text = context.container.posts.first(schedule_in_words(schedule))
        try:
            with context.container.chat_transport.open() as connection:
                connection.post(channel, text)
        except NeverSend as error:
            raise BadInput(
                gettext("%(refusal)s Check its address, or make a new one.", refusal=error)
            ) from None

    return send


def _add(context: WebContext, subscriber: Subscriber, form: Form) -> str:
    container = context.container
    typed: dict[str, Any] = {
        "hour": form.number("channel_hour"),
        "frequency": form.text("channel_frequency"),
    }
    schedule = replace(subscriber.schedule, **typed)
    channels.add_channel(
        container.database,
        container.profiles,
        container.secret,
        subscriber,
        ChannelAddress.parse(form.text("channel")),
        schedule,
        context.now(),
        _send_first(context, subscriber, schedule),
    )
    return "channel_added"


def _remove(context: WebContext, subscriber: Subscriber, form: Form) -> str:
    container = context.container
    with container.database.read() as connection:
        channel = channels.own_channel(connection, subscriber, form.text("channel"))
    remove(container.database, container.secret, channel.address, context.now())
    return "channel_removed"


def _restart(context: WebContext, subscriber: Subscriber, form: Form) -> str:
    name = form.text("channel")
    with context.container.database.read() as connection:
        schedule = channels.own_channel(connection, subscriber, name).schedule
    send_first = _send_first(context, subscriber, schedule)
    channels.restart_channel(context.container.database, subscriber, name, send_first)
    return "channel_restarted"


CHANNEL_ACTIONS: dict[str, Callable[[WebContext, Subscriber, Form], str]] = {
    "add_channel": _add,
    "remove_channel": _remove,
    "restart_channel": _restart,
}
