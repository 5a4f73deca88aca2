"""`digest up`: everything in one process."""

import logging
import signal
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import output

if TYPE_CHECKING:
    from digest.wiring import Parts


def up(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell about every job.")] = False,
) -> None:
    """Run everything in one process: read the feeds, plan, deliver, by the timetable. No server is needed.

    The database is created or upgraded first. SIGTERM or Ctrl-C finishes the mail in flight, gives the rest
    back and stops.

    Example: digest up --verbose
    """
    from digest.clock import utc_now
    from digest.running import Runner
    from digest.settings import read_settings
    from digest.store.schema import upgrade
    from digest.wiring import Parts

    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s"
    )
    logging.getLogger("digest").setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    parts = Parts(read_settings(), utc_now, stopping.is_set)
    try:
        upgrade(parts.database)
        runner = Runner(_ready(parts), stopping)
        runner.start()
        output.say("Running; stop with Ctrl-C.")
        # Whatever else belongs to one process, such as the web side, is started here and stopped below.
        while not stopping.wait(3600):
            pass
        output.say("Stopping: the mail in flight is finished, the rest stays planned.")
        runner.stop()
    finally:
        parts.close()
    output.say("Stopped.")


def _ready(parts: "Parts") -> "Parts":
    """Make what the threads share, so that no two make it at once; a setting that can not be used shows now."""
    _ = parts.post_office, parts.profiles, parts.fetcher, parts.arxiv_pacer
    return parts
