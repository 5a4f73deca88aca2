"""Pacing of requests to arXiv over all processes of an installation: a lock in Redis."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from redis import Redis
from redis.exceptions import RedisError

from digest.errors import TryLater

HOLD = timedelta(minutes=10)
"""The lock expires after this time: its holder has crashed."""
_KEY = "digest:turn:arxiv"
_LOOK_AGAIN_SECONDS = 0.1
# Releasing keeps the key for the pause: it expires when the pause is over.
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) end"


class SharedPacer:
    """One request at a time over all workers, each starting at least `pause` after the one before ended."""

    def __init__(
        self,
        redis_url: str,
        pause: timedelta,
        *,
        key: str = _KEY,
        hold: timedelta = HOLD,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._redis = Redis.from_url(redis_url)
        self._pause = max(1, round(pause.total_seconds() * 1000))
        self._key = key
        self._hold = round(hold.total_seconds() * 1000)
        self._sleep = sleep

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and hold it for the duration of the request. Raises TryLater without Redis."""
        name = secrets.token_hex(8)
        try:
            while not self._redis.set(self._key, name, nx=True, px=self._hold):
                self._sleep(_LOOK_AGAIN_SECONDS)
        except RedisError as error:
            raise TryLater(
                "Redis does not answer, so requests to arXiv cannot be paced over all workers; try again later."
            ) from error
        try:
            yield
        finally:
            # Without Redis, the next turn begins when the key expires: later, but never too early.
            with suppress(RedisError):
                self._redis.eval(_RELEASE, 1, self._key, name, self._pause)

    def close(self) -> None:
        """Close the connection to Redis."""
        self._redis.close()
