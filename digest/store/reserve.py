"""Some space on the disk of an SQLite database that is given up when the disk is full, so that an alarm can be stored."""

from contextlib import suppress
from pathlib import Path

from digest.private_files import FILE_MODE
from digest.store.database import Database
from digest.store.health import file_of

_BYTES = 2**20


def _reserve_of(database: Database) -> Path | None:
    file = file_of(database)
    return file.with_name(f"{file.name}.reserve") if file else None


def keep_reserve(database: Database) -> None:
    """Fill the space, unless it is there or the disk has no room for it."""
    reserve = _reserve_of(database)
    if reserve is None or reserve.exists():
        return
    try:
        reserve.touch(FILE_MODE)
        # A file without content, or with holes, takes no space.
        reserve.write_bytes(b"\xff" * _BYTES)
    except OSError:
        give_up_reserve(database)


def give_up_reserve(database: Database) -> bool:
    """Free the space; return whether there was any."""
    reserve = _reserve_of(database)
    if reserve is None or not reserve.exists():
        return False
    with suppress(OSError):
        reserve.unlink()
    return True
