"""The host that sends has names that lead back to its addresses."""

from collections.abc import Callable

import dns.resolver
import pytest

from digest.doctor.host_names import examine_reverse_dns, sending_host
from digest.mail.smtp_session import Server, Tls
from tests.doctor.helpers import Zone, closed_port

HOST = {"mail.papers.ac A": ["93.184.215.14"], "mail.papers.ac AAAA": ["2606:4700::1111"]}
FOUR = "14.215.184.93.in-addr.arpa"
SIX = "1.1.1.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.6.0.6.2.ip6.arpa"
BACK = {f"{FOUR} PTR": ["mail.papers.ac."], f"{SIX} PTR": ["mail.papers.ac."]}


@pytest.mark.parametrize(
    ("zone", "state", "words"),
    [
        ({**HOST, **BACK}, "good", "leads back"),
        ({**HOST, f"{FOUR} PTR": ["mail.papers.ac."]}, "bad", "2606:4700::1111"),
        ({**HOST, **BACK, f"{FOUR} PTR": ["host14.provider.example."]}, "bad", "does not lead back"),
        ({"mail.papers.ac A": ["10.0.0.7"]}, "warning", "no public address"),
        ({}, "warning", "no public address"),
    ],
)
def test_every_address_needs_a_name_that_leads_back(
    resolve: Callable[[Zone], dns.resolver.Resolver], zone: Zone, state: str, words: str
) -> None:
    check = examine_reverse_dns("mail.papers.ac", resolve(zone))
    assert (check.state, words in check.finding) == (state, True), check


def test_a_silent_name_server_is_a_warning() -> None:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = closed_port()
    resolver.lifetime = 0.3
    check = examine_reverse_dns("mail.papers.ac", resolver)
    assert (check.state, "could not be looked up" in check.finding) == ("warning", True)


@pytest.mark.parametrize(
    ("server", "host"),
    [
        (Server("localhost", 25, Tls.NONE, ehlo_name="mail.papers.ac"), "mail.papers.ac"),
        (Server("mail.papers.ac", 587, Tls.REQUIRED), "mail.papers.ac"),
        (Server("smtp.provider.example", 587, Tls.REQUIRED), ""),
    ],
)
def test_only_a_host_of_our_own_is_looked_up(server: Server, host: str) -> None:
    assert sending_host(server, "papers.ac") == host
    assert host or examine_reverse_dns(host).state == "good"
