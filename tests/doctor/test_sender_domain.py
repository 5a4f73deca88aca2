import socket
import threading
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.doctor.sender_domain import Lookup, dmarc_names, examine_sender_domain, judge_dmarc, judge_spf
from tests.doctor.helpers import closed_port

# The sender's domain

Zone = dict[str, list[str] | None]


@pytest.fixture
def resolve() -> Iterator[Callable[[Zone], dns.resolver.Resolver]]:
    """Start name servers with TXT records by name; None: no records; a name that is not listed does not exist."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def answer(zone: Zone, question: bytes) -> bytes:
        query = dns.message.from_wire(question)
        response = dns.message.make_response(query, recursion_available=True)
        name = query.question[0].name
        texts = zone.get(name.to_text(omit_final_dot=True), [])
        if texts == []:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif texts is not None:
            quoted = [" ".join(f'"{piece}"' for piece in one.split("|")) for one in texts]
            response.answer.append(dns.rrset.from_text_list(name, 60, "IN", "TXT", quoted))
        return response.to_wire()

    def run(listener: socket.socket, zone: Zone) -> None:
        while True:
            question, asker = listener.recvfrom(4096)
            if not question:
                return
            listener.sendto(answer(zone, question), asker)

    def start(zone: Zone) -> dns.resolver.Resolver:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        sockets.append(listener)
        threads.append(threading.Thread(target=run, args=(listener, zone)))
        threads[-1].start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = listener.getsockname()[1]
        return resolver

    yield start
    for listener, thread in zip(sockets, threads, strict=True):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", listener.getsockname())
        thread.join(10)
        listener.close()


def test_a_domain_with_spf_and_dmarc_is_good(resolve: Callable[[Zone], dns.resolver.Resolver]) -> None:
    resolver = resolve(
        {
            "news.papers.ac": ["other=thing", "v=spf1 include:mail.example.|org -all"],
            "_dmarc.papers.ac": ["v=DMARC1; p=quarantine"],
        }
    )
    spf, dmarc = examine_sender_domain("news.papers.ac", resolver)
    assert (spf.state, dmarc.state) == ("good", "good")
    assert "include:mail.example.org -all" in spf.finding
    assert dmarc.finding == "_dmarc.papers.ac says v=DMARC1; p=quarantine"


def test_a_domain_without_spf_and_dmarc_is_a_warning(
    resolve: Callable[[Zone], dns.resolver.Resolver],
) -> None:
    checks = examine_sender_domain("papers.ac", resolve({"papers.ac": None}))
    assert [(check.name, check.state) for check in checks] == [("SPF", "warning"), ("DMARC", "warning")]


def test_a_domain_that_does_not_exist_is_bad(resolve: Callable[[Zone], dns.resolver.Resolver]) -> None:
    (check,) = examine_sender_domain("papers.ac", resolve({}))
    assert check.state == "bad"
    assert "does not exist" in check.finding


def test_an_unreachable_dns_is_a_warning() -> None:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = closed_port()
    resolver.lifetime = 0.3
    (check,) = examine_sender_domain("papers.ac", resolver)
    assert check.state == "warning"
    assert "could not be looked up" in check.finding


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        (("v=spf1 -all",), "good"),
        (("v=spf1 mx ~all", "v=spf1 -all"), "bad"),
        (("v=spf1 +all",), "warning"),
        (("V=SPF1 ALL",), "warning"),
        (("v=spf10 -all",), "warning"),
        ((), "warning"),
    ],
)
def test_spf_records_are_judged(texts: tuple[str, ...], state: str) -> None:
    assert judge_spf(Lookup("papers.ac", "answered", texts)).state == state


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        (("v=DMARC1;p=none",), "good"),
        (("v=DMARC1; p=none", "v=DMARC1; p=reject"), "bad"),
        (("v=DMARC1; p=reject; psd=y",), "warning"),
        (("v=DMARC2; p=none",), "warning"),
        ((), "warning"),
    ],
)
def test_dmarc_records_are_judged(texts: tuple[str, ...], state: str) -> None:
    assert judge_dmarc("papers.ac", [Lookup("_dmarc.papers.ac", "answered", texts)]).state == state


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1, max_size=60))
def test_dmarc_is_looked_up_in_at_most_eight_names(labels: list[str]) -> None:
    names = dmarc_names(".".join(labels))
    assert names[0] == f"_dmarc.{'.'.join(labels)}"
    assert len(names) <= 8
    assert names[-1] == f"_dmarc.{'.'.join(labels[-2:])}"
