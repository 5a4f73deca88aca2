"""The beat: whether somebody gives out the work of the timetable, as its schedule in Redis tells."""

from datetime import UTC, datetime, timedelta
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from digest.errors import StopRun

SCHEDULE_KEY = "digest:beat::schedule"
"""Where RedBeat keeps when each entry is due next: our key prefix, as `workers.app` sets it."""
LATE = timedelta(minutes=2)
"""The shortest entry is due every 20 seconds, and a second beat takes over after 30."""


def require_beat(redis_url: str, now: datetime) -> None:
    """Return if the timetable is up to date. Raises StopRun, with what to do, when no beat gives out work."""
    client = Redis.from_url(redis_url, socket_connect_timeout=5, socket_timeout=5)
    try:
        first = cast("list[tuple[bytes, float]]", client.zrange(SCHEDULE_KEY, 0, 0, withscores=True))
    except RedisError as error:
        raise StopRun(f"Redis does not answer ({type(error).__name__}); check DIGEST_BROKER_URL.") from None
    finally:
        client.close()
    if not first:
        raise StopRun("No beat has run with this Redis; start one with: digest beat")
    due_at = datetime.fromtimestamp(first[0][1], UTC)
    if now - due_at > LATE:
        raise StopRun(
            f"No beat runs: work due at {due_at:%Y-%m-%d %H:%M} UTC was not given out; start one with: digest beat"
        )
