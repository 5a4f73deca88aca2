"""Checks the installation for alarms and tells the operator.

Any number of processes may do this at any time: the database lets one of them begin in each half minute. What the
operator was told is stored after the message is out, so a crash in between can repeat one message and lose none.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from digest.doctor.check import Check
from digest.errors import DigestError, StopRun
from digest.status.alarms import Message, compare, is_alarming, is_due, is_over, message_about, told
from digest.status.channels import Channel, call_heartbeat, channel_from
from digest.status.gather import gather
from digest.status.judge import judge
from digest.store import alarms as alarm_store
from digest.store.reserve import give_up_reserve, keep_reserve
from digest.wiring import Container

TURN = timedelta(seconds=30)
"""The least time between two checks, in all processes together. A message is sent in less."""
HEARTBEAT_EVERY = timedelta(hours=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """The result of a check for alarms."""

    checks: tuple[Check, ...] = ()
    message: Message | None = None
    """What the operator was told; None: nothing has changed."""
    is_elsewhere: bool = False
    """Whether another process has just checked, and this one did nothing."""
    error: str = ""
    """Why the operator could not be told; the next check tries again."""


def channel_of(container: Container) -> Channel | None:
    """Return the way to tell the operator; None without DIGEST_ALARM. Raises BadInput."""
    alarm = container.settings.alarm
    if alarm is None:
        return None
    return channel_from(
        alarm.get_secret_value(), lambda: container.transport, container.settings.sender, container.clock()
    )


def watch(container: Container) -> Watched:
    """Check for alarms and tell the operator what has changed. Raises StopRun and BadInput.

    On a full disk nothing can be stored; then the space that is kept for this is given up.
    """
    channel = channel_of(container)
    if channel is None:
        return Watched()
    try:
        watched = _watch(container, channel)
    except StopRun:
        if not give_up_reserve(container.database):
            raise
        return _watch(container, channel)
    keep_reserve(container.database)
    return watched


def _watch(container: Container, channel: Channel) -> Watched:
    now = container.clock()
    with container.database.begin() as connection:
        if not alarm_store.take_turn(connection, "alarms", now, TURN):
            return Watched(is_elsewhere=True)
    checks = judge(gather(container))
    with container.database.begin() as connection:
        found = compare(alarm_store.find_alarms(connection), checks, now)
        over = {alarm.name for alarm in found if is_over(alarm, now)}
        alarm_store.delete_alarms(connection, over)
        found = [alarm for alarm in found if alarm.name not in over]
        alarm_store.save_alarms(connection, found)
    due = [alarm for alarm in found if is_due(alarm, now)]
    if not due:
        return Watched(tuple(checks))
    message = message_about(due, container.settings.base_url, now)
    try:
        channel(message)
    except DigestError as error:
        _log.warning("the operator could not be told about %s: %s", message.subject, error)
        return Watched(tuple(checks), error=str(error))
    with container.database.begin() as connection:
        alarm_store.save_alarms(connection, [told(alarm, now) for alarm in due])
    return Watched(tuple(checks), message)


def beat_heart(container: Container) -> bool:
    """Call the dead man's switch, if there is one; return whether it answered. A failure is logged only."""
    url = container.settings.heartbeat_url
    if url is None:
        return False
    try:
        call_heartbeat(url.get_secret_value())
    except DigestError as error:
        _log.warning("%s", error)
        return False
    return True


def watch_and_beat(container: Container) -> None:
    """Check for alarms, and call the dead man's switch each hour in which there is none.

    The recurring job of `digest up` and the workers, for which a daily run has no end.
    """
    settings = container.settings
    if settings.alarm is None and settings.heartbeat_url is None:
        return
    watched = watch(container)
    if settings.heartbeat_url is None or watched.is_elsewhere:
        return
    checks = watched.checks or judge(gather(container))
    if any(is_alarming(check) for check in checks):
        return
    with container.database.begin() as connection:
        if not alarm_store.take_turn(connection, "heartbeat", container.clock(), HEARTBEAT_EVERY):
            return
    beat_heart(container)
