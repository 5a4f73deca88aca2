"""How often something may be asked for in an hour, counted over all processes that share a Redis.

Each process counts what it let through in any case: without a Redis that is all, and while one does not
answer it has to do, as nobody's sign-up may wait for a broker. That one address gets one mail of a kind a
day, and one mailbox so many confirmations, is kept by the database, for all of them.
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
"""Asked for (sign-ups and links alike) from one IPv4 address, or one IPv6 network of 64 bits.

A university can share one address.
"""
MAILS_PER_SITE = 40
"""From one IPv6 network of 48 bits: whoever is given one can call from 65,536 networks of 64 bits."""
MAILS_PER_DOMAIN = 300
"""For addresses of one domain; a mailbox service of millions has that many on a very good day."""
MAILS = 1000
"""From everywhere."""
REDIS_REST_SECONDS = 10.0
"""So long a Redis that did not answer is not asked again."""
_IMPATIENT = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5, "retry": Retry(NoBackoff(), 0)}
_MOST_LET_THROUGH = 25_000
"""Some 25 megabytes; of mails, what a day can bring."""
_NAME = "hourly"
_log = logging.getLogger("digest.web")

Window = tuple[RateLimitItem, str]
"""A limit, and the key it is counted under."""


class HourlyLimits:
    """Counts by key. Windows slide: in no span of an hour, wherever it begins, is more let through."""

    def __init__(
        self, secret: bytes, redis_url: str = "", *, rest_seconds: float = REDIS_REST_SECONDS
    ) -> None:
        """`secret` hides what is counted: nobody can read an address out of Redis. Raises BadInput for its URL."""
        self._secret = secret
        self._own = sliding_windows()
        self._let_through = 0
        self._shared = sliding_windows(redis_url, **_IMPATIENT) if redis_url else None
        self._rest_seconds = rest_seconds
        self._ask_again_at = 0.0

    def allow(self, limits: Mapping[str, int]) -> bool:
        """Count one more for each key and tell whether all are within their limit; if not, none is counted.

        Of several calls in the same moment, one too many can still be counted for a key that has room.
        """
        windows = [(RateLimitItemPerHour(limit), self._hidden(key)) for key, limit in limits.items()]
        if not _have_room(self._own, windows) or not self._allow_shared(windows):
            return False
        self._let_through += 1
        if self._let_through > _MOST_LET_THROUGH:
            # Its keys are never dropped. Forgetting everything beats running out of memory.
            self._own, self._let_through = sliding_windows(), 1
        return _take(self._own, windows)

    def _allow_shared(self, windows: Sequence[Window]) -> bool:
        if self._shared is None or time.monotonic() < self._ask_again_at:
            return True
        try:
            return _have_room(self._shared, windows) and _take(self._shared, windows)
        except StorageError as error:
            self._ask_again_at = time.monotonic() + self._rest_seconds
            _log.warning("Redis does not answer, so this process counts sign-ups for itself: %s", error)
            return True

    def _hidden(self, key: str) -> str:
        return hmac.new(self._secret, key.encode(), sha256).hexdigest()[:32]


def _have_room(counter: RateLimiter, windows: Sequence[Window]) -> bool:
    return all(counter.test(item, _NAME, key) for item, key in windows)


def _take(counter: RateLimiter, windows: Sequence[Window]) -> bool:
    return all(counter.hit(item, _NAME, key) for item, key in windows)


def mail_limits(host: str, domain: str) -> dict[str, int]:
    """Return what one mail counts towards that somebody asks for."""
    return {
        **_network_limits(host),
        f"domain {domain.casefold()}": MAILS_PER_DOMAIN,
        "mails": MAILS,
    }


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
