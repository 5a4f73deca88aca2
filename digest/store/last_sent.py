"""The time of the last sent mail, stored in Redis: it shows that a database was restored from an older backup."""

from contextlib import suppress
from datetime import UTC, datetime

from redis import Redis
from redis.exceptions import RedisError

from digest.errors import BadInput

_NAME = "digest:sent-until"
_TIMEOUT_SECONDS = 2.0


def _client(redis_url: str) -> Redis:
    try:
        return Redis.from_url(
            redis_url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
    except ValueError:
        # The message of this error may contain a part of the password.
        raise BadInput("DIGEST_BROKER_URL is not a Redis URL; try redis://127.0.0.1:6379/0.") from None


class SentMark:
    """The time of the last sent mail of one installation; never known without Redis."""

    def __init__(self, redis_url: str, installation: str) -> None:
        """Prepare the connection without opening it. Raises BadInput for a bad URL."""
        self._client = _client(redis_url) if redis_url else None
        self._installation = installation

    def note(self, instant: datetime) -> None:
        """Store an instant unless a later one is stored. Errors of Redis are ignored."""
        if self._client is not None:
            with suppress(RedisError):
                self._client.zadd(_NAME, {self._installation: instant.timestamp()}, gt=True)

    def read(self) -> datetime | None:
        """Return the stored instant; None when there is none or Redis does not answer."""
        if self._client is None:
            return None
        with suppress(RedisError):
            seconds = self._client.zscore(_NAME, self._installation)
            return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
        return None

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
