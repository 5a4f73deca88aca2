"""Checks that only their owner has access to files with addresses or keys."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from digest.doctor.check import Check, good, warning
from digest.mail.transports import FileTransport, MaildirTransport, Transport
from digest.private_files import is_open_to_others
from digest.store import health
from digest.store.database import Database


def examine_rights(database: Database, transport: Transport | None) -> Check:
    """Check the database's files and the folder that mail is written to."""
    paths: list[Path] = []
    if file := health.file_of(database):
        paths += [file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm"))]
    if isinstance(transport, MaildirTransport | FileTransport):
        paths.append(transport.folder)
    return judge_rights([path for path in paths if is_open_to_others(path)])


def judge_rights(wide: Sequence[Path]) -> Check:
    """Judge the access rights; `wide` are the paths that others than their owner can use."""
    name = "file rights"
    if not wide:
        return good(name, "Only their owner has access to files with addresses or keys.")
    shown = ", ".join(str(path) for path in wide)
    return warning(
        name,
        f"Other users of this machine have access to {shown}, which holds addresses or keys.",
        f"Remove their rights with: chmod go= {shlex.join(str(path) for path in wide)}",
    )
