"""Checks the room left for the database. `digest status`, its alarm and the doctor use the same facts."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from digest.doctor.check import Check, bad, good, warning
from digest.mail.smtp_session import is_loopback
from digest.store import health, overview
from digest.store.database import Connection, Database

_LEAST_FREE, _LITTLE_FREE = 200 * 2**20, 2 * 2**30
_LEAST_SHARE, _LITTLE_SHARE = 0.01, 0.05
_ALMOST_FULL = 0.9


@dataclass(frozen=True, slots=True)
class Space:
    """The room left for the database."""

    free_bytes: int | None
    """Free space of the disk of the database; None if the disk cannot be seen from this machine."""
    total_bytes: int | None
    share_used: float | None
    """How much of its largest size a SQLite database has reached."""
    database_bytes: int | None = None
    """The size of the database."""


def read_space(connection: Connection, database: Database) -> Space:
    """Return the size of the database, and how full its disk is if that can be seen from here."""
    folder = _folder_of(connection, database)
    size, share = overview.database_bytes(connection), overview.share_of_pages(connection)
    try:
        disk = shutil.disk_usage(folder) if folder else None
    except OSError:
        # The server runs in a container, or this user may not look there.
        disk = None
    return Space(disk and disk.free, disk and disk.total, share, size)


def _folder_of(connection: Connection, database: Database) -> Path | None:
    """Return the folder on this machine that holds the database; None if it is on another machine, or not told."""
    if file := health.file_of(database):
        return file.resolve().parent
    host = database.engine.url.host
    # Without a host, or with a folder as host, the connection is a socket of this machine.
    is_here = not host or host.startswith("/") or is_loopback(host)
    return overview.server_folder(connection) if is_here else None


def judge_space(space: Space) -> Check:
    """Judge whether the disk of the database, or the database itself, is nearly full."""
    name = "disk"
    size = f" The database has {_size(space.database_bytes)}." if space.database_bytes is not None else ""
    if space.share_used is not None and space.share_used > _ALMOST_FULL:
        finding = f"The database has {space.share_used:.0%} of its largest size."
        return bad(name, finding, "Move to PostgreSQL, or delete what is not needed.")
    if space.free_bytes is None or space.total_bytes is None:
        return good(name, f"Not checked: the disk of the database server cannot be seen from here.{size}")
    advice = "Free space, or move the database to a larger disk (DIGEST_DATABASE_URL)."
    share = space.free_bytes / max(space.total_bytes, 1)
    finding = f"{_size(space.free_bytes)} free for the database ({share:.0%}).{size}"
    if space.free_bytes < _LEAST_FREE or (share < _LEAST_SHARE and space.free_bytes < _LITTLE_FREE):
        return bad(name, finding, advice)
    if space.free_bytes < _LITTLE_FREE and share < _LITTLE_SHARE:
        return warning(name, finding, advice)
    return good(name, finding)


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1024:
            return f"{number:,.0f} {unit}"
        number /= 1024
    return f"{number:,.1f} GB"
