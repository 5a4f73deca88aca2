"""The time of the last sent mail, outside of the database: it shows that the database was restored from an older backup.

It is in Redis where there is one, else in a file beside the SQLite database.
"""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from digest.errors import BadInput
from digest.private_files import open_for_writing

_NAME = "digest:sent-until"
_TIMEOUT_SECONDS = 2.0
_NEVER = datetime.min.replace(tzinfo=UTC)


def _client(redis_url: str) -> Redis:
    try:
        return Redis.from_url(
            redis_url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
    except ValueError:
        # The message of this error may contain a part of the password.
        raise BadInput("DIGEST_BROKER_URL is not a Redis URL; try redis://127.0.0.1:6379/0.") from None


class SentMark:
    """The time of the last sent mail of one installation; never known without Redis and without a file."""

    def __init__(self, redis_url: str, installation: str, file: Path | None = None) -> None:
        """Prepare the connection without opening it; `file` is used without Redis. Raises BadInput for a bad URL."""
        self._client = _client(redis_url) if redis_url else None
        self._file = None if redis_url else file
        self._installation = installation

    def note(self, instant: datetime) -> None:
        """Store an instant unless a later one is stored. Errors of Redis and of the disk are ignored."""
        if self._client is not None:
            with suppress(RedisError):
                self._client.zadd(_NAME, {self._installation: instant.timestamp()}, gt=True)
        elif self._file is not None and instant > (self.read() or _NEVER):
            part = self._file.with_name(f"{self._file.name}.part")
            with suppress(OSError):
                with open_for_writing(part) as out:
                    out.write(f"{self._installation} {instant.isoformat()}\n")
                part.replace(self._file)

    def read(self) -> datetime | None:
        """Return the stored instant; None when there is none or it cannot be read."""
        if self._client is None:
            return self._read_file()
        with suppress(RedisError):
            seconds = self._client.zscore(_NAME, self._installation)
            return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
        return None

    def _read_file(self) -> datetime | None:
        if self._file is None:
            return None
        with suppress(OSError, ValueError):
            installation, instant = self._file.read_text(encoding="utf-8").split()
            return datetime.fromisoformat(instant) if installation == self._installation else None
        return None

    def forget(self) -> None:
        """Remove the stored instant. Errors are ignored."""
        if self._client is not None:
            with suppress(RedisError):
                self._client.zrem(_NAME, self._installation)
        elif self._file is not None:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
