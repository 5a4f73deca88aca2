"""Compact signed tokens: one paper for one subscriber, in links short enough to be read in a text mail.

A token is base64url of: the day (2 bytes), the subscriber's key (8), the paper's id, a signature (10). The signature
is a keyed BLAKE2b of 80 bits: only the server can check it, so it cannot be searched offline. Its key belongs to this
purpose. Equal inputs give equal tokens.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b, sha256
from hmac import compare_digest

from digest.errors import BadLink
from digest.text.languages import gettext

_EPOCH = date(2000, 1, 1)
_SIGNATURE = 10
_HEX_KEY = re.compile("[0-9a-f]{16}")
"""The keys that the product makes; they are packed. Any other is kept as text."""
_TEXT_KEY = 1 << 15
_TEXT, _TITLE = b"\x00", b"\x01"
"""First bytes of ids in another form than arXiv's since 2007."""


@dataclass(frozen=True, slots=True)
class PaperClaim:
    """The contents of a valid token."""

    subscriber_key: str
    issued_on: date
    paper_id: str


class PaperTokens:
    """Makes and reads the tokens of one installation."""

    def __init__(self, secret: bytes) -> None:
        self._key = sha256(b"digest.paper\0" + secret).digest()

    def start(self, subscriber_key: str, issued_on: date) -> bytes:
        """Return the part that all tokens of a mail share."""
        days = (issued_on - _EPOCH).days
        if _HEX_KEY.fullmatch(subscriber_key):
            return days.to_bytes(2, "big") + bytes.fromhex(subscriber_key)
        key = subscriber_key.encode()
        return (days | _TEXT_KEY).to_bytes(2, "big") + bytes((len(key),)) + key

    def token(self, start: bytes, paper_id: str) -> str:
        """Return the token of one paper; `start` is what `start()` returned."""
        body = start + _packed(paper_id)
        signature = self._sign(body)
        return urlsafe_b64encode(body + signature).rstrip(b"=").decode("ascii")

    def _sign(self, body: bytes) -> bytes:
        return blake2b(body, key=self._key, digest_size=_SIGNATURE).digest()

    def read(self, token: str) -> PaperClaim:
        """Verify a token and return its contents. Raises BadLink."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            body, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
            # Decoding is lenient, so several spellings give the same bytes; only the canonical one is accepted.
            is_canonical = urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") == token
            is_genuine = compare_digest(self._sign(body), signature)
            claim = _claim(body) if is_canonical and is_genuine else None
        except (NotBase64, ValueError, OverflowError):
            claim = None
        if claim is None:
            raise BadLink(gettext("This link is incomplete; please open it again from the mail."))
        return claim


def _claim(body: bytes) -> PaperClaim:
    """Read a verified body."""
    days = int.from_bytes(body[:2], "big")
    issued_on = _EPOCH + timedelta(days=days & ~_TEXT_KEY)
    if days & _TEXT_KEY:
        end = 3 + body[2]
        return PaperClaim(body[3:end].decode(), issued_on, _unpacked(body[end:]))
    return PaperClaim(body[2:10].hex(), issued_on, _unpacked(body[10:]))


@lru_cache(4096)
def _packed(paper_id: str) -> bytes:
    """Return an id in few bytes: 4 for an arXiv id since 2007, 9 for one derived from a title, else the text."""
    month, _, number = paper_id.partition(".")
    if len(month) == 4 and paper_id.isascii() and month.isdigit() and number.isdigit() and len(number) <= 5:
        packed = (int(month) << 17 | int(number)).to_bytes(4, "big")
        if _unpacked(packed) == paper_id:
            return packed
    if paper_id.startswith("title:") and len(paper_id) == 22:
        packed = _TITLE + bytes.fromhex(paper_id[6:])
        if _unpacked(packed) == paper_id:
            return packed
    return _TEXT + paper_id.encode()


def _unpacked(packed: bytes) -> str:
    if packed[:1] == _TEXT:
        return packed[1:].decode()
    if packed[:1] == _TITLE:
        return f"title:{packed[1:].hex()}"
    month, number = divmod(int.from_bytes(packed, "big"), 1 << 17)
    # The numbers have five digits since 2015.
    return f"{month:04}.{number:0{5 if 1501 <= month < 9000 else 4}}"
