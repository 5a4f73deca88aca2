"""Parsing and comparing the mail addresses of subscribers."""

import hashlib
import hmac

from email_validator import EmailNotValidError, validate_email

from digest.domain.address import Address, address_key
from digest.errors import BadInput
from digest.text.languages import DEFAULT, current_language, gettext, gettext_noop

_PROVIDERS = (
    ("gmail.com", ("gmail.com", "googlemail.com"), "."),
    ("proton.me", ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"), ".-_"),
    # Yandex treats a dot and a hyphen as equal.
    ("yandex.com", ("yandex.com", "yandex.ru", "ya.ru", "yandex.by", "yandex.kz", "yandex.ua"), ".-"),
)
_SAME_MAILBOX = {
    domain: (name, str.maketrans("", "", ignored))
    for name, domains, ignored in _PROVIDERS
    for domain in domains
}
"""By domain: the main domain of the provider, and the characters that it ignores before the @."""

_REASONS = {
    gettext_noop("An email address must have an @-sign"),
    gettext_noop("A display name and angle brackets around the email address are not permitted here"),
    gettext_noop("There must be something before the @-sign"),
    gettext_noop("There must be something after the @-sign"),
    gettext_noop("An email address cannot have two periods in a row"),
    gettext_noop("An email address cannot start with a period"),
    gettext_noop("An email address cannot end with a period"),
    gettext_noop("An email address cannot have a period immediately before the @-sign"),
    gettext_noop("An email address cannot have a period immediately after the @-sign"),
    gettext_noop("The email address contains invalid characters before the @-sign"),
    gettext_noop("Internationalized characters before the @-sign are not supported"),
    gettext_noop("The part after the @-sign contains invalid characters"),
    gettext_noop("The part after the @-sign is not valid. It should have a period"),
    gettext_noop("The part after the @-sign is not valid. It is not within a valid top-level domain"),
    gettext_noop(
        "The part after the @-sign is a special-use or reserved name that cannot be used with email"
    ),
}
"""Reasons that email-validator gives; others are shown in English alone."""


def parse_address(text: str) -> Address:
    """Parse what somebody typed. Raises BadInput with a sentence for the person who typed it.

    Only the form is checked (RFC 5321 and 5322, without comments and quotes), not whether the mailbox exists.
    """
    typed = text.strip()
    try:
        # Domains under .test (RFC 2606) are accepted, because they are used for tests.
        found = validate_email(
            typed,
            check_deliverability=False,
            allow_smtputf8=False,
            strict=True,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise _refused(repr(typed[:80]), str(error)[:200].rstrip(".")) from None
    return Address(typed, found.ascii_email or found.normalized)


def _refused(typed: str, reason: str) -> BadInput:
    start, colon, characters = reason.partition(": ")
    if start not in _REASONS and current_language() != DEFAULT:
        return BadInput(gettext("%(text)s is not a mail address; please check it.", text=typed))
    said = f"{gettext(start)}{colon}{characters}"
    return BadInput(gettext("%(text)s is not a mail address: %(reason)s.", text=typed, reason=said))


def mailbox_key(address: str) -> str:
    """Return the text that all addresses known to reach the same mailbox share.

    It leaves out a sub-address (RFC 5233: everything from the first plus on) and the characters that the
    provider is known to ignore. It is used for limits; `address_key` identifies subscribers.
    """
    local, _, domain = address.casefold().rpartition("@")
    domain, ignored = _SAME_MAILBOX.get(domain, (domain, {}))
    return f"{local.partition('+')[0].translate(ignored) or local}@{domain}"


def mailbox_hash(address: str, secret: bytes) -> str:
    """Return a keyed hash (HMAC-SHA256) of the mailbox that an address reaches."""
    return hmac.new(secret, b"mailbox " + mailbox_key(address).encode(), hashlib.sha256).hexdigest()


def address_hash(address: str, secret: bytes) -> str:
    """Return a keyed hash (HMAC-SHA256) of an address. Without the secret, it cannot be matched with an address."""
    return hmac.new(secret, address_key(address).encode(), hashlib.sha256).hexdigest()


def key_fingerprint(secret: bytes) -> str:
    """Return a short hash of a secret key. It identifies an installation and does not reveal the key."""
    return hmac.new(secret, b"which installation is this?", hashlib.sha256).hexdigest()[:16]
