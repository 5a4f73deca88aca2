"""Transports that write mails where a person can look at them: folders, standard output, memory.

Each file appears whole or not at all: it is written beside its place and then renamed. Nothing is
flushed to the disk mail by mail; a power cut may cost the last second's files.
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
    """`maildir:DIR`: a Maildir that mail programs can open; made when the first mail comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # The two characters a Maildir name must not hold, written as its specification says.
        self._host = socket.gethostname().replace("/", r"\\057").replace(":", r"\\072") or "localhost"

    @contextmanager
    def open(self) -> Iterator["MaildirTransport"]:
        """Return the folder itself, as a connection."""
        yield self

    def send(self, envelope: Envelope) -> str:
        """Write the mail to `new`, under a name no other mail has; return its path."""
        name = f"{_safe(envelope.name)}.{token_hex(8)}.{self._host}"
        return _write(
            self.folder / "tmp" / name, self.folder / "new" / name, envelope.content, self.folder / "cur"
        )


class FileTransport:
    """`file:DIR`: one `.eml` file per delivery, named by it; the same delivery again replaces its file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def open(self) -> Iterator["FileTransport"]:
        """Return the folder itself, as a connection."""
        yield self

    def send(self, envelope: Envelope) -> str:
        """Write `<name>.eml`; return its path."""
        name = _safe(envelope.name)
        return _write(
            self.folder / f".{name}.{token_hex(4)}.part", self.folder / f"{name}.eml", envelope.content
        )


class ConsoleTransport:
    """`console:`: the headers and the text part on standard output, readable."""

    @contextmanager
    def open(self) -> Iterator["ConsoleTransport"]:
        """Return a connection that prints."""
        yield self

    def send(self, envelope: Envelope) -> str:
        """Print the mail; return "printed"."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body(("plain",))
        headers = "\n".join(f"{name}: {value}" for name, value in message.items())
        text = body.get_content() if body is not None else ""
        sys.stdout.write(f"{headers}\n\n{text}\n")
        sys.stdout.flush()
        return "printed"


class MemoryTransport:
    """`memory:`: keeps the envelopes in a list, for tests and previews."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    @contextmanager
    def open(self) -> Iterator["MemoryTransport"]:
        """Return a connection that remembers."""
        yield self

    def send(self, envelope: Envelope) -> str:
        """Keep the envelope; return "kept"."""
        self.envelopes.append(envelope)
        return "kept"


def _write(partial: Path, final: Path, content: bytes, *folders: Path) -> str:
    """Write `content` to `partial`, rename it to `final`; make the folders that are missing."""
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
            f"Mail cannot be written to {final.parent} ({reason}): free it or choose another folder."
        ) from error
    return str(final)


def _safe(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a file name")
    return name
