"""The records of DKIM keys in a real DNS server."""

from collections.abc import Callable
from pathlib import Path

import dns.resolver
import pytest

from digest.doctor.dkim_records import examine_dkim
from digest.mail.dkim import DkimKey
from digest.mail.dkim_keys import make_key, record_value
from tests.doctor.helpers import Zone, closed_port

NAME = "s1._domainkey.papers.ac"
Resolve = Callable[[Zone], dns.resolver.Resolver]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> DkimKey:
    return make_key("papers.ac", "s1", "ed25519", tmp_path_factory.mktemp("keys"))[0]


def test_a_published_key_is_good_also_in_several_strings(resolve: Resolve, tmp_path: Path) -> None:
    rsa, _ = make_key("papers.ac", "s1", "rsa", tmp_path)
    value = record_value(rsa)
    (check,) = examine_dkim([rsa], "papers.ac", resolve({NAME: [f"{value[:200]}|{value[200:]}"]}))
    assert check.state == "good"
    assert check.finding == f"{NAME} has the key that signs"


@pytest.mark.parametrize(
    ("texts", "finding"),
    [
        (None, "has no record"),
        ([], "has no record"),
        (["v=spf1 -all"], "has no record"),
        (["v=DKIM1; k=ed25519; p="], "is revoked"),
        (["v=DKIM1; k=ed25519; p=AAAA"], "another key"),
        (["v=DKIM1; p=AAAA", "v=DKIM1; p=BBBB"], "has 2 keys"),
    ],
)
def test_a_record_that_does_not_verify_is_bad(
    resolve: Resolve, key: DkimKey, texts: list[str] | None, finding: str
) -> None:
    (check,) = examine_dkim([key], "papers.ac", resolve({NAME: texts}))
    assert check.state == "bad"
    assert finding in check.finding
    assert check.advice


def test_a_key_of_another_domain_does_not_count_for_dmarc(resolve: Resolve, key: DkimKey) -> None:
    zone: Zone = {NAME: [record_value(key)]}
    checks = examine_dkim([key], "example.org", resolve(zone))
    assert [check.state for check in checks] == ["good", "bad"]
    assert "No key is of example.org" in checks[1].finding
    for aligned in ("papers.ac", "news.papers.ac"):
        assert len(examine_dkim([key], aligned, resolve(zone))) == 1


def test_without_keys_or_dns_it_is_a_warning(key: DkimKey) -> None:
    (check,) = examine_dkim([], "papers.ac")
    assert check.state == "warning"
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = closed_port()
    resolver.lifetime = 0.3
    (check,) = examine_dkim([key], "papers.ac", resolver)
    assert check.state == "warning"
    assert "could not be looked up" in check.finding
