"""Files that hold addresses or keys are for their owner alone, whatever the umask says."""

import os
from pathlib import Path
from typing import TextIO

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_OTHERS = 0o077


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, all for the owner alone. One that exists stays as it is."""
    missing: list[Path] = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file for the owner alone. One that exists stays as it is. Raises OSError."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE))


def open_for_writing(path: Path) -> TextIO:
    """Open a text file for the owner alone, emptied; one that exists is narrowed, too. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    # A terminal or a pipe is nobody's to narrow.
    if path.is_file():
        os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def is_open_to_others(path: Path) -> bool:
    """Tell whether others than the owner have any right to a file or folder that exists."""
    return path.exists() and bool(path.stat().st_mode & _OTHERS)
