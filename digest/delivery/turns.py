"""Turns of a limit by the second: a mail holds its turn until one window after the server's answer.

The server sees a mail at some instant between the request of its turn and the answer. So however late each mail
reaches it, no window there has more mails than turns. Counting the requests alone, as the library `limits` does for
longer windows, let a server with 14 turns a second see 19 mails, as the first mail of each connection is late.
"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from threading import Lock, local
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

from digest.errors import TryLater

HELD = 120.0
"""Seconds after which the turn of a mail without an answer ends: longer than the server may take for one."""
POLL = 0.02
"""Seconds until the next request when all turns are held by mails without an answer."""


def uncounted() -> TryLater:
    """Return the error for limits whose counts in Redis cannot be read."""
    return TryLater("The mail limit cannot be counted, as Redis does not answer; mails wait until it does.")


class Turns(Protocol):
    """A number of turns, each used by one mail at a time."""

    def take(self) -> float:
        """Take a turn; return 0 if it was taken, else the seconds until there may be one. Raises TryLater."""

    def end(self) -> None:
        """Say that the server has answered the mail of this thread; its turn is free again one window later."""


class LocalTurns:
    """The turns of a process that has the account for itself."""

    def __init__(self, most: int, window: float, now: Callable[[], float] = time.monotonic) -> None:
        """`most` turns for each span of `window` seconds."""
        self._most = most
        self._window = window
        self._now = now
        self._in_flight = 0
        self._free_at: deque[float] = deque()
        self._using = Lock()

    def take(self) -> float:
        """Take a turn."""
        with self._using:
            now = self._now()
            while self._free_at and self._free_at[0] < now:
                self._free_at.popleft()
            if self._in_flight + len(self._free_at) < self._most:
                self._in_flight += 1
                return 0.0
            # Not at the very instant, but after it.
            return self._free_at[0] - now + 1e-4 if self._free_at else POLL

    def end(self) -> None:
        """End the turn of a mail."""
        with self._using:
            self._in_flight -= 1
            self._free_at.append(self._now() + self._window)


_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[4])
    redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] / 1000))
    return 0
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local wait = first[2] - now + 100
if wait > ARGV[2] + 100 then return -1 end
return wait
"""
_END = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
return redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[2])
"""


class RedisTurns:
    """The turns of an account that several processes share: a sorted set of the instants at which each is free again."""

    def __init__(self, client: Redis, name: str, most: int, window: float) -> None:
        """`name` is that of the account and the limit."""
        self._key = f"turns:{name}"
        self._most = most
        self._window = round(window * 1e6)
        self._take = client.register_script(_TAKE)
        self._end = client.register_script(_END)
        self._own = local()

    def take(self) -> float:
        """Take a turn."""
        member = token_hex(8)
        try:
            wait = int(
                self._take(keys=[self._key], args=[self._most, self._window, round(HELD * 1e6), member])
            )
        except RedisError as error:
            raise uncounted() from error
        if wait == 0:
            self._own.member = member
        return POLL if wait < 0 else wait / 1e6

    def end(self) -> None:
        """End the turn of a mail. Without Redis, it ends after HELD seconds."""
        with suppress(RedisError):
            self._end(keys=[self._key], args=[self._window, self._own.member])
