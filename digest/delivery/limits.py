"""What a mail provider takes per second, minute, hour and day, counted over all workers.

Windows slide: in no span of that length do more mails set out, wherever it begins. Counts are kept in
Redis where there is a broker, else in this process; what was sent before it started is read from the
ledger.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from limits import RateLimitItem, RateLimitItemPerSecond, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MovingWindowSupport, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from digest.domain.pace import SLOWEST, Pace, slow_down
from digest.errors import BadInput, TryLater

BOUNDLESS = 1_000_000
"""More than any batch."""
_FORM = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour|day)")
# Room in a window this short comes back within a batch, so it says nothing about how many to claim.
_SHORT = timedelta(minutes=1)
_LEAST_WAIT = 0.002


@dataclass(frozen=True, slots=True)
class Limit:
    """So many mails in any span of this length."""

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
    """How fast mail may go."""

    @property
    def never_waits(self) -> bool:
        """Whether `wait` always returns at once."""

    def room(self, now: datetime) -> int:
        """Return how many mails may go before a longer wait; at most BOUNDLESS. Raises TryLater."""

    def wait(self, longest: float) -> float:
        """Take a turn, waiting for it at most so many seconds; 0 when it is ours, else the seconds until one.

        Raises TryLater when the turns cannot be counted now.
        """

    def slow_down(self, measured: float, now: datetime) -> bool:
        """Go slower than `measured` mails a second, as the provider asks for; False if that is slowest already."""


class NoLimits:
    """Mail goes as fast as it can."""

    never_waits = True

    def room(self, now: datetime) -> int:  # noqa: ARG002 - the protocol's words
        """Return BOUNDLESS."""
        return BOUNDLESS

    def wait(self, longest: float) -> float:  # noqa: ARG002
        """Return 0."""
        return 0.0

    def slow_down(self, measured: float, now: datetime) -> bool:  # noqa: ARG002
        """Return False: there is no pace here."""
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
        """`account` names what is limited; `sent_since` counts mails by the ledger, for counts that were lost.

        Raises BadInput when the storage's address is none.
        """
        # The shortest first: when a longer window is full, a turn of the shorter one is all that is wasted.
        self._limits = sorted(limits, key=lambda limit: limit.window)
        self._items: list[RateLimitItem] = [parse(limit.text) for limit in self._limits]
        self._account = account
        self._sent_since = sent_since
        self._sleep = sleep
        self._limiter = sliding_windows(storage_url)

    def room(self, now: datetime) -> int:
        """Return what the fullest of the longer windows still holds."""
        rooms = [BOUNDLESS]
        for limit, item in zip(self._limits, self._items, strict=True):
            if limit.window <= _SHORT:
                continue
            try:
                remaining = self._limiter.get_window_stats(item, self._account).remaining
            except StorageError as error:
                raise _uncounted() from error
            rooms.append(min(remaining, limit.mails - self._sent_since(now - limit.window)))
        return max(0, min(rooms))

    def wait(self, longest: float) -> float:
        """Take a turn of every window, one after the other."""
        remaining = longest
        for item in self._items:
            while (seconds := self._take(item)) > 0:
                if seconds > remaining:
                    return seconds
                self._sleep(seconds)
                remaining -= seconds
        return 0.0

    def _take(self, item: RateLimitItem) -> float:
        return _take(self._limiter, item, self._account)

    def slow_down(self, measured: float, now: datetime) -> bool:  # noqa: ARG002
        """Return False: these limits are fixed."""
        return False


class PacedLimits:
    """Fixed limits, and above them the pace that a provider asked for, shared by all processes of an account."""

    def __init__(
        self,
        limits: Limits,
        account: str,
        find_subscriber: Callable[[], Pace | None],
        change: Callable[[Callable[[Pace | None], Pace]], Pace],
        clock: Callable[[], datetime],
        storage_url: str = "memory://",
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`find_subscriber` reads the pace that is stored; `change` stores what a function makes of it."""
        self._limits = limits
        self._account = account
        self._find = find_subscriber
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
        """Return the room of the fixed limits; and look what pace other processes were asked for."""
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
    # A second's worth at once, not more: the bursts of a longer window are what providers dislike.
    if mails_per_second >= 1:
        return _PaceItem(int(mails_per_second), 1)
    return _PaceItem(1, round(1 / mails_per_second))


def _take(limiter: MovingWindowRateLimiter, item: RateLimitItem, account: str) -> float:
    """Take a turn; return 0 when it is ours, else the seconds until there may be one. Raises TryLater."""
    try:
        if limiter.hit(item, account):
            return 0.0
        free_at = limiter.get_window_stats(item, account).reset_time
    except StorageError as error:
        raise _uncounted() from error
    return max(_LEAST_WAIT, free_at - time.time())


def sliding_windows(storage_url: str = "memory://", **redis: Any) -> MovingWindowRateLimiter:
    """Return a counter of sliding windows, in this process or in Redis; it raises StorageError without Redis.

    `redis` goes to Redis' own client. Raises BadInput when the storage's address is none.
    """
    try:
        storage = storage_from_string(storage_url, wrap_exceptions=True, **redis)
    except (ConfigurationError, ValueError):
        raise BadInput("DIGEST_BROKER_URL is no address of a Redis; try redis://127.0.0.1:6379/0.") from None
    assert isinstance(storage, Storage)
    assert isinstance(storage, MovingWindowSupport)
    return MovingWindowRateLimiter(storage)


def _uncounted() -> TryLater:
    return TryLater("The mail limit cannot be counted, as Redis does not answer; mails wait until it does.")
