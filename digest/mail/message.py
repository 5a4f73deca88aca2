"""A mail as a value, and as the bytes a server takes (RFC 5322, multipart/alternative).

Written out by hand: the standard library's EmailMessage takes 5 to 10 ms a mail, this a fraction of one.
The bytes follow from the value alone, boundary included, so a mail can be built again byte for byte.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from digest.mail import addresses
from digest.mail.encoding import structured, unstructured
from digest.mail.quoted_printable import quoted_printable

Headers = tuple[tuple[str, str], ...]

LIST_NAME = "Trending papers"
_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_URI = re.compile(r"(?:https?://|mailto:)[^\s<>,\"\x00-\x20\x7f-\U0010ffff]{1,900}")
_OWN_FIELDS = frozenset(
    {
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    }
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Message:
    """One mail to one subscriber."""

    sender: str
    """The From: `local@domain` or `Name <local@domain>`."""
    recipient: str
    subject: str
    """Any text; it goes out on one line."""
    text: str
    html: str
    message_id: str
    """With its angle brackets, as `message_id()` makes it."""
    date: datetime
    """Aware; goes out in UTC."""
    headers: Headers = ()
    """Further fields, printable ASCII, as `digest_headers()` or `transactional_headers()` makes them."""

    def to_bytes(self) -> bytes:
        """Return the whole mail with CRLF line ends, no line over 998 bytes, nothing but ASCII.

        Raises BadInput for an address that cannot be mailed to, ValueError for headers built wrongly.
        """
        boundary = "=_" + sha256(self.message_id.encode()).hexdigest()[:32]
        fields = [
            structured("From", addresses.read_address(self.sender).header),
            structured("To", addresses.read_address(self.recipient).header),
            unstructured("Subject", self.subject),
            structured("Date", _date(self.date)),
            structured("Message-ID", self.message_id),
        ]
        for name, value in self.headers:
            if name.lower() in _OWN_FIELDS:
                raise ValueError(f"the header field {name} is written by the message itself")
            fields.append(structured(name, value))
        fields += [
            "MIME-Version: 1.0",
            f'Content-Type: multipart/alternative; boundary="{boundary}"',
            "",
        ]
        # "=_" never occurs in quoted-printable text, so neither part can hold the boundary.
        return b"".join(
            (
                "\r\n".join(fields).encode("ascii"),
                _part(boundary, "plain"),
                quoted_printable(self.text),
                _part(boundary, "html"),
                quoted_printable(self.html),
                f"\r\n--{boundary}--\r\n".encode("ascii"),
            )
        )


def message_id(kind: str, key: str, domain: str) -> str:
    """Return `<kind.key@domain>`: the same for the same delivery, so that a second copy is recognisable.

    `kind` and `key` hold letters, digits, `-`, `_` and single dots between them; else ValueError.
    """
    local = f"{kind}.{key}"
    if not _KEY.fullmatch(local) or len(local) > 200:
        raise ValueError(f"{local!r} cannot be part of a Message-ID")
    return f"<{local}@{addresses.read_address('x@' + domain).domain}>"


def digest_headers(
    *,
    list_id: str,
    unsubscribe_url: str,
    unsubscribe_mailto: str,
    help_url: str,
    owner: str = "",
    archive_url: str = "",
    feedback_id: str = "",
    list_name: str = LIST_NAME,
) -> Headers:
    """Return the list fields of a digest: RFC 2369, 2919, 3834 and 8058, each once.

    `list_id` is a domain ("papers.example.org"), `unsubscribe_mailto` a whole `mailto:` URI (see
    `addresses.mailto`), `owner` a mail address or a `mailto:`/`https:` URI. Empty ones are left out.
    Mail services act on one-click only where `unsubscribe_url` is https and both fields are signed by
    DKIM; with the http:// address of a small installation the fields are the same and the link works by
    hand.
    """
    fields = [
        ("List-Id", f"{list_name} <{list_id}>"),
        ("List-Unsubscribe", f"{_bracketed(unsubscribe_url)}, {_bracketed(unsubscribe_mailto)}"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("List-Help", _bracketed(help_url)),
        ("List-Post", "NO"),
        ("Auto-Submitted", "auto-generated"),
        ("Precedence", "bulk"),
    ]
    if owner:
        target = owner if ":" in owner else addresses.mailto(addresses.read_address(owner).mailbox)
        fields.append(("List-Owner", _bracketed(target)))
    if archive_url:
        fields.append(("List-Archive", _bracketed(archive_url)))
    if feedback_id:
        fields.append(("Feedback-ID", feedback_id))
    return tuple(fields)


def transactional_headers() -> Headers:
    """Return the fields of a mail that was asked for. It is no list mail: list fields make it look like spam."""
    return (("Auto-Submitted", "auto-generated"),)


def _bracketed(uri: str) -> str:
    """Return `<uri>`. Raises ValueError for what could end the brackets early."""
    if not _URI.fullmatch(uri):
        raise ValueError(f"{uri!r} cannot stand in a list header")
    return f"<{uri}>"


def _part(boundary: str, subtype: str) -> bytes:
    return (
        f"\r\n--{boundary}\r\n"
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode("ascii")


def _date(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{_DAYS[utc.weekday()]}, {utc.day:02} {_MONTHS[utc.month - 1]} {utc.year:04} {utc:%H:%M:%S} +0000"
