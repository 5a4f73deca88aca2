"""Files with DKIM keys: making one, reading those of the settings, and the DNS record of a key (RFC 6376, 8301, 8463)."""

import re
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from digest.errors import BadInput
from digest.mail.dkim import DkimKey, PrivateKey
from digest.private_files import is_open_to_others, make_folder, open_for_writing

RSA_BITS = 2048
"""Larger records do not fit into the answers of some DNS servers."""
_LEAST_RSA_BITS = 1024
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_TXT_LIMIT = 255
"""The most characters of one string of a TXT record."""


def read_keys(entries: Iterable[str]) -> tuple[DkimKey, ...]:
    """Return the keys of DIGEST_DKIM_KEYS, each written as `domain:selector:file`. Raises BadInput."""
    keys = tuple(_read_key(entry) for entry in entries)
    selectors = [key.selector for key in keys]
    for selector in selectors:
        if selectors.count(selector) > 1:
            raise BadInput(f"DIGEST_DKIM_KEYS has the selector {selector} twice: give each key its own.")
    return keys


def key_files(entries: Iterable[str]) -> list[Path]:
    """Return the files that DIGEST_DKIM_KEYS names; those that are not written as they should are left out."""
    files = (entry.split(":", 2)[2:] for entry in entries)
    return [Path(file[0]).expanduser() for file in files if file and file[0]]


def _read_key(entry: str) -> DkimKey:
    domain, _, rest = entry.partition(":")
    selector, _, file = rest.partition(":")
    domain, selector = domain.lower(), selector.lower()
    if not file or not _NAME.fullmatch(domain) or not _NAME.fullmatch(selector):
        raise BadInput(f"DIGEST_DKIM_KEYS: {entry[:80]!r} is no key; write domain:selector:file.")
    path = Path(file).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"The DKIM key {path} cannot be read ({error.strerror}): make it with digest dkim keygen."
        ) from error
    if is_open_to_others(path):
        raise BadInput(f"The DKIM key {path} can be read by others: run chmod 600 {path}")
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadInput(f"{path} is no private key in PEM: make one with digest dkim keygen.") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise BadInput(f"{path} is neither an RSA nor an Ed25519 key: make one with digest dkim keygen.")
    if isinstance(key, RSAPrivateKey) and key.key_size < _LEAST_RSA_BITS:
        raise BadInput(f"{path} has only {key.key_size} bits: make one with digest dkim keygen.")
    return DkimKey(domain, selector, key)


def make_key(domain: str, selector: str, key_type: str, folder: Path) -> tuple[DkimKey, Path]:
    """Write a new private key, `rsa` or `ed25519`, to `folder` for its owner alone; return it and its file.

    Raises BadInput.
    """
    if key_type not in {"rsa", "ed25519"}:
        raise BadInput(f"There is no key type {key_type[:80]!r}; choose rsa or ed25519.")
    domain, selector = domain.lower(), selector.lower()
    if not _NAME.fullmatch(domain):
        raise BadInput(f"{domain[:80]!r} is no domain; write it like papers.example.org.")
    if not _NAME.fullmatch(selector):
        raise BadInput(f"{selector[:80]!r} is no selector; use letters, digits and hyphens, such as s2026a.")
    path = folder / f"{domain}.{selector}.pem"
    if path.exists():
        raise BadInput(
            f"{path} exists already: choose another selector, as mails may be signed with this key."
        )
    private: PrivateKey = (
        generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        if key_type == "rsa"
        else Ed25519PrivateKey.generate()
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    make_folder(folder)
    with open_for_writing(path) as file:
        file.write(pem.decode("ascii"))
    return DkimKey(domain, selector, private), path


def record_name(key: DkimKey) -> str:
    """Return the name of the TXT record that publishes a key."""
    return f"{key.selector}._domainkey.{key.domain}"


def record_value(key: DkimKey) -> str:
    """Return the text of the TXT record. An Ed25519 key is published raw (RFC 8463, section 4)."""
    if isinstance(key.private_key, RSAPrivateKey):
        public = key.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={b64encode(public).decode('ascii')}"
    public = key.private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k=ed25519; p={b64encode(public).decode('ascii')}"


def record_line(key: DkimKey) -> str:
    """Return the record as a line of a zone file; a text longer than 255 characters is several strings."""
    value = record_value(key)
    strings = [value[start : start + _TXT_LIMIT] for start in range(0, len(value), _TXT_LIMIT)]
    quoted = " ".join(f'"{text}"' for text in strings)
    return f"{record_name(key)}. IN TXT {f'( {quoted} )' if len(strings) > 1 else quoted}"
