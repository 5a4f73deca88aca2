from collections.abc import Callable

import dns.resolver
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.doctor.sender_domain import (
    Lookup,
    dmarc_names,
    examine_sender_domain,
    judge_alignment,
    judge_dmarc,
    judge_spf,
)
from tests.doctor.helpers import Zone, closed_port

# The sender's domain


def test_a_domain_with_spf_and_dmarc_is_good(resolve: Callable[[Zone], dns.resolver.Resolver]) -> None:
    resolver = resolve(
        {
            "news.papers.ac": ["other=thing", "v=spf1 include:mail.example.|org -all"],
            "_dmarc.papers.ac": ["v=DMARC1; p=quarantine"],
        }
    )
    spf, dmarc, alignment = examine_sender_domain("news.papers.ac", resolver)
    assert (spf.state, dmarc.state, alignment.state) == ("good", "good", "good")
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


def test_spf_is_looked_up_at_the_domain_of_the_return_path(
    resolve: Callable[[Zone], dns.resolver.Resolver],
) -> None:
    zone: Zone = {
        "papers.ac": ["v=spf1 -all"],
        "bounces.example.org": ["v=spf1 mx -all"],
        "_dmarc.papers.ac": ["v=DMARC1; p=reject"],
    }
    spf, _, alignment = examine_sender_domain(
        "papers.ac", resolve(zone), return_domain="bounces.example.org", signing_domains=["papers.ac"]
    )
    assert spf.finding == "bounces.example.org says v=spf1 mx -all"
    assert alignment.state == "good"


@pytest.mark.parametrize(
    ("returns", "signs", "record", "state"),
    [
        ("news.papers.ac", ["news.papers.ac"], "v=DMARC1; p=none", "good"),
        ("bounces.papers.ac", [], "v=DMARC1; p=none", "good"),
        ("bounces.papers.ac", [], "v=DMARC1; p=none; aspf=s", "warning"),
        ("provider.example", ["papers.ac"], "v=DMARC1; p=none", "good"),
        ("provider.example", ["papers.ac"], "v=DMARC1; p=none; adkim = s", "bad"),
        ("provider.example", ["provider.example"], "v=DMARC1; p=none", "bad"),
        ("otherpapers.ac", ["otherpapers.ac"], "v=DMARC1; p=none", "bad"),
        ("provider.example", [], "v=DMARC1; p=none", "warning"),
    ],
)
def test_spf_or_dkim_must_fit_the_sender(returns: str, signs: list[str], record: str, state: str) -> None:
    check = judge_alignment("news.papers.ac", returns, signs, "papers.ac", record)
    assert check.state == state
    assert (state == "good") is not bool(check.advice)
