"""How often something may be asked for: counters of this process, forgotten after an hour.

Several processes count each for themselves; that one address gets one confirmation a day is kept by the
database, for all of them.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from threading import Lock

SIGN_UPS_PER_NETWORK = 20
"""From one IPv4 address, or one IPv6 network of 64 bits, in an hour. A university can share one address."""
SIGN_UPS_PER_DOMAIN = 300
"""For addresses of one domain, in an hour; a mailbox service of millions has that many on a very good day."""
SIGN_UPS = 1000
"""From everywhere, in an hour."""
_MOST_KEYS = 50_000


class HourlyLimits:
    """Counts by key within hours of the clock."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._hour = -1
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def allow(self, limits: dict[str, int]) -> bool:
        """Count one more for each key and tell whether all are within their limit; if not, none is counted."""
        with self._lock:
            hour = int(self._clock().timestamp() // 3600)
            # Forgetting everything beats running out of memory when somebody invents keys.
            if hour != self._hour or len(self._counts) > _MOST_KEYS:
                self._hour = hour
                self._counts.clear()
            if any(self._counts[key] >= limit for key, limit in limits.items()):
                return False
            self._counts.update(limits.keys())
            return True


def sign_up_limits(host: str, domain: str) -> dict[str, int]:
    """Return what one sign-up counts towards."""
    return {
        "sign-ups": SIGN_UPS,
        f"domain {domain.casefold()[:255]}": SIGN_UPS_PER_DOMAIN,
        f"network {network(host)}": SIGN_UPS_PER_NETWORK,
    }


def network(host: str) -> str:
    """Return what counts as one caller: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:60]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"
