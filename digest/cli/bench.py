"""`digest bench`: benchmarks of this machine."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import output
from digest.cli.output import JsonOutput

if TYPE_CHECKING:
    from digest.bench.deliver import Measured

application = typer.Typer(
    help="Measure the speed of this machine, in a temporary database.",
    epilog="Example: digest bench score --papers 600",
    no_args_is_help=True,
)

Library = Annotated[
    Path | None,
    typer.Option(
        "--library",
        metavar="FILE",
        help="Papers to use (JSON lines); variations of the sample feed if not given.",
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="A PostgreSQL to create a temporary database in; an SQLite file if not given."
    ),
]


@application.command()
def deliver(
    subscribers: Annotated[int, typer.Option(min=1, metavar="N", help="How many subscribers.")] = 2000,
    papers: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many new papers there are to select from.")
    ] = 600,
    per_mail: Annotated[int, typer.Option(min=1, max=50, metavar="N", help="Papers in a mail.")] = 10,
    mail_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where mail is sent; a temporary folder if not given.")
    ] = None,
    database_url: DatabaseUrl = None,
    broker_url: Annotated[
        str | None, typer.Option(metavar="URL", help="A Redis, to deliver with Celery workers.")
    ] = None,
    latency: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Start a mail server that waits this long before each of its four answers to a mail, such as 25ms.",
        ),
    ] = None,
    connections: Annotated[
        int | None,
        typer.Option(min=1, max=200, metavar="N", help="Connections of each worker to that server."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Worker processes.")] = 2,
    library: Library = None,
    json_output: JsonOutput = False,
) -> None:
    """Plan and deliver a digest to N made-up subscribers; print the rate and the CPU time of each stage.

    --mail-url should name a server that discards all mail, because the subscribers do not exist. Or give --latency, which
    starts a server that is as slow as one on the internet.

    Example: digest bench deliver --subscribers 5000 --workers 2
    """
    from digest.bench.deliver import Options, bench
    from digest.bench.fixtures import Scale
    from digest.cli.times import parse_milliseconds
    from digest.clock import utc_now

    options = Options(
        Scale(subscribers, papers, per_mail, library),
        workers,
        mail_url,
        database_url,
        latency=parse_milliseconds(latency),
        connections=connections,
        broker_url=broker_url,
    )
    found = bench(options, utc_now, output.warn)
    if json_output:
        output.as_json(_delivery_record(found))
    else:
        _show_delivery(found)


def _delivery_record(found: "Measured") -> dict[str, Any]:
    record: dict[str, Any] = {
        "digests": found.digests,
        "seconds": round(found.seconds, 3),
        "rate_per_s": round(found.rate_per_s, 1),
        "cpu_ms_per_digest": {name: round(value, 3) for name, value in found.cpu_ms_per_digest.items()},
        "message_bytes": found.message_bytes,
        "peak_rss_mb": round(found.peak_rss_mb, 1),
        "planned_per_s": round(found.planned_per_s, 1),
    }
    if found.server:
        record |= {"connections": found.server.most_connections, "doubles": found.server.doubles}
    return record


def _show_delivery(found: "Measured") -> None:
    output.say(f"{found.digests:,} digests in {found.seconds:,.1f} s: {found.rate_per_s:,.0f} a second")
    output.say(f"planned at {found.planned_per_s:,.0f} a second")
    total = sum(found.cpu_ms_per_digest.values())
    stages = ", ".join(f"{name} {value:.2f}" for name, value in found.cpu_ms_per_digest.items())
    output.say(f"CPU a digest {total:.2f} ms: {stages}")
    if found.server:
        output.say(f"{found.server.most_connections} connections at once, {found.server.doubles} mails twice")
    output.say(f"{found.papers_per_digest:.1f} papers and {found.message_bytes:,} bytes a mail")
    output.say(f"{found.peak_rss_mb:,.0f} MB at most in one process, {found.database_mb:,.0f} MB of database")


@application.command()
def score(
    profiles: Annotated[int, typer.Option(min=1, metavar="N", help="How many profiles.")] = 20_000,
    papers: Annotated[int, typer.Option(min=1, metavar="N", help="How many papers.")] = 600,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes.")] = 2,
    library: Library = None,
    json_output: JsonOutput = False,
) -> None:
    """Score profiles against the papers of one day, and print the rate.

    Example: digest bench score --profiles 20000 --papers 600
    """
    from digest.bench.score import bench
    from digest.clock import utc_now

    found = bench(profiles, papers, workers, library, utc_now())
    if json_output:
        output.as_json(asdict(found) | {"rate_per_s": round(found.rate_per_s, 1)})
        return
    output.say(
        f"{found.profiles:,} profiles against {found.papers:,} papers in {found.seconds:.2f} s "
        f"on {found.workers} processes: {found.rate_per_s:,.0f} a second"
    )


@application.command()
def web(
    papers: Annotated[int, typer.Option(min=10, metavar="N", help="How many papers are stored.")] = 50_000,
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes serve.")] = 2,
    seconds: Annotated[float, typer.Option(min=0.5, help="Duration of the test of each kind of page.")] = 10,
    database_url: DatabaseUrl = None,
    library: Library = None,
    json_output: JsonOutput = False,
) -> None:
    """Serve made-up papers with `digest web`, request its home page, searches and previews; print rate and latency.

    The client runs on this machine too and uses some of its CPU time. Previews are limited to 600 an hour for each
    process; more of them count as failed.

    Example: digest bench web --papers 50000 --processes 2
    """
    from digest.bench.web import Options, bench
    from digest.clock import utc_now
    from digest.text.formatting import counted

    found = bench(Options(papers, processes, seconds, library, database_url), utc_now, output.warn)
    if json_output:
        record = {
            name: {what: round(value, 2) for what, value in asdict(got).items()}
            for name, got in (("home", found.home), ("search", found.search), ("preview", found.preview))
        }
        output.as_json(
            {
                "papers": found.papers,
                "processes": found.processes,
                **record,
                "peak_rss_mb": round(found.peak_rss_mb, 1),
            }
        )
        return
    output.say(f"{counted(found.papers, 'paper')}, {counted(found.processes, 'process')}")
    for name, got in (("home", found.home), ("search", found.search), ("preview", found.preview)):
        output.say(
            f"{name:8}{got.rate_per_s:8,.0f} a second; p50 {got.p50_ms:.1f}, p95 {got.p95_ms:.1f}, "
            f"p99 {got.p99_ms:.1f} ms; {got.failed} failed"
        )
    output.say(f"{found.peak_rss_mb:,.0f} MB at most in one process")
