"""Which addresses are accepted, and which share a mailbox."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.domain.address import address_key
from digest.errors import BadInput
from digest.mail.addresses import read_address
from digest.subscribers.addresses import address_hash, mailbox_hash, mailbox_key, parse_address
from tests.factories import SECRET


@pytest.mark.parametrize(
    ("typed", "normalised"),
    [
        ("ada@example.org", "ada@example.org"),
        ("  ada@example.org\n", "ada@example.org"),
        ("Ada.Fern@EXAMPLE.org", "Ada.Fern@example.org"),
        ("ada+papers@example.org", "ada+papers@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ada@例え.example", "ada@xn--r8jz45g.example"),
        ("ada@sub.sub.example.co.uk", "ada@sub.sub.example.co.uk"),
        ("ada@papers.test", "ada@papers.test"),
    ],
)
def test_valid_addresses_are_normalised(typed: str, normalised: str) -> None:
    address = parse_address(typed)
    assert (address.typed, address.mailbox) == (typed.strip(), normalised)
    assert (address.key, address.domain) == (normalised.casefold(), normalised.rpartition("@")[2])
    assert read_address(normalised).mailbox == normalised


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@@example.org",
        "ada@example",
        "ada@-example.org",
        "ada@example..org",
        "ada@exa mple.org",
        "ada fern@example.org",
        ".ada@example.org",
        "ada..fern@example.org",
        "Ada <ada@example.org>",
        '"ada fern"@example.org',
        "ada(comment)@example.org",
        "adä@example.org",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "a" * 65 + "@example.org",
        "ada@" + "e" * 64 + ".org",
        "ada@" + "example." * 40 + "org",
        "ada@example.org\r\nBcc: bo@example.org",
        "ada@example.org\x00",
        "ada\ud800@example.org",
        "ada@example.org,bo@example.org",
    ],
)
def test_an_invalid_address_is_refused_in_one_sentence(typed: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_address(typed)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 400


@given(st.text(max_size=60) | st.text('ab@.-+ü \r\n"<>', max_size=40))
def test_any_text_is_an_address_or_is_refused(typed: str) -> None:
    try:
        address = parse_address(typed).mailbox
    except BadInput:
        return
    assert address.isascii()
    assert read_address(address).mailbox == address
    assert parse_address(address).mailbox == address


def test_the_address_key_ignores_case_but_not_a_sub_address() -> None:
    assert address_key("Ada@Example.org") == address_key("ada@example.org")
    assert address_key("ada+x@example.org") != address_key("ada@example.org")


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("Ada+papers@Example.org", "ada@example.org"),
        ("ada+a+b@example.org", "ada@example.org"),
        ("a.d.a+x.y@gmail.com", "ada@gmail.com"),
        ("ada@GoogleMail.com", "ada@gmail.com"),
        ("a-d_a@proton.me", "ada@proton.me"),
        ("a.da+news@protonmail.com", "ada@proton.me"),
        ("ada@pm.me", "ada@proton.me"),
        ("ada.fern@ya.ru", "ada-fern@yandex.com"),
    ],
)
def test_addresses_of_one_mailbox_have_one_mailbox_key(address: str, same: str) -> None:
    assert mailbox_key(address) == mailbox_key(same)
    assert mailbox_hash(address, SECRET) == mailbox_hash(same, SECRET)
    assert parse_address(address)


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("a.da@example.org", "ada@example.org"),
        ("a.da@outlook.com", "ada@outlook.com"),
        ("a-da@gmail.com", "ada@gmail.com"),
        ("ada@gmail.com", "ada@gmail.com.example.org"),
        ("+a@example.org", "+b@example.org"),
    ],
)
def test_different_mailboxes_have_different_keys(address: str, other: str) -> None:
    assert mailbox_key(address) != mailbox_key(other)


@given(st.emails(), st.text("abc+.-", max_size=8))
def test_a_sub_address_does_not_change_the_mailbox_key(address: str, detail: str) -> None:
    local, _, domain = address.rpartition("@")
    if not local.startswith("+"):
        assert mailbox_key(f"{local}+{detail}@{domain}") == mailbox_key(address)
    assert mailbox_key(mailbox_key(address)) == mailbox_key(address)


def test_the_hash_of_a_mailbox_differs_from_the_hash_of_an_address() -> None:
    assert mailbox_hash("ada@example.org", SECRET) != address_hash("ada@example.org", SECRET)
    assert mailbox_hash("ada@example.org", SECRET) != mailbox_hash("ada@example.org", b"another")


def test_the_hash_of_an_address_depends_on_the_secret() -> None:
    assert address_hash("Ada@example.org", SECRET) == address_hash("ada@example.org", SECRET)
    assert address_hash("ada@example.org", SECRET) != address_hash("ada@example.org", b"another")
    assert "ada" not in address_hash("ada@example.org", SECRET)
