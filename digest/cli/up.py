"""`digest up`: everything in one process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import output
from digest.cli.container import opened, stop_signals

if TYPE_CHECKING:
    from digest.wiring import Container


def up(
    host: Annotated[
        str, typer.Option(help="The address the pages are served at; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port the pages are served at.")] = 8000,
    no_web: Annotated[bool, typer.Option("--no-web", help="Serve no pages.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what libraries do, too.")] = False,
) -> None:
    """Run everything in one process: read the feeds, plan, deliver, serve the pages. No server is needed.

    The database is created or upgraded first. On SIGTERM or Ctrl-C the mail being sent is finished, the others
    stay planned, and the process stops.

    Example: digest up --verbose
    """
    from digest import metrics_export
    from digest.jobs.scheduler import Runner
    from digest.store.backups import upgrade_after_backup

    with (
        stop_signals() as stopping,
        opened(is_stopping=stopping.is_set, is_service=True, is_verbose=verbose) as container,
    ):
        if saved := upgrade_after_backup(container.database):
            output.say(f"Upgraded the database; as it was, it is in {saved}.")
        _prepare(container)
        if container.settings.metrics_address:
            metrics_export.serve(container.settings.metrics_address)
        runner = Runner(container, stopping)
        with nullcontext() if no_web else _pages(host, port, container, stopping):
            runner.start()
            output.say("Running; stop with Ctrl-C.")
            while not stopping.wait(3600):
                pass
            output.say("Stopping: mails in flight are finished, the others stay planned.")
            runner.stop()
    output.say("Stopped.")


def _prepare(container: "Container") -> None:
    """Create the components that several threads share, so that no two create one at once. Raises BadInput."""
    _ = container.delivery_context, container.profiles, container.fetcher
    _ = container.arxiv_pacer, container.sent_mark


@contextmanager
def _pages(host: str, port: int, container: "Container", stopping: Event) -> Iterator[None]:
    """Serve the pages in a thread, with the jobs' own container. Raises StopRun if they cannot be served."""
    import uvicorn
    from uvicorn.importer import import_from_string

    from digest.cli.uvicorn_options import CREATE_APP, OPTIONS
    from digest.errors import StopRun

    create_app: Callable[..., object] = import_from_string(CREATE_APP)
    application = partial(create_app, container, stopping=stopping)
    server = uvicorn.Server(uvicorn.Config(application, host=host, port=port, **OPTIONS))
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
