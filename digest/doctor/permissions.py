"""Checks that only their owner has access to files with addresses or keys, and takes the rights of others away."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from digest.doctor.check import Check, bad, good, warning
from digest.mail.dkim_keys import key_files
from digest.mail.transports import FileTransport, MaildirTransport, Transport
from digest.private_files import is_open_to_others, take_from_others
from digest.settings import Settings
from digest.store import health
from digest.store.database import Database

_NAME = "file rights"


def private_paths(settings: Settings, database: Database, transport: Transport | None) -> list[Path]:
    """Return the files and folders that hold addresses or keys: database, outbox, `.env` and DKIM keys."""
    paths = [Path(".env"), *key_files(settings.dkim_keys)]
    if file := health.file_of(database):
        paths += [file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm"))]
    if isinstance(transport, MaildirTransport | FileTransport):
        paths.append(transport.folder)
    return paths


def examine_rights(paths: Sequence[Path]) -> Check:
    """Check that others than their owner have no access to these paths, where they exist."""
    return judge_rights([path for path in paths if is_open_to_others(path)])


def judge_rights(wide: Sequence[Path]) -> Check:
    """Judge the access rights; `wide` are the paths that others than their owner can use."""
    if not wide:
        return good(_NAME, "Only their owner has access to files with addresses or keys.")
    return warning(
        _NAME,
        f"Other users of this machine have access to {_named(wide)}, which holds addresses or keys.",
        f"Remove their rights with: digest doctor --fix; or: chmod go= {shlex.join(map(str, wide))}",
    )


def fix_rights(paths: Sequence[Path]) -> list[Check]:
    """Take the rights of others to these paths away; return what was done, nothing if there were none."""
    fixed: list[Path] = []
    refused: list[Check] = []
    for path in paths:
        if not is_open_to_others(path):
            continue
        try:
            take_from_others(path)
        except OSError as error:
            advice = "Run this as the owner of the file."
            refused.append(bad("fix", f"The rights to {path} cannot be changed ({error.strerror}).", advice))
        else:
            fixed.append(path)
    if not fixed:
        return refused
    return [good("fix", f"Took the rights of other users to {_named(fixed)} away."), *refused]


def _named(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))
