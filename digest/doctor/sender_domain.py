"""The sender's domain in the DNS: whether receivers can tell our mail from a forgery.

SPF is RFC 7208, DMARC RFC 7489. Big providers refuse mail in bulk from a domain that has neither.
DKIM cannot be looked up without knowing the name of the key that the mail server signs with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dns.exception
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT

from digest.doctor.check import Check, bad, good, quoted, warning

_SECONDS = 5.0
_MOST_DMARC_NAMES = 8


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the DNS says of the TXT records of one name."""

    name: str
    state: Literal["answered", "no name", "unknown"]
    """`no name`: the name does not exist. `unknown`: nobody could be asked."""
    texts: tuple[str, ...] = ()


def examine_sender_domain(domain: str, resolver: dns.resolver.Resolver | None = None) -> list[Check]:
    """Look SPF and DMARC of a domain up; `resolver` stands in for the system's."""
    try:
        asked = resolver or _system_resolver()
    except (dns.exception.DNSException, OSError):
        return [judge_spf(Lookup(domain, "unknown"))]
    spf = look_up(domain, asked)
    checks = [judge_spf(spf)]
    if spf.state == "answered":
        found: list[Lookup] = []
        for name in dmarc_names(domain):
            found.append(look_up(name, asked))
            if found[-1].state == "unknown" or _dmarc_records(found[-1]):
                break
        checks.append(judge_dmarc(domain, found))
    return checks


def _system_resolver() -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver()
    resolver.lifetime = _SECONDS
    return resolver


def look_up(name: str, resolver: dns.resolver.Resolver) -> Lookup:
    """Return the TXT records of a name; strings of one record are joined (RFC 7208, section 3.3)."""
    try:
        answer = resolver.resolve(f"{name}.", dns.rdatatype.TXT)
    except dns.resolver.NXDOMAIN:
        return Lookup(name, "no name")
    except dns.resolver.NoAnswer:
        return Lookup(name, "answered")
    except (dns.exception.DNSException, OSError):
        return Lookup(name, "unknown")
    records = [record for record in answer if isinstance(record, TXT)]
    return Lookup(
        name, "answered", tuple(b"".join(record.strings).decode("utf-8", "replace") for record in records)
    )


def dmarc_names(domain: str) -> list[str]:
    """Return the names under which a domain's DMARC record can stand: its own, and those above it."""
    labels = domain.split(".")
    names = [f"_dmarc.{'.'.join(labels[start:])}" for start in range(max(len(labels) - 1, 1))]
    return names[:1] + names[1:][-(_MOST_DMARC_NAMES - 1) :]


def judge_spf(lookup: Lookup) -> Check:
    """Judge the record that says which servers may send for the domain."""
    name, domain = "SPF", lookup.name
    if lookup.state == "unknown":
        return _not_looked_up(name, domain)
    if lookup.state == "no name":
        return bad(
            name,
            f"{domain}, the sender's domain, does not exist in the DNS, so its mail is refused nearly everywhere.",
            "Set DIGEST_SENDER to an address of a domain you run.",
        )
    records = [
        text for text in lookup.texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")
    ]
    if not records:
        return warning(
            name,
            f"{domain} has no SPF record; big providers refuse mail that neither SPF nor DKIM vouches for.",
            "Publish the TXT record that your mail provider names, such as: v=spf1 include:PROVIDER -all",
        )
    if len(records) > 1:
        return bad(
            name,
            f"{domain} has {len(records)} SPF records, which receivers take for an error.",
            "Make them one: a domain has one TXT record that starts with v=spf1.",
        )
    if {"all", "+all"} & set(records[0].lower().split()):
        return warning(
            name,
            f"The SPF record of {domain} lets the whole world send in its name ({quoted(records[0])}).",
            "End it with -all or ~all.",
        )
    return good(name, f"{domain} says {quoted(records[0])}")


def judge_dmarc(domain: str, lookups: Sequence[Lookup]) -> Check:
    """Judge the record that says what receivers do with mail nobody vouches for; the nearest one counts."""
    name = "DMARC"
    for lookup in lookups:
        if lookup.state == "unknown":
            return _not_looked_up(name, lookup.name)
        records = _dmarc_records(lookup)
        if len(records) > 1:
            return bad(
                name,
                f"{lookup.name} has {len(records)} DMARC records, which receivers take for none.",
                "Leave one TXT record there that starts with v=DMARC1.",
            )
        if records:
            return good(name, f"{lookup.name} says {quoted(records[0])}")
    return warning(
        name,
        f"{domain} has no DMARC record, which big providers ask of everyone who sends many mails.",
        f'Publish a TXT record at _dmarc.{domain}; "v=DMARC1; p=none" is enough to begin with.',
    )


def _dmarc_records(lookup: Lookup) -> list[str]:
    tags = [(text, text.replace(" ", "").split(";")) for text in lookup.texts]
    # A public suffix may have a record for those who live under it, which is not ours (RFC 9091).
    return [text for text, parts in tags if parts[0] == "v=DMARC1" and "psd=y" not in parts]


def _not_looked_up(name: str, domain: str) -> Check:
    return warning(
        name,
        f"{domain} could not be looked up.",
        "Check this machine's network and name server, or look from another machine.",
    )
