"""`digest up`: everything in one process."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import output

if TYPE_CHECKING:
    from digest.wiring import Container


def up(
    host: Annotated[
        str, typer.Option(help="The address the pages are served at; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port the pages are served at.")] = 8000,
    no_web: Annotated[bool, typer.Option("--no-web", help="Serve no pages.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell about every job.")] = False,
) -> None:
    """Run everything in one process: read the feeds, plan, deliver, serve the pages. No server is needed.

    The database is created or upgraded first. SIGTERM or Ctrl-C finishes the mail in flight, gives the rest
    back and stops.

    Example: digest up --verbose
    """
    from digest.clock import utc_now
    from digest.jobs.scheduler import Runner
    from digest.settings import read_settings
    from digest.store.schema import upgrade
    from digest.wiring import Container

    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s"
    )
    logging.getLogger("digest").setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    container = Container(read_settings(), utc_now, stopping.is_set)
    try:
        upgrade(container.database)
        runner = Runner(_ready(container), stopping)
        with nullcontext() if no_web else _pages(host, port):
            runner.start()
            output.say("Running; stop with Ctrl-C.")
            while not stopping.wait(3600):
                pass
            output.say("Stopping: the mail in flight is finished, the rest stays planned.")
            runner.stop()
    finally:
        container.close()
    output.say("Stopped.")


@contextmanager
def _pages(host: str, port: int) -> Iterator[None]:
    """Serve the web side in a thread. Raises StopRun when it does not start."""
    import uvicorn

    from digest.cli.serving import APPLICATION, OPTIONS
    from digest.errors import StopRun

    server = uvicorn.Server(uvicorn.Config(APPLICATION, host=host, port=port, **OPTIONS))
    thread = Thread(target=server.run, name="web", daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
        if not thread.is_alive():
            raise StopRun(f"The pages cannot be served at {host}:{port}; choose another --port, or --no-web.")
    try:
        output.say(f"Serving http://{host}:{port}/")
        yield
    finally:
        server.should_exit = True
        thread.join()


def _ready(container: "Container") -> "Container":
    """Make what the threads share, so that no two make it at once; a setting that cannot be used shows now."""
    _ = container.delivery_context, container.profiles, container.fetcher, container.arxiv_pacer
    return container
