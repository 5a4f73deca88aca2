"""`digest db`: backups, and moving to another database."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput

if TYPE_CHECKING:
    from digest.subscribers.suppression_file import Applied

application = typer.Typer(
    help="Back up and restore the database, and move it between SQLite and PostgreSQL.",
    epilog="Example: digest db backup digest-2026-11-20.backup",
    no_args_is_help=True,
)

BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]
Logs = Annotated[
    list[Path] | None,
    typer.Option(
        "--suppressions", metavar="FILE", help="A file of `digest suppressions export`; repeatable."
    ),
]


@application.command()
def backup(file: BackupFile) -> None:
    """Write a consistent copy of the database to a new file. Mails may be sent meanwhile.

    SQLite is copied by its online backup, PostgreSQL by pg_dump. Only you can read the file.

    Example: digest db backup digest-2026-11-20.backup
    """
    from digest.store.backups import back_up

    with opened() as container:
        back_up(container.database, file)
    output.say(f"Wrote {file} ({file.stat().st_size / 1e6:,.1f} MB).")


@application.command()
def restore(
    file: BackupFile,
    suppressions: Logs = None,
    without_suppressions: Annotated[
        bool,
        typer.Option(
            "--without-suppressions",
            help="Restore even if nothing says who unsubscribed after the backup was made.",
        ),
    ] = False,
    json_output: JsonOutput = False,
) -> None:
    """Replace the database by a backup. Stop `digest up`, beat, workers and cron first.

    The present database, if it can be read, is saved as a backup beside FILE, and its suppression log is applied.
    Editions that are due now are not sent: they may have been sent after the backup was made.

    Example: digest db restore digest-2026-11-20.backup --suppressions suppressions.jsonl
    """
    from digest.jobs.restore import restore_backup

    with opened() as container:
        done = restore_backup(container, file, tuple(suppressions or ()), without_log=without_suppressions)
    if json_output:
        output.as_json(done)
        return
    if done.saved_as:
        output.say(f"Saved the database as it was in {done.saved_as}.")
    output.say(f"Restored {file}.")
    _show(done.settled, done.applied)


@application.command()
def reconcile(suppressions: Logs = None) -> None:
    """Do what `restore` does after the copy, for a database that was restored by other means.

    Run it before anything is sent: editions that are due now are not sent, and the suppression logs are applied.

    Example: digest db reconcile --suppressions suppressions.jsonl
    """
    from digest.jobs import restore as job

    with opened() as container:
        settled, applied = job.reconcile(container, tuple(suppressions or ()))
    _show(settled, applied)


def _show(settled: int, applied: "tuple[Applied, ...]") -> None:
    output.say(f"Deliveries that may have been sent already, and are not sent again: {settled:,}.")
    for one in applied:
        output.rejections(one.rejected)
        output.say(
            f"Suppression log: {one.unsubscribed:,} unsubscribed, {one.erased:,} erased, "
            f"{one.suppressed:,} suppressed, {one.lifted:,} lifted."
        )


@application.command()
def downgrade(
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="An older revision, such as 0014.")],
) -> None:
    """Take the tables back to the revision of a former version of the program, which you install then.

    Stop `digest up`, beat, workers, web and cron first, and make a backup: what only newer versions know is dropped.

    Example: digest db downgrade 0014
    """
    from digest.store.schema import downgrade as downgrade_tables

    with opened() as container:
        downgrade_tables(container.database, revision)
        output.say(f"{container.database.shown_url} is at {revision}; install the former version now.")


@application.command()
def move(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="An empty database: sqlite:///FILE or postgresql://...")
    ],
    json_output: JsonOutput = False,
) -> None:
    """Copy everything into an empty database, and compare numbers and checksums of all tables.

    Stop `digest up`, beat, workers, web and cron first. Afterwards set DIGEST_DATABASE_URL to the new database. The
    old one is not changed.

    Example: digest db move postgresql://digest@localhost/digest
    """
    from digest.store.database import Database
    from digest.store.moves import move as move_all

    target = Database(url)
    with opened() as container:
        try:
            with output.progress("rows") as show:
                copied = move_all(container.database, target, show)
        finally:
            target.close()
    output.rows(
        ("table", "rows", "sha256"), [asdict(one) for one in copied], json_output=json_output, empty=""
    )
    if not json_output:
        output.say(f"Both are equal. Now set DIGEST_DATABASE_URL to {target.shown_url}, and start again.")
