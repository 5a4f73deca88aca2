"""`digest run`: runs the daily job once."""

from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import output
from digest.cli.container import opened, stop_signals
from digest.cli.output import JsonOutput
from digest.cli.times import end_of, parse_date, parse_instant

if TYPE_CHECKING:
    from digest.delivery.select_papers import Selection
    from digest.jobs.daily import Job, Report
    from digest.papers.summary_service import SummaryService
    from digest.wiring import Container


def run(
    date: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help="Send that day's edition to all active subscribers, whatever their hour."
        ),
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(metavar="ISO", help="Act as if it were then; a date means the end of that day."),
    ] = None,
    subscriber: Annotated[str | None, typer.Option(metavar="EMAIL", help="Only this subscriber.")] = None,
    no_fetch: Annotated[bool, typer.Option("--no-fetch", help="Do not read the feeds first.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be sent; change nothing.")
    ] = False,
    json_output: JsonOutput = False,
) -> None:
    """Run the daily job once: read the feeds, plan the digests that are due, send them, print a summary.

    Let cron run it every hour: each subscriber gets one digest a day, at their own hour.
    Exit code 0: success; 1: a feed or some mails failed; 2: nothing could be done. SIGTERM and Ctrl-C end the run
    within ten seconds: mails in flight are finished, the others stay planned for the next run.

    Example: digest run --no-fetch --now 2026-11-20T12:00 --dry-run
    """
    from digest.jobs import daily
    from digest.jobs.observed import observed
    from digest.subscribers.signup import find_subscriber

    edition_on = parse_date(date)
    instant = parse_instant(now)
    if instant is None and edition_on is not None:
        from digest.clock import utc_now

        instant = min(utc_now(), end_of(edition_on))
    with stop_signals() as stopping, opened(instant, stopping.is_set) as container:
        only = None
        if subscriber is not None:
            with container.database.read() as connection:
                only = find_subscriber(connection, subscriber).id
        if dry_run:
            job = daily.Job(edition_on=edition_on, only=only)
            _show_dry_run(
                daily.dry_run(container.database, container.composer, job, container.clock()),
                json_output=json_output,
            )
            return
        # Another day's clock would delete what is not old yet.
        retention = container.retention if instant is None else None
        job = daily.Job(edition_on=edition_on, only=only, retention=retention)
        with observed("run"):
            report = _run(container, job, fetches=not no_fetch)
        _write_metrics(container, report.exit_code)
    _show(report, json_output=json_output)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _run(container: "Container", job: "Job", *, fetches: bool) -> "Report":
    from digest.doctor.rollback import require_current
    from digest.errors import StopRun
    from digest.jobs import daily
    from digest.status.watch import beat_heart

    started_at = container.clock()
    try:
        require_current(container.database, container.sent_mark.read())
        with container.summary_service() as service:
            if fetches:
                job = _fetching(container, job, service)
            report = daily.run(container.delivery_context, container.profiles, job, container.clock)
    except StopRun:
        _tell_operator(container)
        raise
    if report.deliveries.sent:
        container.sent_mark.note(started_at)
    _tell_operator(container)
    if report.exit_code == 0:
        beat_heart(container)
    return report


def _write_metrics(container: "Container", exit_code: int) -> None:
    """Write DIGEST_METRICS_FILE, if it is set. A file that cannot be written is a warning."""
    path = container.settings.metrics_file
    if path is None:
        return
    from digest.errors import DigestError
    from digest.metrics_export import RunGauges, write_file
    from digest.status.gauges import StatusGauges

    try:
        write_file(path, RunGauges(exit_code, container.clock()), StatusGauges(container))
    except DigestError as error:
        output.warn(f"Metrics: {error}")


def _fetching(container: "Container", job: "Job", service: "SummaryService | None") -> "Job":
    """Return the job with everything that is read over the network."""
    return replace(
        job,
        sources=[container.source(name) for name in container.settings.sources],
        papers_by_id=container.papers_by_id(),
        summarizer=service,
        summary_budget=container.settings.summary_budget,
    )


def _tell_operator(container: "Container") -> None:
    """Send the alarms. The run's exit code stays as it is."""
    from digest.errors import DigestError
    from digest.status.watch import watch

    try:
        error = watch(container).error
    except DigestError as failure:
        error = str(failure)
    if error:
        output.warn(f"Alarms: {error}")


def _show_dry_run(selections: "list[Selection]", *, json_output: bool) -> None:
    from digest.delivery.decisions import quiet_reason

    output.rows(
        ("address", "edition_on", "papers", "first"),
        [
            {
                "address": one.subscriber.address,
                "edition_on": one.edition_on,
                "papers": len(one.picks),
                "first": one.picks[0].card.title if one.picks else quiet_reason(one.considered, one.state),
            }
            for one in selections
        ],
        json_output=json_output,
        empty="No digest is due.",
    )


def _show(report: "Report", *, json_output: bool) -> None:
    from digest.text.formatting import counted

    summary = report.deliveries
    for one in report.fetched:
        if one.error:
            output.warn(
                one.error if one.error.startswith(f"{one.source}: ") else f"{one.source}: {one.error}"
            )
    if report.by_id.error:
        output.warn(f"Rated papers: {report.by_id.error}")
    if report.summarized.error:
        output.warn(f"Summaries: {report.summarized.error}")
    if summary.stopped:
        output.warn(f"digest: {summary.stopped}")
    if json_output:
        output.as_json(_record(report))
        return
    for one in report.fetched:
        output.say(
            f"{one.source}: {counted(one.intake.seen, 'paper')}, {one.intake.added:,} new ({one.status})"
        )
    if report.by_id.asked:
        requested = counted(report.by_id.asked, "rated paper")
        output.say(f"{requested} requested by id, {report.by_id.added:,} new")
    if report.rebuilt:
        output.say(f"{counted(report.rebuilt, 'profile')} rebuilt")
    totals = [f"{report.planned:,} planned", f"{summary.sent:,} sent"]
    for word, counts in (
        ("skipped", summary.skipped),
        ("waiting", summary.to_retry),
        ("failed", summary.failed),
    ):
        if counts:
            totals.append(f"{counts.total():,} {word} ({_reasons(counts)})")
    output.say(", ".join(totals) + ".")


def _reasons(counts: "Counter[str]") -> str:
    return "; ".join(f"{reason}: {count:,}" for reason, count in counts.most_common())


def _record(report: "Report") -> dict[str, Any]:
    summary = report.deliveries
    return {
        "fetched": [
            {
                "source": one.source,
                "status": one.status,
                "seen": one.intake.seen,
                "added": one.intake.added,
                "error": one.error,
            }
            for one in report.fetched
        ],
        "fetched_by_id": asdict(report.by_id),
        "rebuilt": report.rebuilt,
        "planned": report.planned,
        "sent": summary.sent,
        "skipped": dict(summary.skipped),
        "waiting": dict(summary.to_retry),
        "failed": dict(summary.failed),
        "stopped": summary.stopped,
    }
