"""Return paths that name their delivery."""

import pytest

from digest.mail.return_path import ReturnKey, is_genuine, read_return_path, return_path
from digest.settings import Settings

SECRET = b"a secret of the tests"
MAILBOX = "bounces@papers.example.org"


@pytest.mark.parametrize("delivery_id", [1, 35, 36, 1_000_000, 2**63 - 1])
def test_a_return_path_leads_back_to_its_delivery(delivery_id: int) -> None:
    address = return_path(MAILBOX, delivery_id, "ana7", SECRET)
    assert len(address.partition("@")[0]) <= 64
    for spelling in (address, address.upper()):
        key = read_return_path(spelling, MAILBOX)
        assert key is not None
        assert key.delivery_id == delivery_id
        assert is_genuine(key, "ana7", SECRET)


def test_a_return_path_fits_one_subscriber_and_one_installation() -> None:
    key = read_return_path(return_path(MAILBOX, 7, "ana7", SECRET), MAILBOX)
    assert key is not None
    assert not is_genuine(key, "bo8", SECRET)
    assert not is_genuine(key, "ana7", b"another secret")
    assert not is_genuine(ReturnKey(8, key.signature), "ana7", SECRET)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bounces@papers.example.org",
        "bounces+@papers.example.org",
        "bounces+7@papers.example.org",
        "bounces+7-short@papers.example.org",
        "bounces+zzzzzzzzzzzzz-aaaaaaaaaaaa@papers.example.org",
        "others+7-aaaaaaaaaaaa@papers.example.org",
        "bounces+7-aaaaaaaaaaaa@example.net",
    ],
)
def test_other_addresses_are_none(address: str) -> None:
    assert read_return_path(address, MAILBOX) is None


@pytest.mark.parametrize(
    "value", ["Bounces <b@example.org>", "b+x@example.org", "b", "a" * 40 + "@example.org"]
)
def test_a_return_path_that_has_no_room_for_a_key_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="without a name and without"):
        Settings(return_path=value)
