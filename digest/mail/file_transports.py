"""Transports without a server: folders, standard output, memory.

Files are written under a temporary name and then renamed, so a file is complete or absent. They are not synced to
disk one by one: a power failure can lose those of the last seconds.
"""

import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from pathlib import Path
from secrets import token_hex

from digest.errors import StopRun
from digest.mail.envelope import Envelope
from digest.private_files import FILE_MODE, make_folder

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,180}")


class MaildirTransport:
    """`maildir:DIR`: a Maildir that mail programs can open. The first mail creates it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # A Maildir file name cannot contain these two characters; the specification gives their escapes.
        self._host = socket.gethostname().replace("/", r"\\057").replace(":", r"\\072") or "localhost"

    @contextmanager
    def open(self) -> Iterator["MaildirTransport"]:
        """Return the transport itself, which is also its connection."""
        yield self

    def send(self, envelope: Envelope) -> str:
        """Write the mail to `new` under a unique name and return its path."""
        name = f"{_safe(envelope.name)}.{token_hex(8)}.{self._host}"
        return _write(
            self.folder / "tmp" / name, self.folder / "new" / name, envelope.content, self.folder / "cur"
        )


class FileTransport:
    """`file:DIR`: one `.eml` file per delivery. Sending a delivery again replaces its file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def open(self) -> Iterator["FileTransport"]:
        """Return the transport itself, which is also its connection."""
        yield self

    def send(self, envelope: Envelope) -> str:
        """Write `<name>.eml` and return its path."""
        name = _safe(envelope.name)
        return _write(
            self.folder / f".{name}.{token_hex(4)}.part", self.folder / f"{name}.eml", envelope.content
        )


class ConsoleTransport:
    """`console:`: prints the decoded headers and the text part to standard output."""

    @contextmanager
    def open(self) -> Iterator["ConsoleTransport"]:
        """Return the transport itself, which is also its connection."""
        yield self

    def send(self, envelope: Envelope) -> str:
        """Print the mail and return "printed"."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body(("plain",))
        headers = "\n".join(f"{name}: {value}" for name, value in message.items())
        text = body.get_content() if body is not None else ""
        sys.stdout.write(f"{headers}\n\n{text}\n")
        sys.stdout.flush()
        return "printed"


class MemoryTransport:
    """`memory:`: appends the envelopes to a list, for tests."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    @contextmanager
    def open(self) -> Iterator["MemoryTransport"]:
        """Return the transport itself, which is also its connection."""
        yield self

    def send(self, envelope: Envelope) -> str:
        """Append the envelope and return "kept"."""
        self.envelopes.append(envelope)
        return "kept"


def _write(partial: Path, final: Path, content: bytes, *folders: Path) -> str:
    """Write `content` to `partial` and rename it to `final`. Creates missing folders. Raises StopRun."""
    try:
        try:
            file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        except FileNotFoundError:
            for folder in (partial.parent, final.parent, *folders):
                make_folder(folder)
            file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
        partial.replace(final)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        reason = error.strerror or "no reason given"
        raise StopRun(
            f"Mail cannot be written to {final.parent} ({reason}): make it writable or choose another folder."
        ) from error
    return str(final)


def _safe(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a safe file name")
    return name
