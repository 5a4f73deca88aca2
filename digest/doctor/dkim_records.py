"""Checks that the DNS publishes the public keys of the DKIM keys in the settings (RFC 6376, RFC 8463)."""

from collections.abc import Sequence

import dns.exception
import dns.resolver

from digest.doctor.check import Check, bad, good, warning
from digest.doctor.sender_domain import Lookup, is_related, look_up
from digest.mail.dkim import DkimKey
from digest.mail.dkim_keys import record_name, record_value

_NAME = "DKIM"


def examine_dkim(
    keys: Sequence[DkimKey], domain: str, resolver: dns.resolver.Resolver | None = None
) -> list[Check]:
    """Check the record of each key, and that one of them is of the sender's domain, as DMARC requires."""
    if not keys:
        return [
            warning(
                _NAME,
                "Mails are not signed here; large providers refuse unsigned bulk mail.",
                "Make a key with: digest dkim keygen; or let the mail server sign, and see that it does.",
            )
        ]
    try:
        asked = resolver or dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        return [judge_record(keys[0], Lookup(record_name(keys[0]), "unknown"))]
    checks = [judge_record(key, look_up(record_name(key), asked)) for key in keys]
    if not any(is_related(key.domain, domain) for key in keys):
        checks.append(
            bad(
                _NAME,
                f"No key is of {domain}, the sender's domain, so DMARC counts the mails as not signed.",
                f"Make one with: digest dkim keygen --domain {domain}",
            )
        )
    return checks


def judge_record(key: DkimKey, lookup: Lookup) -> Check:
    """Judge the record of one key: it must hold the public key that belongs to it."""
    if lookup.state == "unknown":
        return warning(
            _NAME,
            f"{lookup.name} could not be looked up.",
            "Check this machine's network and name server, or run the doctor on another machine.",
        )
    records = [tags for text in lookup.texts if "p" in (tags := _tags(text))]
    wanted = _tags(record_value(key))
    if not records:
        return bad(
            _NAME,
            f"{lookup.name} has no record, so receivers cannot verify the signatures.",
            "Publish what this prints: digest dkim records",
        )
    if len(records) > 1:
        return bad(
            _NAME,
            f"{lookup.name} has {len(records)} keys, and receivers may take any of them.",
            "Keep one TXT record there.",
        )
    (found,) = records
    if not found["p"]:
        return bad(
            _NAME,
            f"{lookup.name} says that the key is revoked.",
            "Make a new one with: digest dkim keygen; and put it first in DIGEST_DKIM_KEYS.",
        )
    if (found["p"], found.get("k", "rsa")) != (wanted["p"], wanted["k"]):
        return bad(
            _NAME,
            f"{lookup.name} has another key than the one in DIGEST_DKIM_KEYS.",
            "Publish what this prints: digest dkim records",
        )
    return good(_NAME, f"{lookup.name} has the key that signs")


def _tags(text: str) -> dict[str, str]:
    """Return the tags of a record; spaces in it mean nothing."""
    parts = (part.partition("=") for part in "".join(text.split()).split(";"))
    return {name: value for name, sign, value in parts if sign}
