"""Decides which alarms the operator is told about: one message when a condition turns bad, one when it is good again.

About a condition that changes to and fro there are few messages: after each one the pause before the next doubles,
from a quarter of an hour to eight hours, until it has been quiet for a day. Pure functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digest.doctor.check import Check, State
from digest.store.alarms import Alarm

FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=8)
FORGOTTEN_AFTER = timedelta(days=1)
_AT_ONCE = frozenset({"schedule", "queue"})
"""An edition that was not sent by its hour: already a warning is an alarm."""
_MOST_SHOWN = 20
_OVER = "It is over."


@dataclass(frozen=True, slots=True)
class Message:
    """What the operator is told, all changes of one check together."""

    subject: str
    text: str
    bad: tuple[str, ...]
    """The names of the conditions that turned bad."""
    good: tuple[str, ...]
    """The names of the conditions that are good again."""


def is_alarming(check: Check) -> bool:
    """Return whether a finding is an alarm."""
    return check.state is State.BAD or (check.state is State.WARNING and check.name in _AT_ONCE)


def compare(known: Mapping[str, Alarm], checks: Iterable[Check], now: datetime) -> list[Alarm]:
    """Return all alarms as of now: those known, with their present state, and the new ones."""
    by_name = {check.name: check for check in checks}
    found = [_refreshed(alarm, by_name.get(name), now) for name, alarm in known.items()]
    new = [check for name, check in by_name.items() if name not in known and is_alarming(check)]
    return found + [Alarm(one.name, True, now, one.finding, one.advice) for one in new]


def _refreshed(alarm: Alarm, check: Check | None, now: datetime) -> Alarm:
    is_bad = check is not None and is_alarming(check)
    return replace(
        alarm,
        is_bad=is_bad,
        since_at=alarm.since_at if is_bad == alarm.is_bad else now,
        finding=check.finding if check else _OVER,
        advice=check.advice if check else "",
    )


def is_due(alarm: Alarm, now: datetime) -> bool:
    """Return whether the operator has to be told about an alarm now."""
    if alarm.is_bad == alarm.told_bad:
        return False
    return alarm.told_at is None or now >= alarm.told_at + pause_after(alarm.messages)


def pause_after(messages: int) -> timedelta:
    """Return the least time after the last of this many messages about one condition."""
    # The limit of the exponent keeps the product in the range of a timedelta.
    return min(FIRST_PAUSE * (1 << min(max(messages, 1) - 1, 10)), LONGEST_PAUSE)


def is_over(alarm: Alarm, now: datetime) -> bool:
    """Return whether an alarm can be forgotten: good for a day, and told so; or over before a message was sent."""
    if alarm.is_bad or alarm.told_bad:
        return False
    return alarm.told_at is None or now - max(alarm.told_at, alarm.since_at) >= FORGOTTEN_AFTER


def told(alarm: Alarm, now: datetime) -> Alarm:
    """Return an alarm after the operator was told its present state."""
    return replace(alarm, told_bad=alarm.is_bad, told_at=now, messages=alarm.messages + 1)


def message_about(due: Sequence[Alarm], installation: str, now: datetime) -> Message:
    """Return the message about alarms that are due. `installation` is the address of its pages."""
    bad = [alarm for alarm in due if alarm.is_bad]
    good = [alarm for alarm in due if not alarm.is_bad]
    lines = [line for alarm in bad[:_MOST_SHOWN] for line in _lines("BAD", alarm)]
    lines += [line for alarm in good[:_MOST_SHOWN] for line in _lines("GOOD AGAIN", alarm)]
    hidden = max(0, len(bad) - _MOST_SHOWN) + max(0, len(good) - _MOST_SHOWN)
    if hidden:
        lines.append(f"... and {hidden} more")
    lines += ["", f"All findings: digest status ({installation}, {now:%Y-%m-%d %H:%M} UTC)"]
    return Message(
        _subject(bad, good),
        "\n".join(lines) + "\n",
        tuple(alarm.name for alarm in bad),
        tuple(alarm.name for alarm in good),
    )


def _subject(bad: Sequence[Alarm], good: Sequence[Alarm]) -> str:
    first = (bad or good)[0].name
    others = len(bad or good) - 1
    return f"digest: {first}{f' and {others} more' if others else ''} {'BAD' if bad else 'good again'}"


def _lines(word: str, alarm: Alarm) -> list[str]:
    lines = [f"{word} {alarm.name}: {alarm.finding}"]
    if alarm.advice:
        lines.append(f"    {alarm.advice}")
    return lines
