"""DKIM: two other implementations verify what we sign, and a key can be changed without losing a mail."""

import re
import shutil
import stat
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from digest.errors import BadInput
from digest.mail.dkim import DkimKey, Signer
from digest.mail.dkim_keys import make_key, read_keys, record_line, record_name, record_value
from digest.mail.message import Message, transactional_headers
from tests.cli.shell import Shell
from tests.conftest import missing

AT = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
DOMAIN = "example.org"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DkimKey]:
    folder = tmp_path_factory.mktemp("dkim")
    kinds = {"old": "rsa", "new": "rsa", "edwards": "ed25519"}
    return {name: make_key(DOMAIN, name, kind, folder)[0] for name, kind in kinds.items()}


def verified(content: bytes, *known: DkimKey) -> list[bool]:
    """Return what dkimpy says of each signature."""
    records = {f"{record_name(key)}.": record_value(key) for key in known}

    def look_up(name: bytes, **_: object) -> bytes | None:
        found = records.get(name.decode())
        return found.encode() if found else None

    count = content.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    verifier = dkim.DKIM(content)
    found = []
    for number in range(count):
        try:
            found.append(verifier.verify(idx=number, dnsfunc=look_up))
        except dkim.ValidationError:
            found.append(False)
    return found


@pytest.mark.parametrize("names", [("old",), ("edwards",), ("old", "edwards")])
def test_dkimpy_verifies_every_signature(
    keys: dict[str, DkimKey], make_message: Callable[..., Message], names: tuple[str, ...]
) -> None:
    used = [keys[name] for name in names]
    signed = Signer(used).sign(make_message(text="Grüße\n\n\n").to_bytes(), names, AT)
    assert verified(signed, *used) == [True] * len(names)
    assert max(map(len, signed.split(b"\r\n"))) <= 998
    assert len(signed.partition(b"\r\n\r\n")[0].split(b"DKIM-Signature:")) == len(names) + 1


def test_a_mail_without_list_fields_verifies_too(
    keys: dict[str, DkimKey], make_message: Callable[..., Message]
) -> None:
    content = make_message(headers=transactional_headers()).to_bytes()
    assert verified(Signer([keys["old"]]).sign(content, ("old",), AT), keys["old"]) == [True]


@pytest.mark.parametrize(
    "changed",
    [
        (b"Subject: ", b"Subject: Re: "),
        (b"From: ", b"From: evil@example.net\r\nFrom: "),
        (b"Subject: ", b"Subject: another\r\nSubject: "),
        (b"List-Unsubscribe: ", b"List-Unsubscribe: <https://evil.example.net/>\r\nList-Unsubscribe: "),
        (b"List-Unsubscribe-Post: ", b"X-Was: "),
        (b"MIME-Version", b"Reply-To: evil@example.net\r\nMIME-Version"),
        (b"A paper.", b"A paper!"),
    ],
)
def test_a_changed_or_added_field_breaks_the_signature(
    keys: dict[str, DkimKey], make_message: Callable[..., Message], changed: tuple[bytes, bytes]
) -> None:
    signed = Signer([keys["old"]]).sign(make_message().to_bytes(), ("old",), AT)
    forged = signed.replace(*changed, 1)
    assert forged != signed
    assert verified(forged, keys["old"]) == [False]


def test_both_unsubscribe_fields_are_signed(
    keys: dict[str, DkimKey], make_message: Callable[..., Message]
) -> None:
    signed = Signer([keys["old"]]).sign(make_message().to_bytes(), ("old",), AT)
    names = re.search(rb"h=([^;]+);", signed)
    assert names is not None
    listed = re.sub(rb"\s", b"", names[1]).split(b":")
    # Once for the field itself, once more against a second one.
    for name in (b"list-unsubscribe", b"list-unsubscribe-post", b"from", b"subject"):
        assert listed.count(name) == 2


def test_a_mail_that_is_sent_again_has_the_same_bytes_while_keys_change(
    keys: dict[str, DkimKey], make_message: Callable[..., Message]
) -> None:
    content = make_message().to_bytes()
    before, during, after = (
        Signer([keys["old"], keys["edwards"]]),
        Signer([keys["new"], keys["old"], keys["edwards"]]),
        Signer([keys["new"], keys["edwards"]]),
    )
    composed_with = before.selectors
    assert composed_with == ("old", "edwards")
    assert during.selectors == after.selectors == ("new", "edwards")
    first = before.sign(content, composed_with, AT)
    assert during.sign(content, composed_with, AT) == first
    # The old key is gone: the mail goes out all the same, with signatures that verify.
    late = after.sign(content, composed_with, AT)
    assert verified(late, keys["new"], keys["edwards"]) == [True, True]


def test_without_keys_a_mail_stays_as_it_is(make_message: Callable[..., Message]) -> None:
    content = make_message().to_bytes()
    assert Signer().sign(content, (), AT) == content
    assert Signer().sign(content, ("old",), AT) == content


@pytest.mark.services
@pytest.mark.parametrize("name", ["old", "edwards"])
def test_opendkim_verifies_it(
    keys: dict[str, DkimKey], make_message: Callable[..., Message], tmp_path: Path, name: str
) -> None:
    if shutil.which("opendkim") is None:
        missing("opendkim")
    key = keys[name]
    (tmp_path / "keys").write_text(f"{record_name(key)} {record_value(key)}\n")
    (tmp_path / "conf").write_text(f"TestDNSData file:{tmp_path / 'keys'}\nMode v\nSyslog no\n")
    mail = tmp_path / "mail.eml"
    mail.write_bytes(Signer([key]).sign(make_message().to_bytes(), (name,), AT))
    run = subprocess.run(
        ["opendkim", "-x", str(tmp_path / "conf"), "-t", str(mail), "-vv"],
        capture_output=True,
        text=True,
        check=False,
    )
    said = run.stdout + run.stderr
    assert "verification succeeded" in said or "pass" in said, said


def test_a_signature_costs_less_than_a_millisecond(
    keys: dict[str, DkimKey], make_message: Callable[..., Message]
) -> None:
    content = make_message(html="<p>A paper.</p>\n" * 4000).to_bytes()
    signer = Signer([keys["old"]])
    signer.sign(content, ("old",), AT)
    began_at = time.process_time()
    for _ in range(50):
        signer.sign(content, ("old",), AT)
    # 0.5 ms on the machine it was written on; a slow one gets four times that.
    assert (time.process_time() - began_at) / 50 < 0.002


# Keys.


def test_a_key_file_is_for_its_owner_alone_and_is_never_replaced(tmp_path: Path) -> None:
    key, path = make_key("Papers.Example.org", "S1", "ed25519", tmp_path / "keys")
    assert (key.domain, key.selector) == ("papers.example.org", "s1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    (read,) = read_keys([f"papers.example.org:s1:{path}"])
    assert record_value(read) == record_value(key)
    with pytest.raises(BadInput, match="another selector"):
        make_key("papers.example.org", "s1", "rsa", tmp_path / "keys")


def test_a_long_record_is_several_strings(keys: dict[str, DkimKey]) -> None:
    line = record_line(keys["old"])
    strings = re.findall(r'"([^"]*)"', line)
    assert len(strings) == 2
    assert all(len(text) <= 255 for text in strings)
    assert "".join(strings) == record_value(keys["old"])
    assert record_line(keys["edwards"]).count('"') == 2


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("example.org", "domain:selector:file"),
        ("example.org:s1", "domain:selector:file"),
        ("exa mple:s1:key.pem", "domain:selector:file"),
        ("example.org:s1:missing.pem", "digest dkim keygen"),
        ("example.org:s1:garbage.pem", "PEM"),
        ("example.org:s1:open.pem", "chmod 600"),
        ("example.org:s1:curve.pem", "neither an RSA nor an Ed25519 key"),
    ],
)
def test_a_key_that_cannot_be_used_is_one_line(tmp_path: Path, entry: str, hint: str) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
    from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as curve_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    def pem(key: object) -> bytes:
        content: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
        return content

    for name, content in {
        "garbage.pem": b"not a key",
        "open.pem": pem(generate_private_key(65537, 2048)),
        "curve.pem": pem(curve_key(SECP256R1())),
    }.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o644 if name == "open.pem" else 0o600)
    domain, _, rest = entry.partition(":")
    selector, _, file = rest.partition(":")
    with pytest.raises(BadInput, match=hint) as refused:
        read_keys([f"{domain}:{selector}:{tmp_path / file}" if file else entry])
    assert "\n" not in str(refused.value)


def test_keygen_prints_the_record_and_the_setting(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"DIGEST_SENDER": "Papers <digest@papers.example.org>"})
    said = shell("dkim", "keygen", "--selector", "s1", "--type", "ed25519").out
    assert "s1._domainkey.papers.example.org. IN TXT" in said
    setting = re.search(r"DIGEST_DKIM_KEYS=(\S+)", said)
    assert setting is not None
    again = Shell(tmp_path, {"DIGEST_DKIM_KEYS": setting[1]})("dkim", "records").out
    assert again.strip() in said
