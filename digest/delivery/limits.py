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

from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MovingWindowSupport, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

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


class NoLimits:
    """Mail goes as fast as it can."""

    never_waits = True

    def room(self, now: datetime) -> int:  # noqa: ARG002 - the protocol's words
        """Return BOUNDLESS."""
        return BOUNDLESS

    def wait(self, longest: float) -> float:  # noqa: ARG002
        """Return 0."""
        return 0.0


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
        try:
            if self._limiter.hit(item, self._account):
                return 0.0
            free_at = self._limiter.get_window_stats(item, self._account).reset_time
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
