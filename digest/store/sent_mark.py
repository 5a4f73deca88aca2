"""Until when mails were sent for sure, kept in Redis: what a database that was restored no longer knows."""

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
        # The words of this error can hold a piece of the password.
        raise BadInput("DIGEST_BROKER_URL is no address of a Redis; try redis://127.0.0.1:6379/0.") from None


class SentMark:
    """The mark of one installation. Without a Redis there is none."""

    def __init__(self, redis_url: str, installation: str) -> None:
        """Prepare the connection; nothing is opened yet. Raises BadInput when the address is none."""
        self._client = _client(redis_url) if redis_url else None
        self._installation = installation

    def note(self, instant: datetime) -> None:
        """Move the mark on to an instant; it never moves back. A Redis that does not answer costs nothing else."""
        if self._client is not None:
            with suppress(RedisError):
                self._client.zadd(_NAME, {self._installation: instant.timestamp()}, gt=True)

    def read(self) -> datetime | None:
        """Return the mark; None where there is none, or Redis does not answer."""
        if self._client is None:
            return None
        with suppress(RedisError):
            seconds = self._client.zscore(_NAME, self._installation)
            return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
        return None

    def close(self) -> None:
        """Give the connection back."""
        if self._client is not None:
            self._client.close()
