"""Where mail goes when it goes nowhere: a folder that must take files, or a screen."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from digest.doctor.check import Check, bad, good, warning
from digest.mail.transports import FileTransport, MaildirTransport, Transport

# A day's mail of a few hundred subscribers.
_LEAST_FREE_BYTES = 100 * 2**20
_WAY_OUT = "To reach subscribers set DIGEST_MAIL_URL to smtp://user:password@host:587."


@dataclass(frozen=True, slots=True)
class Folder:
    """What trying to write into a folder showed."""

    path: Path
    is_there: bool
    """False for one that the first mail will make."""
    refusal: str
    """Why a file could not be written, in the system's words; "" if it could."""
    free_bytes: int


def examine_transport(transport: Transport) -> Check:
    """Look at a way of mail that needs no server."""
    if isinstance(transport, MaildirTransport | FileTransport):
        return judge_folder(look_at(transport.folder))
    return warning("mail", "Mails are only shown or kept in memory; no subscriber gets one.", _WAY_OUT)


def look_at(path: Path) -> Folder:
    """Write a file that vanishes at once, into the folder or the one it will be made in."""
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
            "Give this user the right to write there, or name another folder in DIGEST_MAIL_URL.",
        )
    if folder.free_bytes < _LEAST_FREE_BYTES:
        return warning(
            name,
            f"The disk of {folder.path} has only {folder.free_bytes / 2**20:.0f} MB left.",
            "Make room, or name a folder on another disk in DIGEST_MAIL_URL.",
        )
    state = "can be written" if folder.is_there else "will be made with the first mail"
    return good(name, f"{folder.path} {state}.")
