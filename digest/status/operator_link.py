"""The signed link to the operator's page: valid for some days, and good for nothing else."""

import hashlib
from datetime import date, timedelta
from hmac import compare_digest

from itsdangerous import BadSignature, Signer

from digest.errors import BadLink

VALID_DAYS = 30
_UNUSABLE = "This link is incomplete or has expired; make a new one with: digest operator-link"


def operator_link(base_url: str, secret: bytes, today: date, days: int = VALID_DAYS) -> str:
    """Return the link, valid through `days` days after today (UTC)."""
    token = _signer(secret).sign(f"{today + timedelta(days=days):%Y%m%d}").decode()
    return f"{base_url}/operator/{token}"


def check_token(secret: bytes, token: str, today: date) -> None:
    """Raise BadLink unless the token was signed here and has not expired."""
    signer = _signer(secret)
    try:
        signed = signer.unsign(token)
        # Base64 decoding is lenient; only the canonical spelling is accepted.
        genuine = compare_digest(signer.sign(signed), token.encode())
        through = date.fromisoformat(signed.decode()) if genuine else date.min
    except (BadSignature, UnicodeError, ValueError):
        raise BadLink(_UNUSABLE) from None
    if today > through:
        raise BadLink(_UNUSABLE)


def _signer(secret: bytes) -> Signer:
    return Signer(secret, salt="digest.operator", digest_method=hashlib.sha256)
