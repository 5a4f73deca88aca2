"""Checks the broker: sends PING to the Redis of the Celery workers."""

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
    """The result of a PING."""

    location: str
    trouble: Trouble = ""
    words: str = ""
    """The error message of Redis or of the operating system."""


def examine_broker(url: str, timeout_seconds: float = 5.0) -> Check:
    """Ping the broker."""
    location = place_of(url)
    if location is None:
        return judge_ping(Ping("", "address"))
    if urlsplit(url).scheme not in _SCHEMES:
        return warning(
            "broker",
            f"{location} is not a Redis URL and was not checked.",
            "Use redis://host:6379/0 if workers do not start.",
        )
    return judge_ping(_ping(url, location, timeout_seconds))


def place_of(url: str) -> str | None:
    """Return the broker's URL without user and password, or None if it is invalid."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if not parts.scheme or not (parts.hostname or parts.path):
        return None
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _ping(url: str, location: str, timeout_seconds: float) -> Ping:
    try:
        client = Redis.from_url(
            url,
            socket_connect_timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            # Every Redis supports it, and a server that is not Redis fails at the first reply.
            protocol=2,
        )
    except (ValueError, TypeError):
        # The error message can contain a part of the password.
        return Ping(location, "address")
    try:
        is_redis = client.ping()
    except AuthenticationError as error:
        return Ping(location, "login", quoted(error))
    except TooSlow as error:
        return Ping(location, "silence", quoted(error))
    except InvalidResponse as error:
        return Ping(location, "stranger", quoted(error))
    except BusyLoadingError as error:
        return Ping(location, "refusal", quoted(error))
    except NoConnection as error:
        return Ping(location, "connection", quoted(error))
    except ResponseError as error:
        return Ping(location, "login" if "NOAUTH" in str(error) else "refusal", quoted(error))
    except RedisError as error:
        return Ping(location, "refusal", quoted(error))
    finally:
        client.close()
    return Ping(location) if is_redis else Ping(location, "stranger", "it does not answer PING with PONG")


def judge_ping(ping: Ping) -> Check:
    """Judge the result of a PING."""
    name = "broker"
    match ping.trouble:
        case "":
            return good(name, f"Redis at {ping.location} answers.")
        case "address":
            return bad(
                name,
                "DIGEST_BROKER_URL is not the URL of a Redis.",
                "Write redis://host:6379/0, with the password percent-encoded, or leave it empty to work without Redis.",
            )
        case "login":
            return bad(
                name,
                f"Redis at {ping.location} refuses user or password ({ping.words}).",
                "Write them in DIGEST_BROKER_URL, as redis://user:password@host:6379/0, percent-encoded.",
            )
        case "silence":
            return bad(
                name,
                f"Redis at {ping.location} does not answer ({ping.words}).",
                "Check host and port in DIGEST_BROKER_URL, and whether a firewall blocks the connection.",
            )
        case "connection":
            return bad(
                name,
                f"There is no connection to Redis at {ping.location} ({ping.words}).",
                "Start Redis, or check host and port in DIGEST_BROKER_URL.",
            )
        case "refusal":
            return bad(
                name,
                f"Redis at {ping.location} refuses commands ({ping.words}).",
                "See its log. A server that is loading its data, or a read-only replica, cannot be the broker.",
            )
        case "stranger":
            return bad(
                name,
                f"The server at {ping.location} is not Redis ({ping.words}).",
                "Check host and port in DIGEST_BROKER_URL.",
            )
