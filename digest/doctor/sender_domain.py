"""Checks SPF (RFC 7208) and DMARC (RFC 7489) of the sender's domain in the DNS.

Large providers refuse bulk mail from a domain without them. `digest.doctor.dkim_records` checks DKIM.
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
    """The TXT records of one name."""

    name: str
    state: Literal["answered", "no name", "unknown"]
    """`no name`: the name does not exist. `unknown`: no name server answered."""
    texts: tuple[str, ...] = ()


def examine_sender_domain(
    domain: str,
    resolver: dns.resolver.Resolver | None = None,
    *,
    return_domain: str = "",
    signing_domains: Sequence[str] = (),
) -> list[Check]:
    """Check SPF and DMARC of the sender's domain, with the system's resolver unless another is given.

    `return_domain` is the domain of MAIL FROM, which SPF is about, if it is another than the sender's;
    `signing_domains` are those of the DKIM keys.
    """
    envelope = return_domain or domain
    try:
        asked = resolver or system_resolver()
    except (dns.exception.DNSException, OSError):
        return [judge_spf(Lookup(envelope, "unknown"))]
    spf = look_up(envelope, asked)
    checks = [judge_spf(spf)]
    if spf.state != "answered":
        return checks
    found: list[Lookup] = []
    for name in dmarc_names(domain):
        found.append(look_up(name, asked))
        if found[-1].state == "unknown" or _dmarc_records(found[-1]):
            break
    checks.append(judge_dmarc(domain, found))
    if records := _dmarc_records(found[-1]):
        policy_domain = found[-1].name.removeprefix("_dmarc.")
        checks.append(judge_alignment(domain, envelope, signing_domains, policy_domain, records[0]))
    return checks


def system_resolver() -> dns.resolver.Resolver:
    """Return the resolver of this machine, with a time limit."""
    resolver = dns.resolver.Resolver()
    resolver.lifetime = _SECONDS
    return resolver


def look_up(name: str, resolver: dns.resolver.Resolver) -> Lookup:
    """Query the TXT records of a name. The strings of a record are joined (RFC 7208, section 3.3)."""
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
    """Return the names that can have the DMARC record of a domain: its own and its parents', eight at most."""
    labels = domain.split(".")
    names = [f"_dmarc.{'.'.join(labels[start:])}" for start in range(max(len(labels) - 1, 1))]
    return names[:1] + names[1:][-(_MOST_DMARC_NAMES - 1) :]


def judge_spf(lookup: Lookup) -> Check:
    """Judge the SPF record, which lists the servers that may send for the domain."""
    name, domain = "SPF", lookup.name
    if lookup.state == "unknown":
        return _not_looked_up(name, domain)
    if lookup.state == "no name":
        return bad(
            name,
            f"{domain}, the sender's domain, does not exist in the DNS, so most servers refuse its mail.",
            "Set DIGEST_SENDER to an address of your own domain.",
        )
    records = [
        text for text in lookup.texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")
    ]
    if not records:
        return warning(
            name,
            f"{domain} has no SPF record; large providers refuse mail that passes neither SPF nor DKIM.",
            "Publish the TXT record that your mail provider documents, such as: v=spf1 include:PROVIDER -all",
        )
    if len(records) > 1:
        return bad(
            name,
            f"{domain} has {len(records)} SPF records, which receivers treat as an error.",
            "Merge them: a domain has one TXT record that starts with v=spf1.",
        )
    if {"all", "+all"} & set(records[0].lower().split()):
        return warning(
            name,
            f"The SPF record of {domain} allows every server to send in its name ({quoted(records[0])}).",
            "End it with -all or ~all.",
        )
    return good(name, f"{domain} says {quoted(records[0])}")


def judge_dmarc(domain: str, lookups: Sequence[Lookup]) -> Check:
    """Judge the DMARC record: what receivers do with mail that fails SPF and DKIM. The first one found applies."""
    name = "DMARC"
    for lookup in lookups:
        if lookup.state == "unknown":
            return _not_looked_up(name, lookup.name)
        records = _dmarc_records(lookup)
        if len(records) > 1:
            return bad(
                name,
                f"{lookup.name} has {len(records)} DMARC records, which receivers ignore.",
                "Keep one TXT record there that starts with v=DMARC1.",
            )
        if records:
            return good(name, f"{lookup.name} says {quoted(records[0])}")
    return warning(
        name,
        f"{domain} has no DMARC record, which large providers require of bulk senders.",
        f'Publish a TXT record at _dmarc.{domain}; "v=DMARC1; p=none" is enough to start with.',
    )


def judge_alignment(
    domain: str, return_domain: str, signing_domains: Sequence[str], policy_domain: str, record: str
) -> Check:
    """Judge whether SPF or DKIM counts for DMARC: their domain must fit the sender's (RFC 7489, section 3.1).

    `policy_domain` is the domain with the DMARC record; the domains below it belong together unless the record
    says that they must be equal.
    """
    name = "DMARC alignment"
    tags = record.lower().replace(" ", "").split(";")
    spf = is_aligned(return_domain, domain, policy_domain, is_strict="aspf=s" in tags)
    dkim = any(is_aligned(one, domain, policy_domain, is_strict="adkim=s" in tags) for one in signing_domains)
    if dkim:
        return good(name, f"The signature counts for {domain}{', and SPF does' if spf else ''}.")
    if spf:
        return good(name, f"SPF counts for {domain}, as {return_domain} is its domain.")
    state = bad if signing_domains else warning
    return state(
        name,
        f"Neither SPF ({return_domain}) nor DKIM counts for {domain}, so receivers apply its DMARC policy to the mails.",
        f"Sign with a key of {domain} (digest dkim keygen), or set DIGEST_RETURN_PATH to an address there.",
    )


def is_aligned(one: str, sender: str, policy_domain: str, *, is_strict: bool = False) -> bool:
    """Return whether a domain fits the sender's: equal, or both belong to the domain with the policy."""
    if is_strict:
        return one == sender
    return all(
        name == policy_domain or name.endswith(f".{policy_domain}") for name in (one, sender)
    ) or is_related(one, sender)


def is_related(one: str, other: str) -> bool:
    """Return whether two domains are one, or one is below the other."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _dmarc_records(lookup: Lookup) -> list[str]:
    tags = [(text, text.replace(" ", "").split(";")) for text in lookup.texts]
    # A public suffix may have a record for its subdomains, which does not count (RFC 9091).
    return [text for text, parts in tags if parts[0] == "v=DMARC1" and "psd=y" not in parts]


def _not_looked_up(name: str, domain: str) -> Check:
    return warning(
        name,
        f"{domain} could not be looked up.",
        "Check this machine's network and name server, or run the doctor on another machine.",
    )
