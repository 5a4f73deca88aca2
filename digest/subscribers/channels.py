"""Chat channels of a team: adding one after a first post to it, starting it again, and what a page shows of it.

A channel is a member of the team without a mail address: it has a schedule, a ledger and a copy of what is shared, so
its digest is planned, selected and recorded as any other. Each member can remove it; `preferences.remove` does.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from digest.domain.address import Address
from digest.domain.channel import ChannelAddress, channel_name
from digest.domain.schedule import next_due_at
from digest.domain.subscriber import Schedule, Subscriber
from digest.errors import BadInput, NotFound
from digest.store import channels as channel_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Conflict, Connection, Database
from digest.subscribers.addresses import address_hash
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import TAKEN_CHANNEL, Application, subscribe_many
from digest.subscribers.teams import join_team, lock_team
from digest.text.languages import gettext

MOST_CHANNELS = 5

SendFirst = Callable[[ChannelAddress], object]
"""Sends a first post to a channel. Raises an error when the service does not take it."""


@dataclass(frozen=True, slots=True)
class ShownChannel:
    """A channel as its team sees it."""

    name: str
    service: str
    address: str
    """Without its secret."""
    schedule: Schedule
    is_active: bool
    refusal: str
    """Why the service refused the last post; empty if it did not."""


def find_channels(connection: Connection, member: Subscriber) -> list[ShownChannel]:
    """Return the channels of a member's team, the oldest first."""
    team = subscriber_store.find_team(connection, member.team) if member.team else []
    stored = channel_store.find_channels(connection, [one.id for one in team if one.service])
    return [
        ShownChannel(
            name=one.address,
            service=one.service.label,
            address=ChannelAddress.parse(stored[one.id].address).masked,
            schedule=one.schedule,
            is_active=one.status == "active",
            refusal=stored[one.id].refusal,
        )
        for one in team
        if one.service and one.id in stored
    ]


def add_channel(
    database: Database,
    builder: ProfileBuilder,
    secret: bytes,
    member: Subscriber,
    channel: ChannelAddress,
    schedule: Schedule,
    now: datetime,
    send_first: SendFirst,
) -> Subscriber:
    """Add a channel to the team of a member once the first post to it was taken; the first digest comes at its hour.

    Raises BadInput for a member without a team, a team with too many channels, and a channel that is in use; and what
    `send_first` raises.
    """
    if member.team is None:
        raise BadInput(gettext("A channel belongs to a team; make an invitation first, which founds one."))
    fingerprint = address_hash(channel.url, secret)
    with database.read() as connection:
        if channel_store.stored_hashes(connection, [fingerprint]):
            raise BadInput(gettext(TAKEN_CHANNEL))
        _check_room(connection, member.team)
    send_first(channel)
    name = channel_name(channel.service, secrets.token_hex(4))
    application = Application(
        Address(name, name), schedule, channel=channel, team=member.team, language=member.language
    )
    try:
        with database.begin() as connection:
            lock_team(connection, member)
            _check_room(connection, member.team)
            (added,) = subscribe_many(
                connection, builder, secret, [application], now, confirmed=True, how="web"
            )
            if isinstance(added, BadInput):
                raise added
            join_team(connection, builder, added, member.team, now)
            subscriber_store.set_next_due(connection, added.id, next_due_at(now, schedule))
    except Conflict:
        # Two members added the same channel at the same moment.
        raise BadInput(gettext(TAKEN_CHANNEL)) from None
    return added


def restart_channel(database: Database, member: Subscriber, name: str, send_first: SendFirst) -> None:
    """Post to a channel of a member's team again. Raises NotFound, and what `send_first` raises."""
    with database.read() as connection:
        channel = own_channel(connection, member, name)
        stored = channel_store.find_channels(connection, [channel.id])[channel.id]
    send_first(ChannelAddress.parse(stored.address))
    with database.begin() as connection:
        channel_store.note_refusal(connection, own_channel(connection, member, name).id, "")


def own_channel(connection: Connection, member: Subscriber, name: str) -> Subscriber:
    """Return the channel with this name in a member's team. Raises NotFound."""
    team = subscriber_store.find_team(connection, member.team) if member.team else []
    found = [one for one in team if one.service and one.address == name]
    if not found:
        raise NotFound(
            gettext("This channel was removed; open the page again to see the channels of your team.")
        )
    return found[0]


def _check_room(connection: Connection, team: str) -> None:
    if channel_store.count_channels(connection, team) >= MOST_CHANNELS:
        raise BadInput(
            gettext(
                "Your team has %(count)s channels, which is the most; remove one first.", count=MOST_CHANNELS
            )
        )
