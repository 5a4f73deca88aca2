"""`digest init`, `settings` and `operator-link`."""

from pathlib import Path
from typing import Annotated

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput

_ENV = Path(".env")


def init(
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Load the made-up papers of the demo, and set DIGEST_SOURCES=sample."),
    ] = False,
) -> None:
    """Create or upgrade the database. Can be repeated safely. A backup of an SQLite database is made before an upgrade.

    With --sample every command works without network: with DIGEST_SOURCES=sample in .env no feed is read.

    Example: digest init
    """
    from digest.papers.ingest import recount
    from digest.store.backups import upgrade_after_backup
    from digest.store.schema import newest_revision, present_revision
    from digest.subscribers.profiles import rebuild_outdated
    from digest.text.formatting import counted

    with opened() as container:
        before = present_revision(container.database)
        saved = upgrade_after_backup(container.database)
        location = container.database.shown_url
        with output.progress("recounting terms") as show:
            recounted = recount(container.database, container.clock(), show)
        if recounted:
            with output.progress("rebuilding profiles") as show:
                rebuilt = rebuild_outdated(
                    container.database, container.profiles, container.clock(), progress=show
                )
            output.say(f"Recounted all terms and rebuilt {counted(rebuilt, 'profile')}.")
    if before is None:
        output.say(f"Created {location}.")
    elif before != newest_revision():
        output.say(f"Upgraded {location} from {before} to {newest_revision()}.")
        if saved:
            output.say(f"The database as it was is in {saved}.")
    else:
        output.say(f"{location} is up to date.")
    if sample:
        _load_sample()


def _load_sample() -> None:
    """Store the papers of the demo, and set DIGEST_SOURCES=sample in .env unless it is set."""
    from digest.papers.ingest import ingest
    from digest.papers.sources.sample import SampleFeed
    from digest.private_files import make_file

    with opened() as container:
        now = container.clock()
        intake = ingest(container.database, SampleFeed().fetch(now.date(), now), now)
        sources = container.settings.sources
        is_set = "sources" in container.settings.model_fields_set
    output.say(f"Loaded the sample: {intake.seen:,} papers, {intake.added:,} new. All but one are made up.")
    if sources == ("sample",):
        return
    if is_set:
        output.warn(f"DIGEST_SOURCES is {','.join(sources)}; set it to sample to read no feeds.")
        return
    make_file(_ENV)
    with _ENV.open("a+", encoding="utf-8") as file:
        file.seek(0)
        text = file.read()
        file.write("\n" * bool(text and not text.endswith("\n")) + "DIGEST_SOURCES=sample\n")
    output.say(
        "Wrote DIGEST_SOURCES=sample to .env, so that no feed is read. "
        "For real papers remove that line and start with an empty database."
    )


def show_settings(json_output: JsonOutput = False) -> None:
    """Show every setting with its value and meaning. Secrets are masked.

    Example: digest settings
    """
    from digest.setting_types import as_written
    from digest.settings import Settings, read_settings

    settings = read_settings()
    output.rows(
        ("setting", "value", "help"),
        [
            {
                "setting": f"DIGEST_{name.upper()}",
                "value": as_written(getattr(settings, name)),
                "help": field.description,
            }
            for name, field in Settings.model_fields.items()
        ],
        json_output=json_output,
        empty="There are no settings.",
    )


def operator_link(
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days the link is valid.")] = 30,
) -> None:
    """Print the link to the operator's page, which shows what `digest status --html` does. Keep it secret.

    The page is off unless DIGEST_OPERATOR_PAGE is 1. A new DIGEST_SECRET_KEY makes all links invalid.

    Example: digest operator-link --days 7
    """
    from digest.status.operator_link import operator_link as link

    with opened() as container:
        settings = container.settings
        output.say(link(settings.base_url, container.secret, container.clock().date(), days))
    if not settings.operator_page:
        output.warn("The page is off; to serve it, set DIGEST_OPERATOR_PAGE=1 and start the pages again.")
