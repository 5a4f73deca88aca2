"""Mail addresses: which ones we take, and when two are the same."""

import hashlib
import hmac

from email_validator import EmailNotValidError, validate_email

from digest.errors import BadInput

_PROVIDERS = (
    ("gmail.com", ("gmail.com", "googlemail.com"), "."),
    ("proton.me", ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"), ".-_"),
    # A dot and a hyphen are the same there.
    ("yandex.com", ("yandex.com", "yandex.ru", "ya.ru", "yandex.by", "yandex.kz", "yandex.ua"), ".-"),
)
_SAME_MAILBOX = {
    domain: (name, str.maketrans("", "", ignored))
    for name, domains, ignored in _PROVIDERS
    for domain in domains
}
"""By domain: the one name of a provider that has several, and the characters it ignores before the @."""


def parse_address(text: str) -> str:
    """Return the address in the form mail is sent to; the part before the @ stays as typed.

    Only the form is checked (RFC 5321 and 5322 without comments and quotes), not whether anyone is
    there. Raises BadInput with a sentence for the person who typed it.
    """
    try:
        # Names under .test (RFC 2606) are for trying things out, which is welcome here.
        found = validate_email(
            text.strip(),
            check_deliverability=False,
            allow_smtputf8=False,
            strict=True,
            test_environment=True,
        )
    except EmailNotValidError as error:
        shown = text.strip()[:80]
        raise BadInput(f"{shown!r} is no mail address: {str(error)[:200].rstrip('.')}.") from None
    return found.ascii_email or found.normalized


def address_key(address: str) -> str:
    """Return what two spellings of one address share. A plus-address is a subscription of its own."""
    return address.casefold()


def mailbox_key(address: str) -> str:
    """Return what all addresses share that are known to reach the same mailbox.

    A sub-address (RFC 5233: everything from the first plus on) never counts, nor do the characters that a
    provider is known to ignore. This is for limits: who subscribes is told apart by `address_key`.
    """
    local, _, domain = address.casefold().rpartition("@")
    domain, ignored = _SAME_MAILBOX.get(domain, (domain, {}))
    return f"{local.partition('+')[0].translate(ignored) or local}@{domain}"


def mailbox_hash(address: str, secret: bytes) -> str:
    """Return a keyed fingerprint of the mailbox that an address reaches."""
    return hmac.new(secret, b"mailbox " + mailbox_key(address).encode(), hashlib.sha256).hexdigest()


def address_hash(address: str, secret: bytes) -> str:
    """Return a keyed fingerprint: enough to recognise a suppressed address, useless to anyone else."""
    return hmac.new(secret, address_key(address).encode(), hashlib.sha256).hexdigest()


def key_fingerprint(secret: bytes) -> str:
    """Return what tells one secret key from another and gives away neither: names an installation."""
    return hmac.new(secret, b"which installation is this?", hashlib.sha256).hexdigest()[:16]
