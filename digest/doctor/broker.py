"""The broker: a real PING to the Redis that workers take their tasks from."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as TooSlow
from redis.retry import Retry

from digest.doctor.check import Check, bad, good, quoted, warning

_SCHEMES = frozenset({"redis", "rediss", "unix"})

Trouble = Literal["", "address", "login", "connection", "silence", "refusal", "stranger"]


@dataclass(frozen=True, slots=True)
class Ping:
    """What came of a PING."""

    place: str
    trouble: Trouble = ""
    words: str = ""
    """What Redis or the system said about the trouble."""


def examine_broker(url: str, timeout_seconds: float = 5.0) -> Check:
    """Ping the broker."""
    place = place_of(url)
    if place is None:
        return judge_ping(Ping("", "address"))
    if urlsplit(url).scheme not in _SCHEMES:
        return warning(
            "broker",
            f"{place} is no Redis, and was not asked.",
            "Use redis://host:6379/0 if workers do not start.",
        )
    return judge_ping(_ping(url, place, timeout_seconds))


def place_of(url: str) -> str | None:
    """Return the broker's address without user and password; None if it is none."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if not parts.scheme or not (parts.hostname or parts.path):
        return None
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _ping(url: str, place: str, timeout_seconds: float) -> Ping:
    try:
        client = Redis.from_url(
            url,
            socket_connect_timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            # Every Redis understands it, and what is no Redis is soonest found out.
            protocol=2,
        )
    except (ValueError, TypeError):
        # The words of this error can hold a piece of the password.
        return Ping(place, "address")
    try:
        is_redis = client.ping()
    except AuthenticationError as error:
        return Ping(place, "login", quoted(error))
    except TooSlow as error:
        return Ping(place, "silence", quoted(error))
    except InvalidResponse as error:
        return Ping(place, "stranger", quoted(error))
    except BusyLoadingError as error:
        return Ping(place, "refusal", quoted(error))
    except NoConnection as error:
        return Ping(place, "connection", quoted(error))
    except ResponseError as error:
        return Ping(place, "login" if "NOAUTH" in str(error) else "refusal", quoted(error))
    except RedisError as error:
        return Ping(place, "refusal", quoted(error))
    finally:
        client.close()
    return Ping(place) if is_redis else Ping(place, "stranger", "it answers PING with something else")


def judge_ping(ping: Ping) -> Check:
    """Say what a PING's answer means."""
    name = "broker"
    match ping.trouble:
        case "":
            return good(name, f"Redis at {ping.place} answers.")
        case "address":
            return bad(
                name,
                "DIGEST_BROKER_URL is no address of a Redis.",
                "Write redis://host:6379/0, with the password percent-encoded, or leave it empty to work without.",
            )
        case "login":
            return bad(
                name,
                f"Redis at {ping.place} refuses user or password ({ping.words}).",
                "Write them in DIGEST_BROKER_URL, as redis://user:password@host:6379/0, percent-encoded.",
            )
        case "silence":
            return bad(
                name,
                f"Redis at {ping.place} does not answer ({ping.words}).",
                "Check host and port in DIGEST_BROKER_URL, and whether a firewall stands between.",
            )
        case "connection":
            return bad(
                name,
                f"There is no connection to Redis at {ping.place} ({ping.words}).",
                "Start Redis, or check host and port in DIGEST_BROKER_URL.",
            )
        case "refusal":
            return bad(
                name,
                f"Redis at {ping.place} does not take commands ({ping.words}).",
                "Look at its log; a server that is loading or a read-only copy can be no broker.",
            )
        case "stranger":
            return bad(
                name,
                f"What answers at {ping.place} is no Redis ({ping.words}).",
                "Check host and port in DIGEST_BROKER_URL.",
            )
