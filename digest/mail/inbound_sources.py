"""Where inbound mail is read from: a Maildir, an mbox, a file, standard input, or a mailbox over IMAP.

| Source | Read | When a mail is done |
|---|---|---|
| `maildir:DIR`, or a folder with `new` | `new`, and what is unseen in `cur` | it is moved to `cur` and marked as seen |
| `mbox:FILE`, or a file that begins with `From ` | all mails | nothing: each is recognised when it is read again |
| any other file, or `-` | one mail | nothing |
| `imaps://user:password@host/MAILBOX`, `imap://` with STARTTLS | mails that are not seen | it is marked as seen |

User and password are percent-encoded. `imap://` without TLS is for a server on this machine only.
"""

import imaplib
import mailbox
import os
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from digest.errors import BadInput, StopRun
from digest.mail.smtp_session import is_loopback

FORMS = "maildir:DIR, mbox:FILE, imaps://user:password@host/INBOX, a file, or - for standard input"
_TIMEOUT_SECONDS = 60
_SEEN = "S"


@dataclass(frozen=True, slots=True)
class SourceMail:
    """A mail of a source. Call `done` when it is processed; without that it is read again the next time."""

    content: bytes
    done: Callable[[], None] = lambda: None


def read_source(source: str) -> Iterator[SourceMail]:
    """Yield the mails of a source that are not done. Raises BadInput for a wrong source, StopRun for an IMAP failure."""
    if source == "-":
        yield SourceMail(sys.stdin.buffer.read())
        return
    scheme, colon, rest = source.partition(":")
    if colon and scheme.lower() in {"imap", "imaps"}:
        yield from _read_imap(source)
        return
    kind = scheme.lower() if colon and scheme.lower() in {"maildir", "mbox"} else ""
    path = Path((rest if kind else source).removeprefix("//") or ".").expanduser()
    try:
        if kind == "maildir" or (not kind and (path / "new").is_dir()):
            yield from _read_maildir(path)
        elif kind == "mbox" or path.read_bytes()[:5] == b"From ":
            yield from _read_mbox(path)
        else:
            yield SourceMail(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError, mailbox.NoSuchMailboxError):
        raise BadInput(f"There is no mail in {path}; write {FORMS}.") from None


def _read_maildir(folder: Path) -> Iterator[SourceMail]:
    if not (folder / "new").is_dir():
        raise FileNotFoundError
    unseen = [path for path in (folder / "cur").glob("*") if _SEEN not in path.name.partition(":2,")[2]]
    for path in sorted([*(folder / "new").glob("*"), *unseen]):
        with suppress(FileNotFoundError):  # Another process has moved it.
            content = path.read_bytes()
            yield SourceMail(content, _mark_seen(folder, path))


def _mark_seen(folder: Path, path: Path) -> Callable[[], None]:
    name, _, flags = path.name.partition(":2,")
    target = folder / "cur" / f"{name}:2,{''.join(sorted({*flags, _SEEN}))}"

    def move() -> None:
        with suppress(FileNotFoundError):
            target.parent.mkdir(exist_ok=True)
            os.replace(path, target)  # noqa: PTH105 - one call, for a name that may hold a colon

    return move


def _read_mbox(path: Path) -> Iterator[SourceMail]:
    box = mailbox.mbox(path, create=False)
    try:
        for key in box.keys():  # noqa: SIM118 - iterating over the box itself yields messages
            yield SourceMail(box.get_bytes(key))
    finally:
        box.close()


def _read_imap(url: str) -> Iterator[SourceMail]:
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or _port(parts)}"
    if not parts.hostname or not parts.username or not parts.password:
        raise BadInput(f"The inbound URL {parts.scheme}:// needs user, password and host; write {FORMS}.")
    try:
        session = _log_in(parts)
        try:
            yield from _unseen(session, unquote(parts.path.strip("/")) or "INBOX", place)
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                session.logout()
    except ssl.SSLError as error:
        raise StopRun(
            f"No TLS with {place} ({error.reason}): port 993 is imaps://, 143 is imap://."
        ) from error
    except imaplib.IMAP4.error as error:
        words = error.args[0] if error.args else ""
        said = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        raise StopRun(f"{place} says {said[:200]!r}: check DIGEST_INBOUND_URL.") from error
    except OSError as error:
        raise StopRun(
            f"No connection to {place} ({error.strerror or 'no answer'}): check DIGEST_INBOUND_URL."
        ) from error


def _port(parts: SplitResult) -> int:
    return 993 if parts.scheme == "imaps" else 143


def _log_in(parts: SplitResult) -> imaplib.IMAP4:
    host, port = parts.hostname or "", parts.port or _port(parts)
    context = ssl.create_default_context()
    session: imaplib.IMAP4
    if parts.scheme == "imaps":
        session = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=_TIMEOUT_SECONDS)
    else:
        session = imaplib.IMAP4(host, port, timeout=_TIMEOUT_SECONDS)
        if not is_loopback(host):
            session.starttls(context)
    session.login(unquote(parts.username or ""), unquote(parts.password or ""))
    return session


def _unseen(session: imaplib.IMAP4, name: str, place: str) -> Iterator[SourceMail]:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    status, _ = session.select(f'"{escaped}"')
    if status != "OK":
        raise StopRun(f"{place} has no mailbox {name!r}: name another in DIGEST_INBOUND_URL.")
    _, found = session.uid("SEARCH", "UNSEEN")
    for uid in (found[0] or b"").split() if found else []:
        number = uid.decode("ascii")
        _, data = session.uid("FETCH", number, "(BODY.PEEK[])")
        contents = [one[1] for one in data if isinstance(one, tuple)]
        if contents:
            yield SourceMail(contents[0], partial(_flag, session, number))


def _flag(session: imaplib.IMAP4, number: str) -> None:
    session.uid("STORE", number, "+FLAGS", r"(\Seen)")
