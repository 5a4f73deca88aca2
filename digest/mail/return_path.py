"""Return paths that name their delivery (VERP): `bounces+KEY@domain` for MAIL FROM.

KEY is `<delivery>-<signature>`: the delivery's id in base 36, and 60 bits of an HMAC-SHA256 over the id and the
subscriber's key. The signature covers the subscriber's key, so a KEY from before a database was restored does not fit
another delivery that got the same id. All letters are lower case, as some servers change the case of a local part.
"""

import hmac
import re
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256

from digest.domain.delivery import LARGEST_ID

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SIGNATURE_LENGTH = 12
_KEY = re.compile(rf"([0-9a-z]{{1,13}})-([a-z2-7]{{{_SIGNATURE_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class ReturnKey:
    """The part of a return path that names a delivery. It proves nothing before `is_genuine`."""

    delivery_id: int
    signature: str


def return_path(mailbox: str, delivery_id: int, subscriber_key: str, secret: bytes) -> str:
    """Return the address that bounces of one delivery come back to. `mailbox` is `local@domain`."""
    local, _, domain = mailbox.rpartition("@")
    signature = _signature(delivery_id, subscriber_key, secret)
    return f"{local}+{_base36(delivery_id)}-{signature}@{domain}"


def read_return_path(address: str, mailbox: str) -> ReturnKey | None:
    """Return the key in an address, None when it is not a return path of `mailbox`."""
    local, _, domain = address.lower().rpartition("@")
    own, _, own_domain = mailbox.lower().rpartition("@")
    prefix, _, key = local.rpartition("+")
    found = _KEY.fullmatch(key)
    if found is None or (prefix, domain) != (own, own_domain):
        return None
    delivery_id = int(found[1], 36)
    return ReturnKey(delivery_id, found[2]) if delivery_id <= LARGEST_ID else None


def is_genuine(key: ReturnKey, subscriber_key: str, secret: bytes) -> bool:
    """Return whether we made this key for this delivery and subscriber."""
    return hmac.compare_digest(key.signature, _signature(key.delivery_id, subscriber_key, secret))


def _signature(delivery_id: int, subscriber_key: str, secret: bytes) -> str:
    data = f"return path {delivery_id} {subscriber_key}".encode()
    code = b32encode(hmac.new(secret, data, sha256).digest()).decode("ascii").lower()
    return code[:_SIGNATURE_LENGTH]


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
