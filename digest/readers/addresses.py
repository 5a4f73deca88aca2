"""Mail addresses: which ones we take, and when two are the same."""

import hashlib
import hmac

from email_validator import EmailNotValidError, validate_email

from digest.errors import BadInput


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
    """Return what two spellings of one mailbox share. A plus-address is a mailbox of its own."""
    return address.casefold()


def address_hash(address: str, secret: bytes) -> str:
    """Return a keyed fingerprint: enough to recognise a suppressed address, useless to anyone else."""
    return hmac.new(secret, address_key(address).encode(), hashlib.sha256).hexdigest()


def key_fingerprint(secret: bytes) -> str:
    """Return what tells one secret key from another and gives away neither: names an installation."""
    return hmac.new(secret, b"which installation is this?", hashlib.sha256).hexdigest()[:16]
