"""The provider's limits on mails per second, minute, hour and day, counted over all processes of an account.

Windows slide: no span of that length, wherever it begins, has more mails. Counts are in Redis where there is a
broker, else in this process; mails sent before the counts began are counted from the ledger.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from limits import RateLimitItem, RateLimitItemPerSecond, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MovingWindowSupport, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis import Redis

from digest.delivery.turns import LocalTurns, RedisTurns, Turns, uncounted
from digest.domain.pace import SLOWEST, Pace, slow_down
from digest.errors import BadInput

BOUNDLESS = 1_000_000
"""No limit: more than any batch."""
_FORM = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour|day)")
# A window this short is free again within a batch, so its room does not limit how many to claim.
_SHORT = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
_LEAST_WAIT = 0.002


@dataclass(frozen=True, slots=True)
class Limit:
    """A maximum number of mails in any span of this length."""

    mails: int
    window: timedelta
    text: str

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read `14/second`. Raises BadInput."""
        form = _FORM.fullmatch(text)
        if form is None:
            raise BadInput(f"{text!r} is no mail limit; write it like 14/second or 50000/day.")
        return cls(int(form[1]), timedelta(**{f"{form[2]}s": 1}), text)


class Limits(Protocol):
    """How many mails may be sent, and when."""

    @property
    def never_waits(self) -> bool:
        """Whether `wait` always returns at once."""

    def room(self, now: datetime) -> int:
        """Return how many mails may be sent before a longer wait; at most BOUNDLESS. Raises TryLater."""

    def wait(self, longest: float) -> float:
        """Take a turn, waiting at most `longest` seconds; return 0 if it was taken, else the seconds until there is one.

        Raises TryLater when the turns cannot be counted now.
        """

    def end_turn(self) -> None:
        """Say that the server has answered the mail for which this thread took its turn, or that it was not sent."""

    def slow_down(self, measured: float, now: datetime) -> bool:
        """Lower the pace below `measured` mails a second, as the provider asks; return False at the slowest pace."""


class NoLimits:
    """No limits."""

    never_waits = True

    def room(self, now: datetime) -> int:  # noqa: ARG002 - the protocol's words
        """Return BOUNDLESS."""
        return BOUNDLESS

    def wait(self, longest: float) -> float:  # noqa: ARG002
        """Return 0."""
        return 0.0

    def end_turn(self) -> None:
        """Do nothing."""

    def slow_down(self, measured: float, now: datetime) -> bool:  # noqa: ARG002
        """Return False: there is no pace to lower."""
        return False


class ProviderLimits:
    """Several limits of one mail account at once, exact over all processes that share the storage."""

    never_waits = False

    def __init__(
        self,
        limits: Sequence[Limit],
        account: str,
        storage_url: str = "memory://",
        sent_since: Callable[[datetime], int] = lambda _: 0,
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`account` is what the limits apply to; `sent_since` counts sent mails in the ledger, as counts may be lost.

        Raises BadInput for an invalid storage URL.
        """
        self._limits = [limit for limit in limits if limit.window > _SECOND]
        self._items: list[RateLimitItem] = [parse(limit.text) for limit in self._limits]
        self._turns = [turns_of(limit, account, storage_url) for limit in limits if limit.window <= _SECOND]
        self._account = account
        self._sent_since = sent_since
        self._sleep = sleep
        self._limiter = sliding_windows(storage_url)

    def room(self, now: datetime) -> int:
        """Return the room of the fullest window, short ones left out."""
        rooms = [BOUNDLESS]
        for limit, item in zip(self._limits, self._items, strict=True):
            if limit.window <= _SHORT:
                continue
            try:
                remaining = self._limiter.get_window_stats(item, self._account).remaining
            except StorageError as error:
                raise uncounted() from error
            rooms.append(min(remaining, limit.mails - self._sent_since(now - limit.window)))
        return max(0, min(rooms))

    def wait(self, longest: float) -> float:
        """Take a turn of every window, one after the other; those by the second are held until `end_turn`."""
        remaining = longest
        # Those by the second first: when a longer window is full, only their turns are lost.
        takes = [turns.take for turns in self._turns]
        takes += [partial(_take, self._limiter, item, self._account) for item in self._items]
        for number, take in enumerate(takes):
            while (seconds := take()) > 0:
                if seconds > remaining:
                    for turns in self._turns[:number]:
                        turns.end()
                    return seconds
                self._sleep(seconds)
                remaining -= seconds
        return 0.0

    def end_turn(self) -> None:
        """End the turns by the second."""
        for turns in self._turns:
            turns.end()

    def slow_down(self, measured: float, now: datetime) -> bool:  # noqa: ARG002
        """Return False: these limits are fixed."""
        return False


class PacedLimits:
    """Fixed limits, and above them the pace that a provider asked for, shared by all processes of an account."""

    def __init__(
        self,
        limits: Limits,
        account: str,
        find_pace: Callable[[], Pace | None],
        change: Callable[[Callable[[Pace | None], Pace]], Pace],
        clock: Callable[[], datetime],
        storage_url: str = "memory://",
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`find_pace` reads the pace that is stored; `change` stores the result of a function of it."""
        self._limits = limits
        self._account = account
        self._find = find_pace
        self._change = change
        self._clock = clock
        self._sleep = sleep
        self._limiter = sliding_windows(storage_url)
        self._pace: Pace | None = None

    @property
    def never_waits(self) -> bool:
        """Whether there is neither a pace nor a limit."""
        return self._mails_per_second() is None and self._limits.never_waits

    def _mails_per_second(self) -> float | None:
        return self._pace.at(self._clock()) if self._pace else None

    def room(self, now: datetime) -> int:
        """Return the room of the fixed limits. Reads the pace, which other processes may have changed."""
        self._pace = self._find()
        return self._limits.room(now)

    def wait(self, longest: float) -> float:
        """Take a turn of the pace, then of the fixed limits."""
        remaining = longest
        while (mails_per_second := self._mails_per_second()) is not None:
            seconds = _take(self._limiter, _item(mails_per_second), f"pace:{self._account}")
            if seconds <= 0:
                break
            if seconds > remaining:
                return seconds
            self._sleep(seconds)
            remaining -= seconds
        return self._limits.wait(remaining)

    def end_turn(self) -> None:
        """End the turn of the fixed limits."""
        self._limits.end_turn()

    def slow_down(self, measured: float, now: datetime) -> bool:
        """Halve the pace for all processes; False if it is the slowest already."""
        before = self._pace
        self._pace = self._change(lambda stored: slow_down(stored, measured, now))
        return before is None or self._pace == before or self._pace.mails_per_second > SLOWEST


class _PaceItem(RateLimitItemPerSecond):
    """Counts turns under one name, whatever the pace is, so that a change of pace does not begin a new count."""

    def key_for(self, *identifiers: bytes | str | float) -> str:
        return "/".join(("PACE", *map(str, identifiers)))


def _item(mails_per_second: float) -> RateLimitItem:
    # At most one second of mails at once: providers object to bursts.
    if mails_per_second >= 1:
        return _PaceItem(int(mails_per_second), 1)
    return _PaceItem(1, round(1 / mails_per_second))


def _take(limiter: MovingWindowRateLimiter, item: RateLimitItem, account: str) -> float:
    """Take a turn; return 0 if it was taken, else the seconds until there may be one. Raises TryLater."""
    try:
        if limiter.hit(item, account):
            return 0.0
        free_at = limiter.get_window_stats(item, account).reset_time
    except StorageError as error:
        raise uncounted() from error
    return max(_LEAST_WAIT, free_at - time.time())


def turns_of(limit: Limit, account: str, storage_url: str) -> Turns:
    """Return the turns of a limit by the second. Raises BadInput for an invalid storage URL."""
    seconds = limit.window.total_seconds()
    if storage_url.startswith("memory:"):
        return LocalTurns(limit.mails, seconds)
    try:
        client = Redis.from_url(storage_url)
    except ValueError:
        raise _bad_storage() from None
    return RedisTurns(client, f"{account}:{limit.text}", limit.mails, seconds)


def sliding_windows(storage_url: str = "memory://", **redis: Any) -> MovingWindowRateLimiter:
    """Return a counter of sliding windows, in this process or in Redis; it raises StorageError without Redis.

    `redis` holds options of the Redis client. Raises BadInput for an invalid storage URL.
    """
    try:
        storage = storage_from_string(storage_url, wrap_exceptions=True, **redis)
    except (ConfigurationError, ValueError):
        raise _bad_storage() from None
    assert isinstance(storage, Storage)
    assert isinstance(storage, MovingWindowSupport)
    return MovingWindowRateLimiter(storage)


def _bad_storage() -> BadInput:
    return BadInput("DIGEST_BROKER_URL is no address of a Redis; try redis://127.0.0.1:6379/0.")
