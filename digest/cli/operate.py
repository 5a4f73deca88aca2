"""`digest init`, `status` and `settings`."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput

if TYPE_CHECKING:
    from digest.wiring import Container

_ENV = Path(".env")


def init(
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Load the made-up papers of the demo, and set DIGEST_SOURCES=sample."),
    ] = False,
) -> None:
    """Create or upgrade the database. Can be repeated safely.

    With --sample every command works without network: with DIGEST_SOURCES=sample in .env no feed is read.

    Example: digest init
    """
    from digest.papers.ingest import recount
    from digest.store.schema import newest_revision, present_revision, upgrade
    from digest.subscribers.profiles import rebuild_outdated
    from digest.text.formatting import counted

    with opened() as container:
        before = present_revision(container.database)
        upgrade(container.database)
        location = container.database.shown_url
        with output.progress("recounting terms") as show:
            recounted = recount(container.database, container.clock(), show)
        if recounted:
            rebuilt = rebuild_outdated(container.database, container.profiles, container.clock())
            output.say(f"Recounted all terms and rebuilt {counted(rebuilt, 'profile')}.")
    if before is None:
        output.say(f"Created {location}.")
    elif before != newest_revision():
        output.say(f"Upgraded {location} from {before} to {newest_revision()}.")
    else:
        output.say(f"{location} is up to date.")
    if sample:
        _load_sample()


def _load_sample() -> None:
    """Store the papers of the demo, and set DIGEST_SOURCES=sample in .env unless it is set."""
    from digest.papers.ingest import ingest
    from digest.papers.sources.sample import SampleFeed

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
    with _ENV.open("a+", encoding="utf-8") as file:
        file.seek(0)
        text = file.read()
        file.write("\n" * bool(text and not text.endswith("\n")) + "DIGEST_SOURCES=sample\n")
    output.say(
        "Wrote DIGEST_SOURCES=sample to .env, so that no feed is read. "
        "For real papers remove that line and start with an empty database."
    )


def status(json_output: JsonOutput = False) -> None:
    """Show the state of the installation: papers, feeds, subscribers, mails.

    Example: digest status
    """
    with opened() as container:
        found = _status_record(container)
    if json_output:
        output.as_json(found)
    else:
        _show_status(found)


_INBOUND_HINTS = {
    "alarmed": ": receiving servers refuse our mail by their policy; see: digest bounces list",
    "paused": ": mailboxes that stay full; see: digest bounces list",
}
"""What the operator has to do about mail that came back."""


def _status_record(container: "Container") -> dict[str, Any]:
    from digest.store import (
        circuit_breakers,
        delivery_reports,
        fetches,
        inbound,
        papers,
        refusals,
        subscribers,
    )

    now = container.clock()
    with container.database.read() as connection:
        return {
            "at": now,
            "papers": papers.count_papers(connection),
            "newest_on": papers.newest_announcement(connection, now.date()),
            "feeds": [
                {
                    "source": row.source,
                    "status": row.status,
                    "finished_at": row.finished_at,
                    "seen": row.seen,
                    "added": row.added,
                    "newest_on": row.newest_on,
                    "error": row.error,
                }
                for row in fetches.newest_fetches(connection, now)
            ],
            "readers": subscribers.count_by_status(connection),
            "next_due_at": subscribers.first_due(connection),
            "circuits": [asdict(one) for one in circuit_breakers.open_circuits(connection)],
            "doubtful_editions": [
                asdict(one) for one in refusals.doubtful_editions(connection, now.date() - timedelta(days=2))
            ],
            "inbound": [
                {"kind": kind, "outcome": outcome, "count": count}
                for (kind, outcome), count in sorted(
                    inbound.count_reports(connection, now - timedelta(days=1)).items()
                )
            ],
            "deliveries": [
                {"edition_on": day, "kind": kind, "status": state, "reason": reason, "count": count}
                for day, kind, state, reason, count in delivery_reports.count_deliveries(
                    connection, now.date() - timedelta(days=7)
                )
            ],
        }


def _show_status(found: dict[str, Any]) -> None:
    newest = f", the newest of {found['newest_on']}" if found["newest_on"] else ""
    output.say(f"papers   {found['papers']:,}{newest}")
    counts = ", ".join(f"{count:,} {state}" for state, count in sorted(found["readers"].items()))
    due = f"; next digest due {output.cell(found['next_due_at']) or 'at the next run'}" if counts else ""
    output.say(f"subscribers  {counts or 'none'}{due}")
    for one in found["circuits"]:
        output.say(
            f"mail     {one['name']}: circuit breaker open until {output.cell(one['try_again_at'])}: {one['reason']}"
        )
    for one in found["doubtful_editions"]:
        output.say(
            f"mail     {one['account']} refused {one['refused']:,} addresses and accepted {one['accepted']:,} mails "
            f"({one['stream']}, {one['edition_on']}): refusals are not trusted; ask the server's operator"
        )
    for one in found["inbound"]:
        hint = _INBOUND_HINTS.get(one["outcome"], "")
        kind = one["kind"].replace("_", " ")
        output.say(f"inbound  {one['count']:,} of kind {kind}, {one['outcome']}, in 24 hours{hint}")
    output.say()
    output.rows(
        ("source", "status", "finished_at", "seen", "added", "newest_on", "error"),
        found["feeds"],
        json_output=False,
        empty="No feed was read yet; read them with: digest papers fetch",
    )
    output.say()
    output.rows(
        ("edition_on", "kind", "status", "reason", "count"),
        found["deliveries"],
        json_output=False,
        empty="No mail in the last seven days.",
    )


def show_settings(json_output: JsonOutput = False) -> None:
    """Show every setting with its value and meaning. Secrets are masked.

    Example: digest settings
    """
    from digest.settings import Settings, as_written, read_settings

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
