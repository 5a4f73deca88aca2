"""Parsing addresses for headers and envelopes."""

from email import message_from_string, policy
from email.headerregistry import AddressHeader

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.errors import BadInput
from digest.mail.addresses import mailto, read_address


def parsed(header: str) -> tuple[str, str]:
    message = message_from_string(f"To: {header}\r\n\r\n", policy=policy.default)
    field = message["To"]
    assert isinstance(field, AddressHeader)
    assert len(field.addresses) == 1
    return field.addresses[0].display_name, field.addresses[0].addr_spec


@pytest.mark.parametrize(
    ("text", "name", "mailbox"),
    [
        ("subscriber@example.org", "", "subscriber@example.org"),
        ("o'brien+papers@sub.example.org", "", "o'brien+papers@sub.example.org"),
        ("digest@localhost", "", "digest@localhost"),
        ("Trending papers <digest@example.org>", "Trending papers", "digest@example.org"),
        ('"Grün, Ada" <ada@example.org>', "Grün, Ada", "ada@example.org"),
        ("论文 <papers@例え.jp>", "论文", "papers@xn--r8jz45g.jp"),
        ("leser@straße.example", "", "leser@xn--strae-oqa.example"),
        ("leser@BÜCHER.example", "", "leser@xn--bcher-kva.example"),
    ],
)
def test_valid_addresses_are_parsed(text: str, name: str, mailbox: str) -> None:
    address = read_address(text)
    assert (address.name, address.mailbox) == (name, mailbox)
    assert address.domain == mailbox.partition("@")[2]
    assert address.header.isascii()
    assert parsed(address.header) == (name, mailbox)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "reader",
        "@example.org",
        "subscriber@",
        "a b@example.org",
        "subscriber@exa mple.org",
        "subscriber@example..org",
        ".subscriber@example.org",
        "subscriber@-example.org",
        "a@b@example.org",
        "subscriber@example.org\r\nBcc: all@example.org",
        "Name\n <subscriber@example.org>",
        "one@example.org, two@example.org",
        "x" * 65 + "@example.org",
        "subscriber@" + "x" * 64 + ".org",
        "subscriber@" + "x." * 130 + "org",
        "<subscriber@example.org",
        "subscriber@example.org>",
    ],
)
def test_an_invalid_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadInput, match=r"\.$"):
        read_address(text)


def test_a_local_part_that_needs_smtputf8_is_refused_clearly() -> None:
    with pytest.raises(BadInput, match="before the @"):
        read_address("jörg@example.org")


@given(st.text(st.characters(), max_size=120))
@example('He said "no" \\ and left')
@example("=?utf-8?q?forged?= <other@example.org>")
def test_no_display_name_changes_the_mailbox(name: str) -> None:
    try:
        address = read_address(f"{name} <subscriber@example.org>")
    except BadInput:
        return
    assert address.mailbox == "subscriber@example.org"
    assert parsed(address.header)[1] == "subscriber@example.org"
    assert "\n" not in address.header


def test_mailto_escapes_special_characters() -> None:
    assert mailto("digest@example.org") == "mailto:digest@example.org"
    assert mailto("a+b?c@example.org", "stop & go") == "mailto:a%2Bb%3Fc@example.org?subject=stop%20%26%20go"
