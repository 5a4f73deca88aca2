"""Checks the reverse DNS of the host that sends mails: large providers refuse mail from an address without a name.

Each of its addresses must have a name (PTR), and that name must lead back to the address.
"""

from collections.abc import Mapping
from ipaddress import ip_address

import dns.exception
import dns.rdata
import dns.resolver
import dns.reversename

from digest.doctor.check import Check, bad, good, warning
from digest.doctor.sender_domain import is_related, system_resolver
from digest.mail.smtp_session import Server, is_loopback

_NAME = "reverse DNS"


def sending_host(server: Server, sender_domain: str) -> str:
    """Return the name of the host that sends to the internet, "" if it is a provider's.

    A mail server on this machine sends as this machine.
    """
    if is_loopback(server.host):
        return server.ehlo_name
    return server.host if is_related(server.host, sender_domain) else ""


def examine_reverse_dns(host: str, resolver: dns.resolver.Resolver | None = None) -> Check:
    """Check the names of all addresses of a host; "" is a provider's."""
    if not host or is_loopback(host):
        return judge_reverse_dns(host, {})
    try:
        asked = resolver or system_resolver()
        found = {address: _names_of(address, asked) for address in _addresses_of(host, asked)}
    except (dns.exception.DNSException, OSError):
        return warning(
            _NAME,
            f"{host} could not be looked up.",
            "Check this machine's network and name server, or run the doctor on another machine.",
        )
    return judge_reverse_dns(host, found)


def judge_reverse_dns(host: str, names: Mapping[str, Mapping[str, bool]]) -> Check:
    """Judge the names of each address of a host, by whether they lead back to the address."""
    if not host:
        return good(_NAME, "The mail provider's matter.")
    public = {address: found for address, found in names.items() if ip_address(address).is_global}
    if not public:
        return warning(
            _NAME,
            f"{host} has no public address, so it cannot be checked.",
            "Set DIGEST_EHLO_NAME to the public name of the host that sends, if this is not a test.",
        )
    for address, found in public.items():
        if not found:
            return bad(
                _NAME,
                f"{address}, the address of {host}, has no name (PTR); large providers refuse its mails.",
                f"Let who gave you the address set its PTR record to {host}",
            )
        if not any(found.values()):
            return bad(
                _NAME,
                f"{address} is called {', '.join(found)}, which does not lead back to it.",
                f"Let who gave you the address set its PTR record to {host}",
            )
    return good(_NAME, f"Each address of {host} has a name that leads back to it.")


def _addresses_of(host: str, resolver: dns.resolver.Resolver) -> list[str]:
    """Return the addresses of a host, none if it does not exist."""
    return [record.to_text() for kind in ("A", "AAAA") for record in _records(host, kind, resolver)]


def _names_of(address: str, resolver: dns.resolver.Resolver) -> dict[str, bool]:
    """Return the names of an address, and whether each leads back to it."""
    pointer = dns.reversename.from_address(address).to_text()
    names = [record.to_text().rstrip(".") for record in _records(pointer, "PTR", resolver)]
    return {name: address in _addresses_of(name, resolver) for name in names}


def _records(name: str, kind: str, resolver: dns.resolver.Resolver) -> list[dns.rdata.Rdata]:
    try:
        return list(resolver.resolve(f"{name.rstrip('.')}.", kind))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
