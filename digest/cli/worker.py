"""`digest worker` and `digest beat`: the parts of an installation on many machines."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from digest.errors import StopRun

QUEUES = "transactional,digests,papers,upkeep"


def worker(
    processes: Annotated[
        int,
        typer.Option("--processes", "-p", min=1, metavar="N", help="How many mails are worked on at a time."),
    ] = 2,
    queues: Annotated[
        str, typer.Option(metavar="NAMES", help="Which queues to serve, the most urgent first.")
    ] = QUEUES,
) -> None:
    """Take work from the broker: read feeds, plan, deliver. Start as many as you like, on any machine.

    Each needs the same DIGEST_ settings and nothing else. SIGTERM finishes the mails in flight, gives the rest
    back and stops; a worker that is killed loses nothing either.

    Example: digest worker --processes 4
    """
    _celery(
        "worker", "--concurrency", str(processes), "--queues", queues, "--without-gossip", "--without-mingle"
    )


def beat(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether a beat runs: exit code 0 if so, 2 if not.")
    ] = False,
) -> None:
    """Give out the work of the timetable. A second one stands by and takes over if the first falls silent.

    Example: digest beat
    """
    if check:
        from digest.clock import utc_now
        from digest.doctor.beat import require_beat

        require_beat(_broker(), utc_now())
        return
    _celery("beat")


def _celery(*arguments: str) -> NoReturn:
    """Become a Celery process."""
    _broker()
    command = [sys.executable, "-m", "celery", "--app", "workers.app", "--quiet"]
    sys.stdout.flush()
    os.execv(sys.executable, [*command, *arguments, "--loglevel", "INFO"])  # noqa: S606 - our own words only


def _broker() -> str:
    """Return the address of the workers' Redis. Raises StopRun without one."""
    from digest.settings import read_settings

    broker = read_settings().broker_url
    if broker is None or not broker.get_secret_value().startswith(("redis://", "rediss://")):
        raise StopRun(
            "Workers on many machines need a Redis: set DIGEST_BROKER_URL=redis://host:6379/0; "
            "in one process, without it: digest up"
        )
    return broker.get_secret_value()
