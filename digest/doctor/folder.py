"""Checks the mail transports without a server: whether files can be written to the folder."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from digest.doctor.check import Check, bad, good, warning
from digest.mail.transports import FileTransport, MaildirTransport, Transport

# About one day's mails to 2,000 subscribers.
_LEAST_FREE_BYTES = 100 * 2**20
_USE_SMTP = "To reach subscribers set DIGEST_MAIL_URL to smtp://user:password@host:587."


@dataclass(frozen=True, slots=True)
class Folder:
    """The result of a test write to a folder."""

    path: Path
    is_there: bool
    """False if the first mail will create it."""
    refusal: str
    """The system's message if no file could be written, else ""."""
    free_bytes: int


def examine_transport(transport: Transport) -> Check:
    """Check a transport that needs no server."""
    if isinstance(transport, MaildirTransport | FileTransport):
        return judge_folder(probe_folder(transport.folder))
    return warning("mail", "Mails are only printed or kept in memory; no subscriber gets one.", _USE_SMTP)


def probe_folder(path: Path) -> Folder:
    """Write a temporary file into the folder, or into the nearest parent that exists."""
    present = path.absolute()
    while not present.exists() and present != present.parent:
        present = present.parent
    refusal, free = "", 0
    try:
        free = shutil.disk_usage(present).free
        with tempfile.TemporaryFile(dir=present) as file:
            file.write(b"x")
    except OSError as error:
        refusal = error.strerror or type(error).__name__
    return Folder(path, path.exists(), refusal, free)


def judge_folder(folder: Folder) -> Check:
    """Judge whether mails can be written."""
    name = "mail folder"
    if folder.refusal:
        return bad(
            name,
            f"No file can be written to {folder.path} ({folder.refusal}).",
            "Give this user write access, or name another folder in DIGEST_MAIL_URL.",
        )
    if folder.free_bytes < _LEAST_FREE_BYTES:
        return warning(
            name,
            f"The disk of {folder.path} has only {folder.free_bytes / 2**20:.0f} MB left.",
            "Free some space, or name a folder on another disk in DIGEST_MAIL_URL.",
        )
    state = "can be written" if folder.is_there else "will be created with the first mail"
    return good(name, f"{folder.path} {state}.")
