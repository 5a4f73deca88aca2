"""Checks whether a beat process runs, by RedBeat's schedule in Redis."""

from datetime import UTC, datetime, timedelta
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from digest.doctor.check import Check, bad, good
from digest.errors import StopRun

SCHEDULE_KEY = "digest:beat::schedule"
"""The Redis key of RedBeat's schedule, with the key prefix that `workers.app` sets."""
LATE = timedelta(minutes=2)
"""Tasks are due every 20 seconds or more often, and a standby beat takes over after 30 seconds."""


def require_beat(redis_url: str, now: datetime) -> None:
    """Raise StopRun if no task was started for LATE, or if Redis does not answer."""
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
            f"No beat runs: a task due at {due_at:%Y-%m-%d %H:%M} UTC was not started; start one with: digest beat"
        )


def examine_beat(redis_url: str, now: datetime) -> list[Check]:
    """Check that a beat starts tasks, where one is needed."""
    silence = beat_silence(redis_url, now)
    return [] if silence is None else [judge_beat(silence)]


def beat_silence(redis_url: str, now: datetime) -> str | None:
    """Return why the beat is silent; "" if it is not; None without Redis, where no beat is needed."""
    if not redis_url:
        return None
    try:
        require_beat(redis_url, now)
    except StopRun as error:
        return str(error)
    return ""


def judge_beat(silence: str) -> Check:
    """Judge whether the beat starts tasks; `silence` says why not."""
    if not silence:
        return good("beat", "It starts tasks.")
    return bad("beat", silence, "Nothing is planned or sent without a beat; run: digest beat")
