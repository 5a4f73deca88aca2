"""`digest worker` and `digest beat`: the Celery processes of an installation on several machines."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from digest.errors import StopRun

QUEUES = "transactional,digests,papers,upkeep"


def worker(
    processes: Annotated[
        int,
        typer.Option("--processes", "-p", min=1, metavar="N", help="How many tasks run at a time."),
    ] = 2,
    queues: Annotated[
        str, typer.Option(metavar="NAMES", help="Which queues to consume, the most urgent first.")
    ] = QUEUES,
) -> None:
    """Run tasks of the broker: read feeds, plan, deliver. Any number of workers may run, on any machine.

    Each needs the same DIGEST_ settings and nothing else. On SIGTERM a worker finishes the mails in flight, releases
    its other deliveries and stops. A killed worker loses no delivery either. With DIGEST_METRICS_ADDRESS it serves the
    metrics of all its processes there.

    Example: digest worker --processes 4
    """
    _celery(
        "worker",
        "--concurrency",
        str(processes),
        "--queues",
        queues,
        "--without-gossip",
        "--without-mingle",
        shares_metrics=True,
    )


def beat(
    check: Annotated[
        bool, typer.Option("--check", help="Only check whether a beat runs: exit code 0 if so, 2 if not.")
    ] = False,
) -> None:
    """Start the tasks of the timetable. A second beat is on standby and takes over if the first stops.

    Example: digest beat
    """
    if check:
        from digest.clock import utc_now
        from digest.doctor.beat import require_beat

        require_beat(_broker(), utc_now())
        return
    _celery("beat")


def _celery(*arguments: str, shares_metrics: bool = False) -> NoReturn:
    """Replace this process by a Celery process. `shares_metrics`: its processes count together."""
    from digest.metrics_export import make_folder
    from digest.settings import read_settings
    from digest.wiring import start_reporting

    _broker()
    settings = read_settings()
    start_reporting(settings)
    if shares_metrics and settings.metrics_address:
        make_folder()
    command = [sys.executable, "-m", "celery", "--app", "workers.app", "--quiet"]
    sys.stdout.flush()
    os.execv(sys.executable, [*command, *arguments, "--loglevel", "INFO"])  # noqa: S606 - the arguments are validated


def _broker() -> str:
    """Return the URL of the workers' Redis. Raises StopRun if DIGEST_BROKER_URL is not one."""
    from digest.settings import read_settings

    broker = read_settings().broker_url
    if broker is None or not broker.get_secret_value().startswith(("redis://", "rediss://")):
        raise StopRun(
            "Workers need a Redis: set DIGEST_BROKER_URL=redis://host:6379/0; "
            "to run without one, in one process: digest up"
        )
    return broker.get_secret_value()
