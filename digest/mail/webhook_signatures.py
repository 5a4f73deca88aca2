"""Verifies that a call of a webhook comes from the mail provider, by each provider's scheme.

| Provider | Scheme |
|---|---|
| Amazon SES, through SNS | RSA over named fields, with a certificate from an address of Amazon; only of one topic |
| Mailgun | HMAC-SHA256 over time and token |
| SendGrid | ECDSA over time and body |
| Postmark | HTTP Basic authentication, which is all that Postmark offers |

A signed time further away than LONGEST_AGE is refused, and each event is processed once, so a repeated call does nothing.
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import load_pem_x509_certificate

LONGEST_AGE = timedelta(hours=24)
"""Providers repeat a call that failed for hours, with its first time."""

_AMAZON = re.compile(r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?/")
_CERTIFICATE = re.compile(_AMAZON.pattern + r"SimpleNotificationService-[0-9a-f]{1,64}\.pem")
_SUBSCRIBE = re.compile(_AMAZON.pattern + r"\?Action=ConfirmSubscription&[A-Za-z0-9&=:_%.-]{1,2000}")
_SIGNED_FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}


def is_from_postmark(authorization: str, user_and_password: str) -> bool:
    """Return whether a call has the user and password (`user:password`) that the webhook was set up with."""
    expected = "Basic " + b64encode(user_and_password.encode()).decode("ascii")
    return hmac.compare_digest(authorization.encode(), expected.encode())


def is_from_mailgun(signature: Mapping[str, Any], key: str, now: datetime) -> bool:
    """Return whether the `signature` of a call is made with the account's signing key, and is not old."""
    timestamp, token = str(signature.get("timestamp", "")), str(signature.get("token", ""))
    expected = hmac.new(key.encode(), f"{timestamp}{token}".encode(), sha256).hexdigest()
    given = str(signature.get("signature", ""))
    return hmac.compare_digest(expected.encode(), given.encode()) and _is_recent(timestamp, now)


def is_from_sendgrid(body: bytes, signature: str, timestamp: str, public_key: str, now: datetime) -> bool:
    """Return whether a body is signed with the account's key, given as base64, and is not old."""
    try:
        key = load_der_public_key(b64decode(public_key))
        if not isinstance(key, EllipticCurvePublicKey):
            return False
        key.verify(b64decode(signature), timestamp.encode() + body, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return _is_recent(timestamp, now)


def certificate_url(message: Mapping[str, Any]) -> str:
    """Return where the certificate of an SNS message is, empty unless that is an address of Amazon's SNS."""
    url = str(message.get("SigningCertURL", ""))
    return url if _CERTIFICATE.fullmatch(url) else ""


def subscribe_url(message: Mapping[str, Any]) -> str:
    """Return the address that confirms a subscription, empty unless that is an address of Amazon's SNS."""
    url = str(message.get("SubscribeURL", ""))
    return url if _SUBSCRIBE.fullmatch(url) else ""


def is_from_sns(message: Mapping[str, Any], topic: str, certificate: bytes, now: datetime) -> bool:
    """Return whether an SNS message belongs to our topic, is signed with the certificate, and is not old."""
    names = _SIGNED_FIELDS.get(str(message.get("Type")), ())
    if not names or message.get("TopicArn") != topic:
        return False
    signed = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
    algorithm = SHA256() if str(message.get("SignatureVersion")) == "2" else SHA1()  # noqa: S303 - version 1 of SNS
    try:
        key = load_pem_x509_certificate(certificate).public_key()
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(b64decode(str(message.get("Signature", ""))), signed.encode(), PKCS1v15(), algorithm)
        sent_at = datetime.fromisoformat(str(message.get("Timestamp", "")))
    except (InvalidSignature, ValueError):
        return False
    return sent_at.tzinfo is not None and abs(now - sent_at) <= LONGEST_AGE


def _is_recent(timestamp: str, now: datetime) -> bool:
    """Return whether a time in seconds since 1970 is recent."""
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    return abs(now.timestamp() - int(timestamp)) <= LONGEST_AGE.total_seconds()
