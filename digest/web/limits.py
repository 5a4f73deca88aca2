"""Limits on mail requests per hour, counted over all processes that share a Redis.

Each process also counts what it allowed itself. Without a Redis, or while Redis does not answer, only that count
applies: a sign-up never waits for the broker. Two further rules hold for all processes in the database: one
mail of a kind per address and day, and a maximum of confirmations per mailbox.
"""

import hmac
import logging
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from ipaddress import IPv6Address, ip_address

from limits import RateLimitItem, RateLimitItemPerHour
from limits.errors import StorageError
from limits.strategies import RateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from digest.delivery.limits import sliding_windows

MAILS_PER_NETWORK = 20
"""Requests (sign-ups and links together) from one IPv4 address, or one IPv6 network of 64 bits.

A university can share one address.
"""
MAILS_PER_SITE = 40
"""From one IPv6 network of 48 bits, which holds 65,536 networks of 64 bits."""
MAILS_PER_DOMAIN = 300
"""Requests for addresses of one domain; the largest mailbox providers reach it on exceptional days only."""
MAILS = 1000
"""All requests together."""
REDIS_RETRY_SECONDS = 10.0
"""Seconds until a Redis that did not answer is tried again."""
_REDIS_OPTIONS = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5, "retry": Retry(NoBackoff(), 0)}
_MAX_ALLOWED = 25_000
"""About 25 MB; more mails than a day can bring."""
_NAME = "hourly"
_log = logging.getLogger("digest.web")

Window = tuple[RateLimitItem, str]
"""A limit, and the key it is counted under."""


class HourlyLimits:
    """Counts by key in sliding windows: no hour, wherever it begins, allows more than the limit."""

    def __init__(
        self, secret: bytes, redis_url: str = "", *, retry_seconds: float = REDIS_RETRY_SECONDS
    ) -> None:
        """`secret` hashes the keys, so that Redis holds no address. Raises BadInput for an invalid URL."""
        self._secret = secret
        self._own = sliding_windows()
        self._allowed = 0
        self._shared = sliding_windows(redis_url, **_REDIS_OPTIONS) if redis_url else None
        self._retry_seconds = retry_seconds
        self._retry_at = 0.0

    def allow(self, limits: Mapping[str, int]) -> bool:
        """Count one for each key and return True if all are within their limit; otherwise count none.

        Concurrent calls can still count one too many for a key that has room.
        """
        windows = [(RateLimitItemPerHour(limit), self._hidden(key)) for key, limit in limits.items()]
        if not _have_room(self._own, windows) or not self._allow_shared(windows):
            return False
        self._allowed += 1
        if self._allowed > _MAX_ALLOWED:
            # The storage never drops keys. Losing all counts is better than running out of memory.
            self._own, self._allowed = sliding_windows(), 1
        return _count(self._own, windows)

    def _allow_shared(self, windows: Sequence[Window]) -> bool:
        if self._shared is None or time.monotonic() < self._retry_at:
            return True
        try:
            return _have_room(self._shared, windows) and _count(self._shared, windows)
        except StorageError as error:
            self._retry_at = time.monotonic() + self._retry_seconds
            _log.warning("Redis does not answer, so this process counts mail requests by itself: %s", error)
            return True

    def _hidden(self, key: str) -> str:
        return hmac.new(self._secret, key.encode(), sha256).hexdigest()[:32]


def _have_room(counter: RateLimiter, windows: Sequence[Window]) -> bool:
    return all(counter.test(item, _NAME, key) for item, key in windows)


def _count(counter: RateLimiter, windows: Sequence[Window]) -> bool:
    return all(counter.hit(item, _NAME, key) for item, key in windows)


def mail_limits(host: str, domain: str) -> dict[str, int]:
    """Return the limits that a mail request from this host to this domain counts towards, by key."""
    return {
        **_network_limits(host),
        f"domain {domain.casefold()}": MAILS_PER_DOMAIN,
        "mails": MAILS,
    }


def network_of(host: str) -> str:
    """Return the key of an IPv4 address, or of the network of 64 bits of an IPv6 one."""
    return next(iter(_network_limits(host)))


def _network_limits(host: str) -> dict[str, int]:
    """Return the limits of an IPv4 address, or of the first 64 and the first 48 bits of an IPv6 one."""
    try:
        address = ip_address(host)
    except ValueError:
        return {f"network {host[:60]}": MAILS_PER_NETWORK}
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return {
                f"network {IPv6Address(int(address) >> 64 << 64)}/64": MAILS_PER_NETWORK,
                f"network {IPv6Address(int(address) >> 80 << 80)}/48": MAILS_PER_SITE,
            }
        return {f"network {mapped}": MAILS_PER_NETWORK}
    return {f"network {address}": MAILS_PER_NETWORK}
