"""Restoring a backup so that no edition is sent twice and nobody who left gets mail again."""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from digest.delivery.plan import plan_due
from digest.errors import BadInput, StopRun
from digest.private_files import open_for_writing
from digest.store import backups
from digest.store.database import Database
from digest.store.restored import settle_open
from digest.store.schema import newest_revision, present_revision, upgrade
from digest.subscribers.suppression_file import Applied, apply_file, export_lines
from digest.wiring import Container

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of restoring a backup."""

    saved_as: Path | None
    """A backup of the database as it was before; None if there was nothing to save."""
    settled: int
    """Number of digests and other mails that may have been sent after the backup was made, and are not sent now."""
    applied: tuple[Applied, ...]
    """The results of applying the suppression logs."""


def restore_backup(
    container: Container, file: Path, logs: tuple[Path, ...], *, without_log: bool = False
) -> Restored:
    """Replace the database by a backup, upgrade it, apply suppression logs, and settle what may have been sent.

    The log of the present database is applied, too. Raises BadInput, before anything is changed, when there is no log
    at all, unless `without_log`. The database that was there is saved as a backup first.
    """
    database, now = container.database, container.clock()
    backups.check_backup(database, file)
    for log in logs:
        if not log.is_file():
            raise BadInput(f"{log} cannot be read.")
    with tempfile.TemporaryDirectory() as folder:
        present = _export_log(container, Path(folder) / "present.jsonl", now)
        if present is None and not logs and not without_log:
            raise BadInput(
                "Nothing says who unsubscribed after the backup was made: name the file of "
                "`digest suppressions export` with --suppressions, or accept it with --without-suppressions."
            )
        saved_as = _save(database, file, now) if present else None
        backups.restore(database, file)
        found = (*logs, *([present] if present else []))
        settled, applied = reconcile(container, found)
    return Restored(saved_as, settled, applied)


def reconcile(container: Container, logs: tuple[Path, ...]) -> tuple[int, tuple[Applied, ...]]:
    """Upgrade a restored database, settle what may have been sent, apply logs. Raises BadInput for a bad log.

    Digests that are due now may have been sent after the backup was made: they are not sent. The next ones are, as the
    time of the last sent mail outside of the database is forgotten.
    """
    database, now = container.database, container.clock()
    upgrade(database)
    # First of all: with nothing open and nothing due, nothing is sent if a log is refused.
    plan_due(database, now)
    settled = 0
    while page := _settle_page(database, now):
        settled += page
    # The secret key may be in the restored database.
    restored = Container(container.settings, container.clock)
    applied = tuple(apply_file(database, restored.secret, log, now) for log in logs)
    restored.sent_mark.forget()
    restored.close()
    return settled, applied


def _settle_page(database: Database, now: datetime) -> int:
    with database.begin() as connection:
        return settle_open(connection, now, _PAGE)


def _export_log(container: Container, file: Path, now: datetime) -> Path | None:
    """Write the log of the present database to a file; None if there is no database or it cannot be read."""
    try:
        if present_revision(container.database) != newest_revision():
            return None
        with open_for_writing(file) as out:
            out.writelines(f"{line}\n" for line in export_lines(container.database, container.secret, now))
    except StopRun:
        return None
    return file


def _save(database: Database, file: Path, now: datetime) -> Path:
    saved_as = file.with_name(f"before-restore-{now:%Y%m%dT%H%M%S}.backup")
    backups.back_up(database, saved_as)
    return saved_as
