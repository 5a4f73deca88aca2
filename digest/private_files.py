"""Files and folders that only their owner can read, whatever the umask: they hold addresses or keys."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TextIO

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_OTHERS = 0o077


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents for the owner alone. Existing ones are not changed."""
    missing: list[Path] = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file for the owner alone. An existing one is not opened. Raises OSError.

    Closing a file ends all POSIX locks that the process has on it, those of SQLite's open connections too. Then another
    process that closes the database deletes the write-ahead log, and what this process writes later is lost.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))


def open_for_writing(path: Path) -> TextIO:
    """Empty and open a text file; the rights of an existing one are reduced to the owner, too. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    # The rights of a terminal or a pipe are not changed.
    if path.is_file():
        os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def is_open_to_others(path: Path) -> bool:
    """Return whether a path exists and users other than its owner have any right to it."""
    return path.exists() and bool(path.stat().st_mode & _OTHERS)


def take_from_others(path: Path) -> None:
    """Take all rights to a path away from users other than its owner. Raises OSError."""
    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)
